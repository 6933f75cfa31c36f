"""``jobs clean``: partial files that nobody goes on with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import options
from modelfs.cli.confirm import confirm
from modelfs.cli.output import note, print_json, say
from modelfs.cli.tables import Column, is_drawn, print_plain, print_table
from modelfs.units import format_count, format_size

if TYPE_CHECKING:
    from modelfs.library.leftover_jobs import ClearingPlan


def clean(
    older_than: Annotated[
        float | None,
        typer.Option(
            parser=options.duration,
            metavar="DURATION",
            help="What stopped longer ago, as 7d: also of jobs that are paused or failed.",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[
        bool,
        options.flag("--all", help="Also of jobs that are paused or failed; done ones, too."),
    ] = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Remove what jobs left behind: partial files of cancelled jobs, or of no job at all.

    What is being worked on or queued is never touched, nor is a model. Jobs that were done thirty
    days ago are no longer listed then. Piped, --dry-run prints partial or job, bytes or state, and
    which, with tabs between.

    Examples:
      modelfs jobs clean
      modelfs jobs clean --older-than 7d --dry-run
      modelfs jobs clean --all --yes
    """
    from modelfs.library import open_library
    from modelfs.library.leftover_jobs import clear, plan_clearing

    with open_library() as library:
        plan = plan_clearing(library, older_than_s=older_than, everything=everything)
        freed = plan.freed_bytes
        empty = not plan.jobs and not plan.partials
        if not dry_run and not empty:
            if not yes:
                _show(plan, aside=True)
            confirm(f"remove {_counted(plan)}?", yes=yes)
            freed = clear(library, plan)
    if as_json:
        print_json(_document(plan, freed, dry_run=dry_run))
    elif empty:
        note("there is nothing to clean")
    elif dry_run:
        _show(plan, aside=False)
    else:
        say(f"removed {_counted(plan)}: {format_size(freed)} freed")


def _counted(plan: ClearingPlan) -> str:
    files = format_count(len(plan.partials), "partial file")
    return f"{format_count(len(plan.jobs), 'job')} and {files}"


def _show(plan: ClearingPlan, *, aside: bool) -> None:
    partials = [[each.name, format_size(each.size_bytes), "a part of it"] for each in plan.partials]
    ended = [[f"job {job.id}: {job.title}", "", job.state] for job in plan.jobs]
    if aside or is_drawn():
        heads = [Column("What", shrinks=2), Column("On disk", "right"), Column("Is")]
        print_table(heads, [*ended, *partials], aside=aside)
    else:
        print_plain([["partial", each.size_bytes, each.name] for each in plan.partials])
        print_plain([["job", job.state, f"{job.id}: {job.title}"] for job in plan.jobs])
    note(f"{_counted(plan)}: removing frees {format_size(plan.freed_bytes)} on disk")


def _document(plan: ClearingPlan, freed: int, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "jobs": [{"id": job.id, "title": job.title, "state": job.state} for job in plan.jobs],
        "partials": [
            {"file": each.name, "key": each.files.key, "size_bytes": each.size_bytes}
            for each in plan.partials
        ],
        "freed_bytes": freed,
    }
