"""Changing models. Every function runs inside ``Catalog.write()`` and logs what it changed."""

import json
import time
from collections.abc import Collection, Mapping

from modelfs.catalog import blobs, changes
from modelfs.catalog.database import Catalog
from modelfs.catalog.records import Action, ModelRecord, NewFile, NewModel, facts_row
from modelfs.names import fold
from modelfs.types import ModelId


def entry_taken(catalog: Catalog, name: str, extension: str, but: int = 0) -> bool:
    """Say whether a living model other than ``but`` has this name in a folder."""
    return bool(
        catalog.rows(
            "SELECT 1 FROM model WHERE entry_key = ? AND trashed_at IS NULL AND id <> ?",
            [fold(name + extension), but],
        )
    )


def add_model(catalog: Catalog, new: NewModel) -> ModelId:
    """Write a model with its files, blobs and tags. Its entry name must be free."""
    now = time.time()
    row: dict[str, object] = {
        "name": new.name,
        "extension": new.extension,
        "entry_key": fold(new.name + new.extension),
        "category": new.category,
        "category_by": new.category_by,
        "source": new.source,
        **facts_row(new.facts),
        "family": new.family,
        "told": json.dumps(new.told, ensure_ascii=False),
        "added_at": now,
        "changed_at": now,
    }
    marks = ", ".join("?" * len(row))
    catalog.rows(f"INSERT INTO model ({', '.join(row)}) VALUES ({marks})", [*row.values()])
    model = ModelId(catalog.last_id)
    for file in new.files:
        blobs.remember(catalog, file)
        catalog.rows(
            "INSERT INTO file (model, path, blob, mtime_ns) VALUES (?, ?, ?, ?)",
            [model, file.path, file.blob, file.mtime_ns],
        )
    for origin, names in (("user", new.tags), ("auto", new.auto_tags)):
        _insert_tags(catalog, model, names, origin)
    index(catalog, model)
    changes.log(catalog, "add", model, None, {"name": new.name + new.extension})
    return model


def log_move(catalog: Catalog, model: ModelId, originals: Mapping[str, NewFile]) -> None:
    """Log which originals are about to go, so that they can be put back."""
    paths = {path: [file.blob, file.mtime_ns] for path, file in originals.items()}
    changes.log(catalog, "move", model, {"originals": paths}, None)


def rename(catalog: Catalog, model: ModelRecord, name: str) -> None:
    """Give a model another name; it must be free."""
    _set(catalog, model, {"name": model.name}, {"name": name})


def move(catalog: Catalog, model: ModelRecord, category: str, by: str = "user") -> None:
    """Put a model into another category."""
    before = {"category": model.category, "category_by": model.category_by}
    _set(catalog, model, before, {"category": category, "category_by": by})


def annotate(catalog: Catalog, model: ModelRecord, notes: str) -> None:
    """Replace a model's notes."""
    _set(catalog, model, {"notes": model.notes}, {"notes": notes})


def _set(
    catalog: Catalog, model: ModelRecord, before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    names = ", ".join(f"{column} = ?" for column in after)
    catalog.rows(f"UPDATE model SET {names} WHERE id = ?", [*after.values(), model.id])
    catalog.rows("UPDATE model SET changed_at = ? WHERE id = ?", [time.time(), model.id])
    if "name" in after:
        key = fold(f"{after['name']}{model.extension}")
        catalog.rows("UPDATE model SET entry_key = ? WHERE id = ?", [key, model.id])
    index(catalog, model.id)
    changes.log(catalog, "set", model.id, before, after)


def refresh(
    catalog: Catalog, model: ModelRecord, row: Mapping[str, object], auto_tags: Collection[str]
) -> None:
    """Replace what identification said of a model: columns of ``model``, and its automatic tags.

    Tags that somebody typed stay, whatever their name.
    """
    names = ", ".join(row)
    (old,) = catalog.rows(f"SELECT {names} FROM model WHERE id = ?", [model.id])
    before = {**dict(zip(row, old, strict=True)), "auto_tags": sorted(model.auto_tags)}
    assigned = ", ".join(f"{column} = ?" for column in row)
    catalog.rows(f"UPDATE model SET {assigned} WHERE id = ?", [*row.values(), model.id])
    catalog.rows("DELETE FROM tag WHERE model = ? AND origin = 'auto'", [model.id])
    _insert_tags(catalog, model.id, auto_tags, "auto")
    if row.get("category", model.category) != model.category or set(auto_tags) != set(
        model.auto_tags
    ):
        catalog.rows("UPDATE model SET changed_at = ? WHERE id = ?", [time.time(), model.id])
    index(catalog, model.id)
    after = {**row, "auto_tags": sorted(auto_tags)}
    changes.log(catalog, "refresh", model.id, before, after)


def pin(catalog: Catalog, model: ModelRecord, *, pinned: bool) -> None:
    """Pin or unpin a model."""
    catalog.rows("UPDATE model SET pinned = ? WHERE id = ?", [int(pinned), model.id])
    action: Action = "pin" if pinned else "unpin"
    changes.log(catalog, action, model.id, {"pinned": model.pinned}, {"pinned": pinned})


def tag(catalog: Catalog, model: ModelRecord, names: Collection[str]) -> None:
    """Add typed tags; an automatic tag of that name becomes a typed one."""
    _insert_tags(catalog, model.id, names, "user")
    _log_tags(catalog, "tag", model, set(model.tags) | set(names))


def untag(catalog: Catalog, model: ModelRecord, names: Collection[str]) -> None:
    """Take tags off, typed or automatic."""
    for name in names:
        catalog.rows("DELETE FROM tag WHERE model = ? AND name = ?", [model.id, name])
    _log_tags(catalog, "untag", model, set(model.tags) - set(names))


def _log_tags(catalog: Catalog, action: Action, model: ModelRecord, now: set[str]) -> None:
    catalog.rows("UPDATE model SET changed_at = ? WHERE id = ?", [time.time(), model.id])
    index(catalog, model.id)
    changes.log(catalog, action, model.id, {"tags": list(model.tags)}, {"tags": sorted(now)})


def trash(catalog: Catalog, model: ModelRecord) -> None:
    """Take a model out of sight; its blobs stay."""
    now = time.time()
    catalog.rows("UPDATE model SET trashed_at = ? WHERE id = ?", [now, model.id])
    changes.log(catalog, "rm", model.id, {"trashed_at": None}, {"trashed_at": now})


def restore(catalog: Catalog, model: ModelRecord, name: str) -> None:
    """Bring a model back from the trash under a name that is free."""
    catalog.rows(
        "UPDATE model SET trashed_at = NULL, name = ?, entry_key = ?, changed_at = ? WHERE id = ?",
        [name, fold(name + model.extension), time.time(), model.id],
    )
    index(catalog, model.id)
    before = {"trashed_at": model.trashed_at, "name": model.name}
    changes.log(catalog, "restore", model.id, before, {"trashed_at": None, "name": name})


def forget(catalog: Catalog, model: ModelRecord) -> None:
    """Delete a model's rows for good; its blobs may then be collected."""
    catalog.rows("DELETE FROM model_text WHERE rowid = ?", [model.id])
    catalog.rows("DELETE FROM model WHERE id = ?", [model.id])
    files = [[file.path, file.blob] for file in model.files]
    before = {"name": model.entry_name, "source": model.source, "files": files}
    changes.log(catalog, "empty", model.id, before, None)


def count_use(catalog: Catalog, model: ModelId, program: str, opens: int, at: float) -> None:
    """Add opens of a model by a program; not a change that people see, so it is not logged."""
    catalog.rows(
        "INSERT INTO use SELECT id, ?, ?, ? FROM model WHERE id = ? ON CONFLICT DO UPDATE "
        "SET opens = opens + excluded.opens, last_at = max(last_at, excluded.last_at)",
        [program, opens, at, model],
    )


def _insert_tags(catalog: Catalog, model: ModelId, names: Collection[str], origin: str) -> None:
    for name in names:
        catalog.rows(
            "INSERT INTO tag VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET origin = excluded.origin "
            "WHERE excluded.origin = 'user'",
            [model, name, origin],
        )


def index(catalog: Catalog, model: ModelId) -> None:
    """Renew what full-text search knows of a model."""
    catalog.rows("DELETE FROM model_text WHERE rowid = ?", [model])
    catalog.rows(
        "INSERT INTO model_text (rowid, text) SELECT m.id, concat_ws(' ', m.name || m.extension, "
        "m.category, m.source, m.format, m.architecture, m.quant, m.base_model, m.notes, "
        "(SELECT group_concat(name, ' ') FROM tag WHERE model = m.id), "
        "(SELECT group_concat(path, ' ') FROM file WHERE model = m.id)) FROM model m "
        "WHERE m.id = ?",
        [model],
    )
