"""How models stand to their sources, as a table, as lines and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelfs.cli.output import next_step, note
from modelfs.cli.tables import Cell, Column, Row, is_drawn, is_wide, print_plain, print_table
from modelfs.units import format_size

if TYPE_CHECKING:
    from modelfs.library.updating import Standing

_STYLES = {"outdated": "yellow", "gone": "bold red", "unreachable": "bold red"}
_COMMIT = 40
_SHORT = 7


def show(found: Sequence[Standing], *, plain: bool, aside: bool = False) -> None:
    """Show how models stand, as data or, ``aside``, before a question."""
    if not aside and not is_drawn(plain=plain):
        print_plain([_plain(each) for each in found])
        return
    columns = [
        Column("Name", shrinks=2),
        Column("State"),
        Column("Revision"),
        Column("To fetch", "right"),
        Column("Here", "right"),
        Column("Why", shrinks=1),
    ]
    kept = columns if is_wide(aside=aside) else [*columns[:4], columns[5]]
    rows = [_row(each) for each in found]
    picked = [[row[columns.index(column)] for column in kept] for row in rows]
    print_table(kept, picked, aside=aside)


def _row(each: Standing) -> Row:
    return [
        each.model.entry_name,
        Cell(each.state, _STYLES.get(each.state, "")),
        way(each),
        format_size(each.plan.new_bytes) if each.plan else "",
        format_size(each.plan.here_bytes) if each.plan else "",
        _why(each),
    ]


def _why(each: Standing) -> str:
    return each.reason or ", ".join(each.changed)


def _plain(each: Standing) -> list[object]:
    to_fetch = each.plan.new_bytes if each.plan else None
    revisions = each.revision, each.new_revision
    return [each.model.entry_name, each.state, *revisions, to_fetch, _why(each)]


def way(each: Standing) -> str:
    """Return from which revision it goes to which, a commit in short."""
    now, new = _shown(each.revision), _shown(each.new_revision)
    return now if not new or now == new else f"{now or '?'} → {new}"


def _shown(revision: str) -> str:
    bare = revision.removeprefix("sha256:")
    return bare[:_SHORT] if len(bare) >= _COMMIT else bare


def tell_counts(found: Sequence[Standing]) -> None:
    """Say how many stand how, and what comes next."""
    counts = Counter(each.state for each in found)
    note(", ".join(f"{count} {state}" for state, count in counts.most_common()))
    to_fetch = sum(each.plan.new_bytes for each in found if each.plan)
    if counts["outdated"]:
        next_step(f"modelfs update --all ({format_size(to_fetch)} to fetch)")


def document(each: Standing) -> dict[str, object]:
    """Return the JSON of how one model stands."""
    plan = each.plan
    return {
        "id": each.model.id,
        "model": each.model.entry_name,
        "source": each.model.source,
        "state": each.state,
        "reason": each.reason or None,
        "hint": each.hint or None,
        "revision": each.revision or None,
        "new_revision": each.new_revision or None,
        "new_source": plan.listing.source if plan else None,
        "changed": list(each.changed),
        "new_bytes": plan.new_bytes if plan else None,
        "here_bytes": plan.here_bytes if plan else None,
    }
