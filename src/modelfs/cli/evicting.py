"""``evict``: letting go of bytes that can be fetched again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import options
from modelfs.cli.choosing import chosen
from modelfs.cli.confirm import confirm
from modelfs.cli.output import note, print_json, say, warn
from modelfs.cli.tables import Column, Row, is_drawn, print_plain, print_table
from modelfs.errors import BadInput, Refused
from modelfs.units import format_count, format_size, format_time

if TYPE_CHECKING:
    from modelfs.catalog.records import ModelRecord
    from modelfs.library import Library
    from modelfs.library.eviction import EvictionPlan

_NAMED = 5
"""Models of one reason that are named."""


def evict(
    names: options.Models = None,
    query: options.Query = None,
    free: Annotated[
        int | None,
        typer.Option(
            parser=options.size,
            metavar="SIZE",
            help="Free this much, of those first that were used longest ago.",
            show_default=False,
        ),
    ] = None,
    to_fit: Annotated[
        int | None,
        typer.Option(
            parser=options.size,
            metavar="SIZE",
            help="Until all models together take no more than this on disk.",
            show_default=False,
        ),
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option(
            parser=options.duration,
            metavar="DURATION",
            help="Only what was not used for so long: 30d.",
            show_default=False,
        ),
    ] = None,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Free space: let go of bytes that can be fetched again. The models stay listed.

    What is pinned or open stays, and what might not come back the same: whose source is a local
    file, or whose SHA-256 is not known. modelfs show says how to fetch a model again.

    Piped, --dry-run prints name, bytes freed, last used and source, with tabs between.

    Examples:
      modelfs evict --free 50GB --dry-run
      modelfs evict --older-than 90d --query category:image
      modelfs evict SmolLM2-135M-Q4_K_M.gguf --yes
    """
    from modelfs.library import eviction, open_library

    with open_library() as library:
        among = chosen(library, names or [], query) if names or query is not None else None
        plan, wanted = _plan(library, among, free, to_fit, older_than)
        freed = plan.freed_bytes
        if not dry_run and plan.is_refused:
            raise Refused(f"nothing may go: {'; '.join(_reasons(plan))}", "modelfs ls shows others")
        if not dry_run and plan.models:
            if not yes:
                _show_plan(plan, aside=True)
            confirm(f"evict {format_count(len(plan.models), 'model')}?", yes=yes)
            freed = eviction.evict(library, plan, is_open=eviction.open_now(library))
        models = plan.models if dry_run else _again(library, plan.models)
    if as_json:
        print_json(_document(plan, models, freed, wanted, dry_run=dry_run))
    elif dry_run:
        _show_plan(plan, aside=False)
    elif models:
        say(f"evicted {format_count(len(models), 'model')}: {format_size(freed)} freed")
        note("modelfs show NAME says how to fetch one again")
    else:
        note("there is nothing to evict")
    if wanted is not None and freed < wanted:
        warn(f"that is {format_size(wanted - freed)} less than what was asked for")


def _plan(
    library: Library,
    among: Sequence[ModelRecord] | None,
    free: int | None,
    to_fit: int | None,
    older_than: float | None,
) -> tuple[EvictionPlan, int | None]:
    """Return the plan, and how much it was to free if that was said."""
    from modelfs.library import eviction

    if free is not None and to_fit is not None:
        raise BadInput("--free and --to-fit say two different things", "give one of them")
    if among is None and free is None and to_fit is None and older_than is None:
        raise BadInput(
            "say what to evict", "give names, --query, --free SIZE, --to-fit SIZE or --older-than"
        )
    is_open = eviction.open_now(library)
    models = eviction.here(library) if among is None else among
    if older_than is not None:
        models = eviction.older_than(models, older_than)
    if to_fit is not None:
        free = eviction.surplus_bytes(library, to_fit)
    if free is None:
        return eviction.plan_eviction(library, models, is_open=is_open), None
    return eviction.plan_to_fit(library, free, is_open=is_open, among=models), free


def _again(library: Library, models: Sequence[ModelRecord]) -> list[ModelRecord]:
    """Return those of these models that are away now."""
    from modelfs.library import select

    return [model for model in select.renewed(library, models) if model.state == "remote"]


def _show_plan(plan: EvictionPlan, *, aside: bool) -> None:
    if aside or is_drawn():
        columns = [Column("Name", shrinks=2), Column("Freed", "right"), Column("Last used")]
        columns += [Column("Source", shrinks=1)]
        if plan.models:
            print_table(columns, [_row(plan, model) for model in plan.models], aside=aside)
    else:
        print_plain(
            [
                [m.entry_name, plan.freed_of[m.id], format_time(m.last_used_at), m.source]
                for m in plan.models
            ]
        )
    for reason in _reasons(plan):
        note(f"stays: {reason}")
    count = format_count(len(plan.models), "model")
    note(f"{count}: evicting frees {format_size(plan.freed_bytes)} on disk")


def _row(plan: EvictionPlan, model: ModelRecord) -> Row:
    return [
        model.entry_name,
        format_size(plan.freed_of[model.id]),
        (format_time(model.last_used_at) or "never")[:10],
        model.source,
    ]


def _reasons(plan: EvictionPlan) -> list[str]:
    """Return a line for each reason, with the models that stay for it."""
    names: dict[str, list[str]] = defaultdict(list)
    for model, why in plan.kept:
        names[why].append(model.entry_name)
    return [f"{_some(found)}: {why}" for why, found in names.items()]


def _some(names: Sequence[str]) -> str:
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return ", ".join([*names[:_NAMED], *more])


def _document(
    plan: EvictionPlan,
    models: Sequence[ModelRecord],
    freed: int,
    wanted: int | None,
    *,
    dry_run: bool,
) -> dict[str, object]:
    from modelfs.library import describe

    return {
        "dry_run": dry_run,
        "models": [describe.listed(model) for model in models],
        "freed_bytes": freed,
        "wanted_bytes": wanted,
        "kept": [
            {"id": model.id, "entry_name": model.entry_name, "reason": why}
            for model, why in plan.kept
        ],
    }
