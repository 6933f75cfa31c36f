"""``undo`` and ``history``: the change log, and taking back what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import options
from modelfs.cli.output import note, print_json, say
from modelfs.cli.tables import Column, is_drawn, print_plain, print_table
from modelfs.errors import NotFound
from modelfs.units import format_time

if TYPE_CHECKING:
    from modelfs.catalog.records import Change
    from modelfs.library import Library

_ASIDE = ("_at", "_by")
"""Ends of what is logged with a change but is not what people changed."""
_REACH = 1000
"""How many changes back one can be named."""


def history(
    count: Annotated[int, typer.Argument(metavar="N", min=1, help="How many.")] = 20,
    plain: options.Plain = False,
    as_json: options.Json = False,
) -> None:
    """List the latest changes, newest first.

    Piped, it prints number, time, action, model and what changed, with tabs between.

    Examples:
      modelfs history
      modelfs history 5 --json
    """
    from modelfs.library import open_library, undo

    with open_library(read_only=True) as library:
        found = undo.history(library, count)
    if as_json:
        print_json([_document(change, name) for change, name in found])
        return
    rows = [[str(c.id), format_time(c.at) or "", c.action, name, _told(c)] for c, name in found]
    if not is_drawn(plain=plain):
        print_plain(rows)
        return
    columns = [Column("#", "right"), Column("When (UTC)"), Column("Action")]
    columns += [Column("Model", shrinks=2), Column("What", shrinks=1)]
    print_table(columns, rows)


def undo(
    change: Annotated[
        int | None,
        typer.Argument(
            metavar="N", help="The change's number in modelfs history.", show_default=False
        ),
    ] = None,
    dry_run: options.DryRun = False,
) -> None:
    """Take back the latest change, or the one with this number.

    Undoing is a change too: a second undo puts it back. After add --move it puts the originals
    back where they were; the models stay in the library as well.

    Examples:
      modelfs undo
      modelfs undo --dry-run
      modelfs undo 41
    """
    from modelfs.library import open_library
    from modelfs.library import undo as undoing

    with open_library(read_only=dry_run) as library:
        found, name = _find(library, change)
        told = f"{found.action} of {name}"
        if dry_run:
            say(f"would take back change {found.id}: {told} {_told(found)}".rstrip())
            return
        result = undoing.undo(library, found)
    say(f"took back the {told}: {result}")
    if found.action != "move":
        note("modelfs undo again puts it back")


def _find(library: Library, number: int | None) -> tuple[Change, str]:
    from modelfs.library.undo import history as read_history

    for change, name in read_history(library, _REACH):
        if change.id == number or (number is None and change.model):
            return change, name
    if number is None:
        raise NotFound("nothing was changed yet")
    raise NotFound(f"there is no change {number}", "modelfs history shows their numbers")


def _document(change: Change, name: str) -> dict[str, object]:
    return {
        "id": change.id,
        "at": format_time(change.at),
        "action": change.action,
        "model": name or None,
        "before": change.before,
        "after": change.after,
    }


def _told(change: Change) -> str:
    """Return what changed in a few words: only what differs, and not the moments."""
    before, after = change.before or {}, change.after or {}
    keys = [key for key in after if before.get(key) != after[key] and not key.endswith(_ASIDE)]
    if not change.before or not change.after:
        return ""
    return ", ".join(f"{key}: {_value(before, key)} → {_value(after, key)}" for key in keys)


def _value(values: Mapping[str, object], key: str) -> str:
    value = values.get(key)
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text or "none"
