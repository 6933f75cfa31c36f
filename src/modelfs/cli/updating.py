"""``outdated`` and ``update``: what has changed at its source, and having it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import options
from modelfs.cli.confirm import confirm
from modelfs.cli.output import next_step, note, print_json, say, warn
from modelfs.cli.progress import bars
from modelfs.cli.standings import document, show, tell_counts, way
from modelfs.errors import BadInput, ModelfsError, Unreachable
from modelfs.units import format_count, format_size

if TYPE_CHECKING:
    from modelfs.catalog.records import ModelRecord
    from modelfs.library import Library
    from modelfs.library.updating import Standing


def outdated(
    names: options.Models = None, plain: options.Plain = False, as_json: options.Json = False
) -> None:
    """Ask the sources of models whether their files have changed since; all without a name.

    A model follows the branch or tag it was fetched by; one that was fetched by a commit never
    changes. Piped, it prints name, state, revision, new revision, bytes to fetch and a reason,
    with tabs between. What cannot be asked ends it with 6, after all the others.

    Examples:
      modelfs outdated
      modelfs outdated SmolLM2-135M-Q4_K_M.gguf
      modelfs outdated --json
    """
    from modelfs.library import open_library

    with open_library(read_only=True) as library:
        found = _look(library, names)
    if as_json:
        print_json([document(standing) for standing in found])
    elif not found:
        note("no model here follows a source")
    else:
        show(found, plain=plain)
        tell_counts(found)
    if any(standing.state == "unreachable" for standing in found):
        raise typer.Exit(Unreachable.exit_code)


def update(
    names: options.Models = None,
    everything: Annotated[
        bool, options.flag("--all", help="Every model that is outdated.")
    ] = False,
    background: options.Background = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Fetch what is new of models whose source has changed; only what changed is transferred.

    The old one stays until the new one is complete; then the new one has its name, its typed tags
    and its notes, and the old one is in the trash.

    Examples:
      modelfs update SmolLM2-135M-Q4_K_M.gguf
      modelfs update --all --dry-run
      modelfs update --all --yes --background
    """
    from modelfs.library import open_library

    if bool(names) == everything:
        raise BadInput("say which models", "give their names, or --all")
    with open_library(read_only=dry_run) as library:
        found = _look(library, names)
        outcomes = [_Outcome(standing) for standing in found]
        ready = [each for each in outcomes if each.standing.plan is not None]
        if not as_json:
            _tell_rest(found, named=bool(names))
        if ready and not dry_run:
            _ask(ready, yes=yes)
            for each in ready:
                _carry_out(library, each, background=background, as_json=as_json)
    if as_json:
        documents = [each.document() for each in outcomes]
        print_json({"dry_run": dry_run, "models": documents})
    elif dry_run and ready:
        show([each.standing for each in ready], plain=False)
    _end(outcomes, found)


@dataclass(slots=True)
class _Outcome:
    """What became of one model."""

    standing: Standing
    outcome: str = ""
    job: int | None = None
    error: ModelfsError | None = None
    model: ModelRecord | None = None

    def document(self) -> dict[str, object]:
        from modelfs.library import describe

        planned = "planned" if self.standing.plan is not None else self.standing.state
        return {
            **document(self.standing),
            "outcome": self.outcome or planned,
            "job": self.job,
            "error": self.error.message if self.error else None,
            "new_model": describe.listed(self.model) if self.model else None,
        }


def _look(library: Library, names: Sequence[str] | None) -> list[Standing]:
    from modelfs.library import access, select, updating

    chosen = select.several(library, names) if names else updating.following(library)
    with access.web(library) as web, bars() as drawn:
        return updating.look(library, chosen, web, drawn.report)


def _ask(ready: Sequence[_Outcome], *, yes: bool) -> None:
    plans = [each.standing.plan for each in ready]
    to_fetch = format_size(sum(plan.new_bytes for plan in plans if plan is not None))
    if not yes:
        show([each.standing for each in ready], plain=False, aside=True)
    confirm(f"update {format_count(len(ready), 'model')}, {to_fetch} to fetch?", yes=yes)


def _carry_out(library: Library, each: _Outcome, *, background: bool, as_json: bool) -> None:
    """Update one model; an error is in its outcome, and the others go on."""
    from modelfs.library import updating
    from modelfs.library.work import start_worker

    old = each.standing.model
    try:
        each.job = updating.start(library, each.standing, queued=background)
        if background:
            start_worker(library)
            each.outcome = "queued"
        else:
            with bars() as drawn:
                each.model = updating.finish(library, each.standing, each.job, drawn.report)
            each.outcome = "updated"
    except ModelfsError as error:
        each.error, each.outcome = error, "failed"
    except KeyboardInterrupt:
        note(f"{old.entry_name} is as it was; what came is kept: the same command goes on")
        raise
    if not as_json:
        _tell(each, old)


def _tell(each: _Outcome, old: ModelRecord) -> None:
    if each.error is not None:
        warn(f"{old.entry_name} was not updated: {each.error.message}")
        note(f"  {each.error.hint}" if each.error.hint else "  it is as it was")
    elif each.model is None:
        say(f"job {each.job} updates {old.entry_name}")
        next_step("modelfs jobs --watch")
    else:
        called = f" as {each.model.entry_name}" if each.model.entry_name != old.entry_name else ""
        say(f"updated {old.entry_name}{called}: {way(each.standing)}")
        note(
            f'  the one before is in the trash: modelfs undo, or modelfs restore "#{old.id}" '
            "to have both"
        )


def _end(outcomes: Sequence[_Outcome], found: Sequence[Standing]) -> None:
    codes = [each.error.exit_code for each in outcomes if each.error is not None]
    codes += [Unreachable.exit_code for each in found if each.state == "unreachable"]
    if codes:
        raise typer.Exit(codes[0])


def _tell_rest(found: Sequence[Standing], *, named: bool) -> None:
    """Say of those that are not updated why; of many that are current only their number."""
    for each in found:
        name = each.model.entry_name
        if each.state in ("gone", "unreachable") or (each.state == "outdated" and not each.plan):
            warn(f"{name}: {each.reason}" + (f" ({each.hint})" if each.hint else ""))
        elif each.state != "outdated" and named:
            note(f"{name} is {each.state}" + (f": {each.reason}" if each.reason else ""))
    if not named and not any(each.state == "outdated" for each in found):
        note("no model is outdated")
