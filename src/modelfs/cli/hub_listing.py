"""What ``search --hub`` shows: models of the hub, their variants, and what of them is here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelfs.cli.output import next_step, note, print_json
from modelfs.cli.tables import Cell, Column, Row, is_drawn, is_wide, print_plain, print_table
from modelfs.units import format_size

if TYPE_CHECKING:
    from modelfs.library.hub_search import Found, FoundVariant

_SHOWN = 3
_UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


def print_hub(
    words: str, limit: int, task: str | None, sort: str | None, *, plain: bool, as_json: bool
) -> None:
    """Print what the hub finds: as JSON, as lines or as a table."""
    from modelfs.library import access, hub_search, open_library

    with (
        open_library(read_only=True) as library,
        access.web(library) as web,
    ):
        order = hub_search.order_named(sort) if sort else None
        found = hub_search.search(library, web, words, limit, task=task, sort=order)
    if as_json:
        print_json(hub_search.documents(found))
    elif not found:
        note(f"the hub has no model that fits {words!r}")
    elif not is_drawn(plain=plain):
        print_plain([_plain(each) for each in found])
    else:
        _table(found)
        next_step(f"modelfs add hf:{found[0].hit.repository}")


def _plain(found: Found) -> list[object]:
    hit = found.hit
    variants = ",".join(f"{each.label}={each.size_bytes}" for each in found.variants)
    gated = "gated" if hit.gated else "open"
    counts = hit.downloads, hit.likes
    return [hit.repository, hit.task, *counts, hit.license, gated, found.here, variants]


def _table(found: Sequence[Found]) -> None:
    wide = is_wide()
    columns = [
        Column("Repository", shrinks=2),
        Column("Task", shrinks=1),
        Column("Downloads", "right"),
        Column("Likes", "right"),
        Column("Licence", shrinks=1),
        Column("Gated"),
        Column("Variants", shrinks=1),
        Column("Here", shrinks=1),
    ]
    # Where there is little room, those first that say what would come.
    some_gated = any(each.hit.gated for each in found)
    kept = [True, wide, True, wide, wide, some_gated, True, any(e.here != "none" for e in found)]
    rows = [_picked(_row(each), kept) for each in found]
    print_table([column for column, keep in zip(columns, kept, strict=True) if keep], rows)


def _picked(row: Row, kept: Sequence[bool]) -> Row:
    return [cell for cell, keep in zip(row, kept, strict=True) if keep]


def _row(found: Found) -> Row:
    hit = found.hit
    return [
        hit.repository,
        hit.task or "",
        _short(hit.downloads),
        _short(hit.likes),
        hit.license or "",
        Cell("gated" if hit.gated else "", "yellow"),
        _variants(found.variants),
        Cell(", ".join(found.models) or (found.here if found.here != "none" else ""), "green"),
    ]


def _variants(variants: Sequence[FoundVariant]) -> str:
    told = [f"{each.label} {format_size(each.size_bytes)}" for each in variants[:_SHOWN]]
    more = [f"{len(variants) - _SHOWN} more"] if len(variants) > _SHOWN else []
    return ", ".join([*told, *more])


def _short(number: int) -> str:
    for unit, letter in _UNITS:
        if number >= unit:
            return f"{number / unit:.1f}{letter}"
    return str(number)
