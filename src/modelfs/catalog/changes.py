"""The change log: written with every edit, read by undo, the mount and the desktop program."""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from modelfs.catalog.database import Catalog
from modelfs.catalog.records import Action, Change
from modelfs.types import BlobId, ChangeId, ModelId


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


def latest_moment(catalog: Catalog) -> float:
    """Return the latest moment at which anything was changed by the clock of then; 0 for none."""
    return float(catalog.value("SELECT max(at) FROM change") or 0)


def after(catalog: Catalog, seen: ChangeId) -> list[Change]:
    """Return the changes behind one that was seen, oldest first."""
    return _changes(catalog, "WHERE id > ? ORDER BY id", [seen])


def latest(catalog: Catalog, count: int) -> list[Change]:
    """Return the last changes, newest first."""
    return _changes(catalog, "ORDER BY id DESC LIMIT ?", [count])


def untagged(catalog: Catalog, model: ModelId) -> set[str]:
    """Return the tags that somebody took off a model and did not put on again."""
    gone: set[str] = set()
    rows = catalog.rows(
        "SELECT before ->> 'tags', after ->> 'tags' FROM change "
        "WHERE model = ? AND action IN ('tag', 'untag') ORDER BY id",
        [model],
    )
    for before, after in rows:
        had, has = set(json.loads(before)), set(json.loads(after))
        gone = (gone | (had - has)) - has
    return gone


def successor(catalog: Catalog, model: ModelId) -> ModelId | None:
    """Return the model that took the place of this one last, or None."""
    found = catalog.value(
        "SELECT model FROM change WHERE action = 'update' AND before ->> 'model' = ? "
        "ORDER BY id DESC LIMIT 1",
        [model],
    )
    return None if found is None else ModelId(found)


@dataclass(frozen=True, slots=True)
class LastKnown:
    """What the log still says of a model, whatever became of its rows."""

    name: str | None
    category: str | None
    tags: tuple[str, ...]
    added_at: float
    trashed_at: float | None
    emptied: bool
    """Whether it was deleted for good."""


def last_known(catalog: Catalog, model: ModelId) -> LastKnown:
    """Return what the log says of one model; None and empty where it is silent."""
    found = _changes(catalog, "WHERE model = ? ORDER BY id", [model])
    said = [dict(change.after) for change in found if change.after]
    latest = {key: value for values in said for key, value in values.items()}
    tags, trashed_at = latest.get("tags"), latest.get("trashed_at")
    return LastKnown(
        name=str(latest["name"]) if "name" in latest else None,
        category=str(latest["category"]) if "category" in latest else None,
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        added_at=found[0].at if found else 0.0,
        trashed_at=trashed_at if isinstance(trashed_at, float) else None,
        emptied=any(change.action == "empty" for change in found),
    )


def originals(catalog: Catalog, blob: BlobId) -> list[str]:
    """Return the paths from which ``add --move`` took this blob."""
    rows = catalog.rows(
        "SELECT DISTINCT o.key FROM change, json_each(change.before, '$.originals') o "
        "WHERE change.action = 'move' AND o.value ->> 0 = ?",
        [blob],
    )
    return [row[0] for row in rows]


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
