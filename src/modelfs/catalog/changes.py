"""The change log: written with every edit, read by undo, the mount and the desktop program."""

import json
import time
from collections.abc import Collection, Mapping

from modelfs.catalog.database import Catalog
from modelfs.catalog.records import Action, Change
from modelfs.types import ChangeId, ModelId


def log(
    catalog: Catalog,
    action: Action,
    model: ModelId,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
) -> None:
    """Append a line; the caller is inside ``write()``."""
    texts = [None if value is None else json.dumps(value) for value in (before, after)]
    catalog.rows(
        "INSERT INTO change (at, action, model, before, after) VALUES (?, ?, ?, ?, ?)",
        [time.time(), action, model, *texts],
    )


def newest(catalog: Catalog) -> tuple[ChangeId, float]:
    """Return the id and the moment of the last change; zeros for an empty log."""
    rows = catalog.rows("SELECT id, at FROM change ORDER BY id DESC LIMIT 1")
    return (ChangeId(rows[0][0]), rows[0][1]) if rows else (ChangeId(0), 0.0)


def after(catalog: Catalog, seen: ChangeId) -> list[Change]:
    """Return the changes behind one that was seen, oldest first."""
    return _changes(catalog, "WHERE id > ? ORDER BY id", [seen])


def latest(catalog: Catalog, count: int) -> list[Change]:
    """Return the last changes, newest first."""
    return _changes(catalog, "ORDER BY id DESC LIMIT ?", [count])


def names_of_the_gone(catalog: Catalog, ids: Collection[ModelId]) -> dict[ModelId, str]:
    """Return what those of these models were called that have been deleted for good."""
    rows = catalog.rows(
        "SELECT model, before ->> 'name' FROM change WHERE action = 'empty' "
        "AND model IN (SELECT value FROM json_each(?))",
        [json.dumps(list(ids))],
    )
    return {ModelId(row[0]): row[1] for row in rows}


def _changes(catalog: Catalog, tail: str, bindings: list[object]) -> list[Change]:
    rows = catalog.rows(f"SELECT id, at, action, model, before, after FROM change {tail}", bindings)
    return [
        Change(
            ChangeId(row[0]),
            row[1],
            row[2],
            ModelId(row[3]),
            json.loads(row[4]) if row[4] else None,
            json.loads(row[5]) if row[5] else None,
        )
        for row in rows
    ]
