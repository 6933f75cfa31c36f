"""``verify`` and ``doctor``: whether the bytes are right, and whether everything works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import options
from modelfs.cli.measuring import measure_speed
from modelfs.cli.output import note, print_json, say
from modelfs.cli.progress import bars
from modelfs.cli.rebuilding import rebuild_catalog
from modelfs.cli.tables import Cell, print_card
from modelfs.errors import BadInput, Damaged
from modelfs.units import format_count, format_size

if TYPE_CHECKING:
    from modelfs.library.checked import Checked, CheckSummary
    from modelfs.library.health import Check

_NAME_WIDTH = 11
VERDICT_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def verify(
    data: Annotated[
        bool, options.flag("--data", help="Read every byte and compare its hash.")
    ] = False,
    seal: Annotated[
        bool,
        options.flag("--seal", help="Compute and record the SHA-256 of what has none."),
    ] = False,
    max_time: Annotated[
        float | None,
        typer.Option(
            parser=options.duration,
            metavar="DURATION",
            help="Stop reading after this, as 30m or 2h; the next run goes on there.",
            show_default=False,
        ),
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option(
            parser=options.duration,
            metavar="DURATION",
            help="Read only what was not read for so long: 30d.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Check that every blob is there and right; exit 1 when there is damage.

    Without options it looks at sizes and modes only, which takes a moment. Damaged bytes are set
    aside and their files answer EIO, until the same file is added again.

    Examples:
      modelfs verify
      modelfs verify --data --older-than 30d --max-time 2h
      modelfs verify --seal --json
    """
    from modelfs.library import check, local_work, open_library
    from modelfs.library.checked import CheckSummary

    if (max_time is not None or older_than is not None) and not (data or seal):
        raise BadInput(
            "--max-time and --older-than limit reading", "give --data or --seal with them"
        )
    summary = CheckSummary()
    findings: list[Checked] = []
    with ExitStack() as stack:
        library, drawn = stack.enter_context(open_library()), stack.enter_context(bars())
        checks = check.look(library, summary)
        if data or seal:
            request = local_work.verify_request(
                data=data, seal=seal, max_time_s=max_time, older_than_s=older_than
            )
            report = stack.enter_context(local_work.verifying(library, request, drawn.report))
            checks = local_work.verified(library, request, summary, report)
        for checked in checks:
            findings.append(checked)
            if not as_json:
                with drawn.hidden():
                    _tell(checked)
    damaged = any(checked.finding.is_damage for checked in findings)
    if as_json:
        print_json(_document(summary, findings))
    else:
        _tell_summary(summary, len(findings))
    if damaged:
        raise typer.Exit(Damaged.exit_code)


def _tell(checked: Checked) -> None:
    from modelfs.library.checked import whom

    style = "bold red" if checked.finding.is_damage else "yellow"
    say(f"{whom(checked)}: {checked.finding.detail}", style)
    say(f"  {checked.action}")


def _tell_summary(summary: CheckSummary, findings: int) -> None:
    found = format_count(findings, "finding") if findings else "all as it should be"
    read = f", {format_size(summary.read_bytes)} read" if summary.read_bytes else ""
    sealed = f", {summary.sealed} sealed" if summary.sealed else ""
    say(f"{format_count(summary.looked_at, 'blob')} checked{read}{sealed}: {found}")
    if summary.unread:
        note(f"{format_count(summary.unread, 'blob')} left; the next run goes on there")


def _document(summary: CheckSummary, findings: list[Checked]) -> dict[str, object]:
    return {
        "looked_at": summary.looked_at,
        "read_bytes": summary.read_bytes,
        "sealed": summary.sealed,
        "unread": summary.unread,
        "findings": [
            {
                **asdict(checked.finding),
                "is_damage": checked.finding.is_damage,
                "action": checked.action,
                "models": list(checked.models),
            }
            for checked in findings
        ],
    }


def doctor(
    rebuild: Annotated[
        bool,
        options.flag("--rebuild", help="Make a lost or damaged catalogue again."),
    ] = False,
    speed: Annotated[
        bool,
        options.flag("--speed", help="Measure reading through the mount, for two seconds."),
    ] = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Look for what is wrong with store, catalogue and mount, and say how to mend it.

    Exit 1 when there is a problem; warnings alone are 0. --rebuild brings a catalogue back from
    what can be read of it, its last snapshot and the blobs, after showing what comes back; the
    old one is kept in the store's lost+found. --speed reads the largest file through the mount
    and beside it, and says how they compare; that is no use of its model.

    Examples:
      modelfs doctor
      modelfs doctor --speed
      modelfs doctor --rebuild --dry-run
    """
    if rebuild and speed:
        raise BadInput("--rebuild and --speed are two things", "give one of them")
    if rebuild:
        rebuild_catalog(dry_run=dry_run, yes=yes, as_json=as_json)
        return
    if dry_run or yes:
        raise BadInput("--dry-run and --yes belong to --rebuild", "doctor alone changes nothing")
    if speed:
        measure_speed(as_json=as_json)
        return
    checks = []
    for check in _health():
        checks.append(check)
        if not as_json:
            _show(check)
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        _tell_verdict([check.verdict for check in checks])
    if any(check.verdict == "problem" for check in checks):
        raise typer.Exit(Damaged.exit_code)


def _health() -> Iterator[Check]:
    from modelfs.fs.health import check_mount
    from modelfs.library import open_library
    from modelfs.library.health import Check, check_library
    from modelfs.library.rows import REBUILD

    try:
        library = open_library()
    except Damaged as error:
        why = "without it nobody knows what the blobs are"
        yield Check("catalogue", "problem", error.message, why, REBUILD)
        return
    with library:
        yield from check_library(library)
        yield from check_mount(library)


def _show(check: Check) -> None:
    rows: list[tuple[str, str | Cell]] = [(check.name, check.found)]
    if check.verdict != "ok":
        rows += [("  why", check.why), ("  mend", Cell(check.mend, "bold"))]
    verdict = Cell(f"{check.verdict:<8}", VERDICT_STYLES[check.verdict])
    print_card(rows, mark=verdict, label_width=_NAME_WIDTH)


def _tell_verdict(verdicts: list[str]) -> None:
    problems, warnings = verdicts.count("problem"), verdicts.count("warning")
    if not problems and not warnings:
        note("everything is well")
        return
    note(f"{format_count(problems, 'problem')}, {format_count(warnings, 'warning')}")
