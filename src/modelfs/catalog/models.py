"""Reading models: one, some, or all that a filter means."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from modelfs.catalog.database import Catalog, Row
from modelfs.catalog.filters import Filter, to_sql
from modelfs.catalog.records import FileRecord, ModelRecord, Summary
from modelfs.types import Facts, FileId, ModelId

_MODEL = (
    "SELECT m.id, m.name, m.extension, m.category, m.category_by, m.source, m.format, "
    "m.architecture, m.quant, m.parameters, m.base_model, m.facts, m.notes, m.pinned, m.added_at, "
    "m.changed_at, m.trashed_at FROM model m WHERE {} ORDER BY m.id"
)
_FILE = (
    "SELECT f.model, f.id, f.path, f.blob, b.size_bytes, f.mtime_ns, b.sha256, c.state "
    "FROM file f JOIN blob b ON b.id = f.blob LEFT JOIN copy c ON c.blob = f.blob AND c.pool = 1 "
    "{} ORDER BY f.model, f.path"
)
_CHOSEN = "IN (SELECT value FROM json_each(?))"


def find(catalog: Catalog, chosen: Filter) -> list[ModelRecord]:
    """Return the models that a filter means, oldest first."""
    where, bindings = to_sql(chosen)
    with catalog.read():
        return _assemble(catalog, catalog.rows(_MODEL.format(where), bindings))


def get(catalog: Catalog, ids: Iterable[ModelId]) -> dict[ModelId, ModelRecord]:
    """Return the models with these ids, living or in the trash; unknown ids are left out."""
    wanted = json.dumps(list(ids))
    with catalog.read():
        rows = catalog.rows(_MODEL.format(f"m.id {_CHOSEN}"), [wanted])
        return {model.id: model for model in _assemble(catalog, rows)}


def named(catalog: Catalog, name: str, *, trashed: bool = False) -> list[ModelRecord]:
    """Return the models whose name, or name with extension, is exactly this."""
    condition = "IS NOT NULL" if trashed else "IS NULL"
    where = f"m.trashed_at {condition} AND (m.name = ? OR m.name || m.extension = ?)"
    with catalog.read():
        return _assemble(catalog, catalog.rows(_MODEL.format(where), [name, name]))


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


def with_blobs(catalog: Catalog, blobs: Sequence[str]) -> list[ModelRecord]:
    """Return every model, living or in the trash, that names one of these blobs."""
    where = f"m.id IN (SELECT model FROM file WHERE blob {_CHOSEN})"
    with catalog.read():
        return _assemble(catalog, catalog.rows(_MODEL.format(where), [json.dumps(list(blobs))]))


def summary(catalog: Catalog) -> Summary:
    """Count the library. Costs one pass over the rows."""
    with catalog.read():
        living = catalog.rows(
            "SELECT m.category, count(DISTINCT m.id), total(b.size_bytes), "
            "count(DISTINCT CASE WHEN c.state <> 'ok' THEN m.id END) "
            "FROM model m LEFT JOIN file f ON f.model = m.id LEFT JOIN blob b ON b.id = f.blob "
            "LEFT JOIN copy c ON c.blob = b.id AND c.pool = 1 "
            "WHERE m.trashed_at IS NULL GROUP BY m.category"
        )
        physical = catalog.value(
            "SELECT total(b.size_bytes) FROM blob b JOIN copy c ON c.blob = b.id "
            "WHERE c.pool = 1 AND c.state <> 'missing'"
        )
        trash = catalog.value(
            "SELECT total(b.size_bytes) FROM blob b JOIN copy c ON c.blob = b.id "
            "WHERE c.pool = 1 AND c.state <> 'missing' AND b.id IN "
            "(SELECT f.blob FROM file f JOIN model m ON m.id = f.model "
            " GROUP BY f.blob HAVING min(m.trashed_at IS NOT NULL) = 1)"
        )
    return Summary(
        models=sum(row[1] for row in living),
        logical_bytes=sum(int(row[2]) for row in living),
        physical_bytes=int(physical),
        trash_bytes=int(trash),
        damaged=sum(row[3] for row in living),
        by_category={row[0]: (row[1], int(row[2])) for row in living},
    )


def _assemble(catalog: Catalog, rows: Sequence[Row]) -> list[ModelRecord]:
    if not rows:
        return []
    ids = json.dumps([row[0] for row in rows])
    files: Mapping[int, list[FileRecord]] = defaultdict(list)
    for row in catalog.rows(_FILE.format(f"WHERE f.model {_CHOSEN}"), [ids]):
        files[row[0]].append(
            FileRecord(FileId(row[1]), row[2], row[3], row[4], row[5], row[6], row[7] or "missing")
        )
    tags: Mapping[int, list[tuple[str, str]]] = defaultdict(list)
    for model, name, origin in catalog.rows(
        f"SELECT model, name, origin FROM tag WHERE model {_CHOSEN} ORDER BY name", [ids]
    ):
        tags[model].append((name, origin))
    used = catalog.rows(
        f"SELECT model, max(last_at) FROM use WHERE model {_CHOSEN} GROUP BY model", [ids]
    )
    last_used = {row[0]: row[1] for row in used}
    return [_record(row, files[row[0]], tags[row[0]], last_used.get(row[0])) for row in rows]


def _record(
    row: Row, files: list[FileRecord], tags: list[tuple[str, str]], last_used_at: float | None
) -> ModelRecord:
    more = json.loads(row[11])
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
    )
