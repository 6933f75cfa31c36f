"""What blobs have in common behind their headers: the hash of the tensors alone."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping

from modelfs.catalog.database import Catalog
from modelfs.types import BlobId, ModelId

_CHOSEN = "IN (SELECT value FROM json_each(?))"


def models_of_same_data(catalog: Catalog, blobs: Iterable[BlobId]) -> list[ModelId]:
    """Return the models that have the tensors of one of these blobs behind another header."""
    wanted = json.dumps(list(blobs))
    rows = catalog.rows(
        "SELECT DISTINCT f.model FROM blob mine "
        "JOIN blob theirs ON theirs.data_hash = mine.data_hash "
        "AND theirs.size_bytes - theirs.data_start = mine.size_bytes - mine.data_start "
        f"AND theirs.id <> mine.id JOIN file f ON f.blob = theirs.id WHERE mine.id {_CHOSEN}",
        [wanted],
    )
    return [ModelId(row[0]) for row in rows]


def data_hashes(catalog: Catalog, models: Iterable[ModelId]) -> dict[ModelId, set[str]]:
    """Return the hashes of the tensors of each of these models, where they are known."""
    rows = catalog.rows(
        "SELECT f.model, b.data_hash FROM file f JOIN blob b ON b.id = f.blob "
        f"WHERE b.data_hash IS NOT NULL AND f.model {_CHOSEN}",
        [json.dumps(list(models))],
    )
    found: Mapping[ModelId, set[str]] = defaultdict(set)
    for model, data_hash in rows:
        found[ModelId(model)].add(data_hash)
    return dict(found)


def remember_start(catalog: Catalog, blob: BlobId, data_start: int) -> None:
    """Record where the tensors of a blob begin, unless that is known. In ``write()``."""
    catalog.rows(
        "UPDATE blob SET data_start = ? WHERE id = ? AND data_start IS NULL", [data_start, blob]
    )


def without_start(catalog: Catalog, blobs: Iterable[BlobId]) -> set[BlobId]:
    """Return which of these blobs have no known place where tensors begin."""
    rows = catalog.rows(
        f"SELECT id FROM blob WHERE data_start IS NULL AND id {_CHOSEN}", [json.dumps(list(blobs))]
    )
    return {BlobId(row[0]) for row in rows}
