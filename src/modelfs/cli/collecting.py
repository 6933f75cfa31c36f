"""``gc``: removing what nothing names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import options
from modelfs.cli.confirm import confirm
from modelfs.cli.output import note, print_json, say
from modelfs.cli.tables import Column, is_drawn, print_plain, print_table
from modelfs.units import format_count, format_size

if TYPE_CHECKING:
    from modelfs.library.collect import CollectionPlan, Leftover

REASONS = {
    "unnamed": "no model has it any more",
    "unknown": "in the store but not in the catalogue",
    "left over": "from work that was cut off",
    "quarantined": "a damaged copy that was replaced",
}


def gc(
    grace: Annotated[
        float | None,
        typer.Option(
            parser=options.duration,
            metavar="DURATION",
            help="Only what is older: 1h, 30m; 0 for all. Else as configured.",
            show_default=False,
        ),
    ] = None,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Remove bytes that no model names and what a crash left behind.

    Models are never touched, nor is the trash. Piped, --dry-run prints reason, bytes and blob or
    path, with tabs between.

    Examples:
      modelfs gc --dry-run
      modelfs gc --yes
      modelfs gc --grace 0 --yes
    """
    from modelfs.library import open_library
    from modelfs.library.collect import collect, plan_collection

    with open_library() as library:
        plan = plan_collection(library, grace)
        freed = plan.freed_bytes
        if not dry_run and plan.leftovers:
            if not yes:
                _show_plan(plan, aside=True)
            confirm(f"remove {format_count(len(plan.leftovers), 'leftover')}?", yes=yes)
            freed = collect(library, plan)
    if as_json:
        print_json(_document(plan, freed, dry_run=dry_run))
    elif not plan.leftovers:
        note("there is nothing to collect")
    elif dry_run:
        _show_plan(plan, aside=False)
    else:
        say(f"removed {format_count(len(plan.leftovers), 'leftover')}: {format_size(freed)} freed")


def _document(plan: CollectionPlan, freed: int, *, dry_run: bool) -> dict[str, object]:
    leftovers = [
        {
            "reason": leftover.reason,
            "size_bytes": leftover.size_bytes,
            "blob": leftover.blob,
            "path": None if leftover.path is None else str(leftover.path),
        }
        for leftover in plan.leftovers
    ]
    return {"dry_run": dry_run, "leftovers": leftovers, "freed_bytes": freed}


def _show_plan(plan: CollectionPlan, *, aside: bool) -> None:
    if aside or is_drawn():
        columns = [Column("Leftover", shrinks=2), Column("On disk", "right")]
        columns += [Column("Why", shrinks=1)]
        rows = [
            [_what(leftover), format_size(leftover.size_bytes), REASONS[leftover.reason]]
            for leftover in plan.leftovers
        ]
        print_table(columns, rows, aside=aside)
    else:
        print_plain([[item.reason, item.size_bytes, _what(item)] for item in plan.leftovers])
    count = format_count(len(plan.leftovers), "leftover")
    note(f"{count}: removing frees {format_size(plan.freed_bytes)} on disk")


def _what(leftover: Leftover) -> str:
    return leftover.blob or str(leftover.path)
