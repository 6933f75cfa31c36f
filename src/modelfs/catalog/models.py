"""Reading models: one, some, or all that a filter means."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from modelfs.catalog.database import Catalog, Row
from modelfs.catalog.filters import Filter, to_sql
from modelfs.catalog.records import (
    DAMAGE,
    NOT_HERE,
    FileRecord,
    ModelRecord,
    State,
    Summary,
)
from modelfs.names import fold
from modelfs.types import Facts, ModelId

_MODEL = (
    "SELECT m.id, m.name, m.extension, m.category, m.category_by, m.source, m.format, "
    "m.architecture, m.quant, m.parameters, m.base_model, m.facts, m.notes, m.pinned, m.added_at, "
    "m.changed_at, m.trashed_at, m.family FROM model m WHERE {} ORDER BY m.id"
)
_LISTED_MODEL = _MODEL.replace(
    " FROM", ", m.facts ->> '$.details.pickle_verdict' FROM"
)  # the one detail that a list shows
_FILE = (
    "SELECT f.model, f.id, f.path, f.blob, b.size_bytes, f.mtime_ns, b.sha256 "
    "FROM file f JOIN blob b ON b.id = f.blob WHERE f.model {} ORDER BY f.model, f.path"
)
_CHOSEN = "IN (SELECT value FROM json_each(?))"
# Where many are read, the states of all blobs are cheaper than one look-up for each file; so few
# are not whole that only these are read. Both give the state of what is not whole.
_STATES_OF_FEW = (
    "SELECT f.blob, coalesce(c.state, 'missing') FROM file f "
    "LEFT JOIN copy c ON c.blob = f.blob AND c.pool = 1 "
    f"WHERE f.model {_CHOSEN} AND c.state IS NOT 'ok'"
)
_STATES = (
    "SELECT b.id, coalesce(c.state, 'missing') FROM "
    "(SELECT id FROM blob EXCEPT SELECT blob FROM copy WHERE pool = 1 AND state = 'ok') b "
    "LEFT JOIN copy c ON c.blob = b.id AND c.pool = 1"
)
_FEW = 100

# Per model: its size, its files as JSON, and whether one of them is not whole or is there twice,
# which makes its local bytes another sum. SQLite writes JSON five times as fast as Python.
_LISTED = (
    "SELECT f.model, sum(b.size_bytes), json_group_array(json_object('path', f.path, "
    "'size_bytes', b.size_bytes, 'blob', f.blob, 'sha256', b.sha256, 'state', 'ok')), "
    "count(DISTINCT f.blob) < count(*) OR max(f.blob IN (SELECT value FROM json_each(?2))) "
    "FROM (SELECT * FROM file WHERE model IN (SELECT value FROM json_each(?1)) "
    "ORDER BY model, path) f JOIN blob b ON b.id = f.blob GROUP BY f.model"
)
_LISTED_AT_ONCE = 2000


def find(catalog: Catalog, chosen: Filter) -> list[ModelRecord]:
    """Return the models that a filter means, oldest first."""
    where, bindings = to_sql(chosen)
    with catalog.read():
        return _assemble(catalog, catalog.rows(_MODEL.format(where), bindings))


def list_whole(
    catalog: Catalog, chosen: Filter
) -> Iterator[tuple[ModelRecord, int, str] | ModelRecord]:
    """Give the models that a filter means, oldest first, as fast as they can be listed.

    A model that is wholly there comes without its files and its facts' details: with their size
    and, as JSON, what ``ls --json`` says of each. Any other comes as its record. One consistent
    state if within ``read()``.
    """
    where, bindings = to_sql(chosen)
    rows = catalog.rows(_LISTED_MODEL.format(where), bindings)
    bad = json.dumps(list(_all_states(catalog)))
    for first in range(0, len(rows), _LISTED_AT_ONCE):
        batch = rows[first : first + _LISTED_AT_ONCE]
        ids = json.dumps([row[0] for row in batch])
        files = {row[0]: row for row in catalog.rows(_LISTED, [ids, bad])}
        # Without any file, as only a damaged catalogue has it, a model is not in ``files``.
        special = [row[0] for row in batch if row[0] not in files or files[row[0]][3]]
        others = get(catalog, special)
        tags, last_used = _tags(catalog, ids), _last_used(catalog, ids)
        for row in batch:
            model = ModelId(row[0])
            if model in others:
                yield others[model]
            else:
                told = tags.get(model, []), last_used.get(model)
                record = _record(row, (), *told, detailed=False)
                yield record, files[model][1], files[model][2]


def get(catalog: Catalog, ids: Iterable[ModelId]) -> dict[ModelId, ModelRecord]:
    """Return the models with these ids, living or in the trash; unknown ids are left out."""
    wanted = json.dumps(list(ids))
    with catalog.read():
        rows = catalog.rows(_MODEL.format(f"m.id {_CHOSEN}"), [wanted])
        return {model.id: model for model in _assemble(catalog, rows)}


def named(catalog: Catalog, name: str, *, trashed: bool = False) -> list[ModelRecord]:
    """Return the models whose name, or name with extension, is exactly this."""
    where = "m.trashed_at IS NOT NULL"
    if not trashed:  # by the index over the names of the living: an extension begins with a dot
        where = (
            "m.id IN (SELECT id FROM model WHERE trashed_at IS NULL AND entry_key = ?2 UNION ALL "
            "SELECT id FROM model WHERE trashed_at IS NULL "
            "AND entry_key > ?2 || '.' AND entry_key < ?2 || '/')"
        )
    where += " AND (m.name = ?1 OR m.name || m.extension = ?1)"
    with catalog.read():
        bindings = [name] if trashed else [name, fold(name)]
        return _assemble(catalog, catalog.rows(_MODEL.format(where), bindings))


def names_like(catalog: Catalog, prefix: str, limit: int) -> list[tuple[str, str]]:
    """Return up to ``limit`` living entry names that start with ``prefix``, with their category."""
    pattern = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    rows = catalog.rows(
        "SELECT name || extension, category FROM model WHERE trashed_at IS NULL "
        "AND name || extension LIKE ? ESCAPE '\\' ORDER BY 1 LIMIT ?",
        [pattern, limit],
    )
    return [(row[0], row[1]) for row in rows]


def tag_counts(catalog: Catalog) -> dict[str, tuple[int, bool]]:
    """Return each tag of living models with its number of models and whether anybody typed it."""
    rows = catalog.rows(
        "SELECT t.name, count(*), max(t.origin = 'user') FROM tag t "
        "JOIN model m ON m.id = t.model WHERE m.trashed_at IS NULL GROUP BY t.name ORDER BY t.name"
    )
    return {row[0]: (row[1], bool(row[2])) for row in rows}


def told(catalog: Catalog, model: ModelId) -> dict[str, Any]:
    """Return what a model's source said of it: ``asked``, ``facts``, ``tags``; empty for none."""
    found = json.loads(catalog.value("SELECT told FROM model WHERE id = ?", [model]) or "{}")
    return found if isinstance(found, dict) else {}


def names_by_source(catalog: Catalog, kind: str) -> list[tuple[str, str]]:
    """Return source and entry name of each living model from a kind of source, as ``hf``."""
    rows = catalog.rows(
        "SELECT source, name || extension FROM model "
        "WHERE trashed_at IS NULL AND source LIKE ? || ':%' ORDER BY id",
        [kind],
    )
    return [(row[0], row[1]) for row in rows]


def with_blobs(catalog: Catalog, blobs: Sequence[str]) -> list[ModelRecord]:
    """Return every model, living or in the trash, that names one of these blobs."""
    where = f"m.id IN (SELECT model FROM file WHERE blob {_CHOSEN})"
    with catalog.read():
        return _assemble(catalog, catalog.rows(_MODEL.format(where), [json.dumps(list(blobs))]))


def of_families(catalog: Catalog, families: Iterable[str]) -> list[ModelRecord]:
    """Return the living models of these families."""
    wanted = json.dumps(list(families))
    with catalog.read():
        rows = catalog.rows(_MODEL.format(f"m.family {_CHOSEN} AND m.trashed_at IS NULL"), [wanted])
        return _assemble(catalog, rows)


def summary(catalog: Catalog) -> Summary:
    """Count the library. Costs one pass over the rows."""
    with catalog.read():
        living = catalog.rows(
            "SELECT m.category, count(*), total(s.bytes) FROM model m LEFT JOIN "
            "(SELECT f.model, sum(b.size_bytes) bytes FROM file f JOIN blob b ON b.id = f.blob "
            " GROUP BY f.model) s ON s.model = m.id "
            "WHERE m.trashed_at IS NULL GROUP BY m.category"
        )
        states = _all_states(catalog)
        not_here = json.dumps([blob for blob, state in states.items() if state in NOT_HERE])
        not_whole = _living_with(catalog, states)
        damaged = _living_with(catalog, [b for b, state in states.items() if state in DAMAGE])
        physical = catalog.value(
            f"SELECT total(size_bytes) - (SELECT total(size_bytes) FROM blob WHERE id {_CHOSEN}) "
            "FROM blob",
            [not_here],
        )
        trash = catalog.value(
            "SELECT total(size_bytes) FROM blob WHERE id IN (SELECT f.blob FROM model m "
            "JOIN file f ON f.model = m.id WHERE m.trashed_at IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM file o JOIN model l ON l.id = o.model "
            " WHERE o.blob = f.blob AND l.trashed_at IS NULL)) "
            f"AND id NOT {_CHOSEN}",
            [not_here],
        )
    return Summary(
        models=sum(row[1] for row in living),
        logical_bytes=sum(int(row[2]) for row in living),
        physical_bytes=int(physical),
        trash_bytes=int(trash),
        damaged=damaged,
        remote=not_whole - damaged,
        by_category={row[0]: (row[1], int(row[2])) for row in living},
    )


def _living_with(catalog: Catalog, blobs: Iterable[str]) -> int:
    """Count the living models that name one of these blobs."""
    return int(
        catalog.value(
            "SELECT count(DISTINCT m.id) FROM file f JOIN model m ON m.id = f.model "
            f"WHERE m.trashed_at IS NULL AND f.blob {_CHOSEN}",
            [json.dumps(list(blobs))],
        )
    )


def _assemble(catalog: Catalog, rows: Sequence[Row]) -> list[ModelRecord]:
    if not rows:
        return []
    ids = json.dumps([row[0] for row in rows])
    few = len(rows) <= _FEW
    states = dict(catalog.rows(_STATES_OF_FEW, [ids])) if few else _all_states(catalog)
    files: Mapping[int, list[FileRecord]] = defaultdict(list)
    for model, file, path, blob, size_bytes, mtime_ns, sha256 in catalog.rows(
        _FILE.format(_CHOSEN), [ids]
    ):
        files[model].append(
            FileRecord(file, path, blob, size_bytes, mtime_ns, sha256, states.get(blob, "ok"))
        )
    tags, last_used = _tags(catalog, ids), _last_used(catalog, ids)
    return [
        _record(row, files[row[0]], tags.get(row[0], []), last_used.get(row[0])) for row in rows
    ]


def _all_states(catalog: Catalog) -> dict[str, State]:
    """Return the state of every blob that is not whole."""
    return dict(catalog.rows(_STATES))


def _tags(catalog: Catalog, ids: str) -> Mapping[int, list[tuple[str, str]]]:
    tags: Mapping[int, list[tuple[str, str]]] = defaultdict(list)
    for model, name, origin in catalog.rows(
        f"SELECT model, name, origin FROM tag WHERE model {_CHOSEN} ORDER BY name", [ids]
    ):
        tags[model].append((name, origin))
    return tags


def _last_used(catalog: Catalog, ids: str) -> Mapping[int, float]:
    used = catalog.rows(
        f"SELECT model, max(last_at) FROM use WHERE model {_CHOSEN} GROUP BY model", [ids]
    )
    return dict(used)


def _listed_details(row: Row) -> Mapping[str, Any]:
    details = {"pickle_verdict": row[18]} if row[18] else {}
    return {"details": details, "reasons": (), "warnings": ()}


def _record(
    row: Row,
    files: Sequence[FileRecord],
    tags: list[tuple[str, str]],
    last_used_at: float | None,
    *,
    detailed: bool = True,
) -> ModelRecord:
    more = json.loads(row[11]) if detailed else _listed_details(row)
    facts = Facts(
        row[6], row[7], row[8], row[9], row[10], more["details"], more["reasons"], more["warnings"]
    )
    return ModelRecord(
        id=ModelId(row[0]),
        name=row[1],
        extension=row[2],
        category=row[3],
        category_by=row[4],
        source=row[5],
        facts=facts,
        notes=row[12],
        pinned=bool(row[13]),
        added_at=row[14],
        changed_at=row[15],
        trashed_at=row[16],
        files=tuple(files),
        tags=tuple(name for name, _ in tags),
        auto_tags=tuple(name for name, origin in tags if origin == "auto"),
        last_used_at=last_used_at,
        family=row[17],
    )
