"""Blobs as the catalogue knows them: candidates, references, states and seals."""

import json
import math
import time
from collections.abc import Collection, Iterator, Sequence

from modelfs.catalog import changes
from modelfs.catalog.database import Catalog, Row
from modelfs.catalog.records import Action, BlobRecord, NewFile, State
from modelfs.types import BlobId, ModelId

_BLOB = (
    "SELECT b.id, b.size_bytes, b.sha256, coalesce(c.state, 'missing'), c.checked_at, b.data_start "
    "FROM blob b LEFT JOIN copy c ON c.blob = b.id AND c.pool = 1 "
)
_UNNAMED = "NOT EXISTS (SELECT 1 FROM file f WHERE f.blob = b.id)"


def candidates(catalog: Catalog, size_bytes: int, sample: str) -> list[BlobId]:
    """Return whole blobs that may have the same bytes as a file of this size and sample."""
    rows = catalog.rows(
        "SELECT b.id FROM blob b JOIN copy c ON c.blob = b.id "
        "WHERE b.size_bytes = ? AND b.sample = ? AND c.state = 'ok'",
        [size_bytes, sample],
    )
    return [BlobId(row[0]) for row in rows]


def sealed_as(catalog: Catalog, sha256: str) -> list[BlobRecord]:
    """Return the whole blobs of which we computed this SHA-256."""
    rows = catalog.rows(f"{_BLOB}WHERE b.sha256 = ? AND c.state = 'ok'", [sha256])
    return [_record(row) for row in rows]


def sealed_among(catalog: Catalog, digests: Collection[str]) -> dict[str, int]:
    """Return those of many SHA-256s that whole blobs have, each with its bytes."""
    rows = catalog.rows(
        "SELECT b.sha256, b.size_bytes FROM blob b JOIN copy c ON c.blob = b.id AND c.pool = 1 "
        "WHERE b.sha256 IN (SELECT value FROM json_each(?)) AND c.state = 'ok'",
        [json.dumps(list(digests))],
    )
    return {row[0]: row[1] for row in rows}


def remember(catalog: Catalog, file: NewFile) -> None:
    """Record a blob whose bytes are durable; inside ``write()``. Heals one that was not whole."""
    row = {
        "id": file.blob,
        "size_bytes": file.size_bytes,
        "sample": file.sample,
        "sha256": file.sha256,
        "added_at": time.time(),
        "data_start": file.data_start,
        "data_hash": file.data_hash,
    }
    learnt = ("sha256", "data_start", "data_hash")
    _log_seal(catalog, file.blob, file.sha256)
    catalog.rows(
        f"INSERT INTO blob ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) "
        "ON CONFLICT (id) DO UPDATE SET "
        + "".join(f"{name} = coalesce({name}, excluded.{name}), " for name in learnt)
        # Of a blob that was lost they are not known.
        + "size_bytes = excluded.size_bytes, sample = excluded.sample",
        [*row.values()],
    )
    catalog.rows("INSERT OR IGNORE INTO copy (blob, pool) VALUES (?, 1)", [file.blob])
    set_state(catalog, file.blob, "ok")


def get(catalog: Catalog, blob: BlobId) -> BlobRecord | None:
    """Return one blob, or None."""
    rows = catalog.rows(_BLOB + "WHERE b.id = ?", [blob])
    return _record(rows[0]) if rows else None


def all_ids(catalog: Catalog) -> set[BlobId]:
    """Return the id of every blob."""
    return {BlobId(row[0]) for row in catalog.rows("SELECT id FROM blob")}


def everything(catalog: Catalog, *, unsealed: bool = False) -> Iterator[BlobRecord]:
    """Give all blobs, those first whose bytes were read longest ago: where a check goes on.

    Known damage comes last, or a blob that the disk cannot read would begin every check.
    """
    where = "WHERE b.sha256 IS NULL " if unsealed else ""
    order = "ORDER BY coalesce(c.state, 'missing') <> 'ok', c.checked_at NULLS FIRST, b.id"
    rows = catalog.rows(_BLOB + where + order)
    return map(_record, rows)


def oldest_check(catalog: Catalog) -> float:
    """Return when the whole blob was read whose turn is next: 0 for never, infinity for none."""
    rows = catalog.rows(
        "SELECT min(coalesce(checked_at, 0)) FROM copy WHERE pool = 1 AND state = 'ok'"
    )
    return math.inf if rows[0][0] is None else float(rows[0][0])


def unnamed(catalog: Catalog) -> list[BlobRecord]:
    """Return the blobs that no model names, not even one in the trash."""
    return [_record(row) for row in catalog.rows(f"{_BLOB}WHERE {_UNNAMED} ORDER BY b.id")]


def added_at(catalog: Catalog, blob: BlobId) -> float:
    """Return when a blob came in; 0 for an unknown one."""
    return float(catalog.value("SELECT added_at FROM blob WHERE id = ?", [blob]) or 0)


def forget_unnamed(catalog: Catalog, blob: BlobId) -> bool:
    """Delete a blob's row if still nothing names it; say whether it is gone. In ``write()``."""
    catalog.rows(f"DELETE FROM blob AS b WHERE b.id = ? AND {_UNNAMED}", [blob])
    return get(catalog, blob) is None


def only_in(catalog: Catalog, models: Sequence[ModelId]) -> list[BlobRecord]:
    """Return the blobs that these models name and no other does: what goes with them."""
    marks = ",".join("?" * len(models))
    rows = catalog.rows(
        f"{_BLOB}WHERE b.id IN (SELECT blob FROM file WHERE model IN ({marks})) AND NOT EXISTS "
        f"(SELECT 1 FROM file f WHERE f.blob = b.id AND f.model NOT IN ({marks}))",
        [*models, *models],
    )
    return [_record(row) for row in rows]


def set_state(catalog: Catalog, blob: BlobId, state: State) -> None:
    """Record what is known of the store's copy, for every model that names it. In ``write()``."""
    before = catalog.value("SELECT state FROM copy WHERE blob = ? AND pool = 1", [blob])
    if before == state:
        return
    catalog.rows("UPDATE copy SET state = ? WHERE blob = ? AND pool = 1", [state, blob])
    action: Action = "heal" if state == "ok" else "damage"
    for (model,) in catalog.rows("SELECT DISTINCT model FROM file WHERE blob = ?", [blob]):
        changes.log(catalog, action, ModelId(model), {blob: before}, {blob: state})


def let_go(catalog: Catalog, chosen: Collection[BlobId]) -> None:
    """Record that whole blobs are here no more and can be fetched again. In ``write()``."""
    wanted, of_these = [json.dumps(sorted(chosen))], "blob IN (SELECT value FROM json_each(?))"
    # What comes back are other bytes on the disk, which nobody has read yet.
    catalog.rows(
        f"UPDATE copy SET state = 'remote', checked_at = NULL WHERE pool = 1 AND {of_these}", wanted
    )
    for (model,) in catalog.rows(f"SELECT DISTINCT model FROM file WHERE {of_these}", wanted):
        changes.log(catalog, "evict", ModelId(model), {"state": "ok"}, {"state": "remote"})


def set_checked(
    catalog: Catalog, blob: BlobId, sha256: str | None, data_hash: str | None = None
) -> None:
    """Record that all bytes were read and are right, and what was computed of them.

    In ``write()``.
    """
    now = time.time()
    _log_seal(catalog, blob, sha256)
    catalog.rows("UPDATE copy SET checked_at = ? WHERE blob = ? AND pool = 1", [now, blob])
    catalog.rows(
        "UPDATE blob SET sha256 = coalesce(sha256, ?), data_hash = coalesce(data_hash, ?) "
        "WHERE id = ?",
        [sha256, data_hash, blob],
    )


def _log_seal(catalog: Catalog, blob: BlobId, sha256: str | None) -> None:
    """Tell those who follow the log that models gain a SHA-256: tools' stores wait for it."""
    if sha256 is None or catalog.value("SELECT sha256 FROM blob WHERE id = ?", [blob]) is not None:
        return
    for (model,) in catalog.rows("SELECT DISTINCT model FROM file WHERE blob = ?", [blob]):
        changes.log(catalog, "seal", ModelId(model), None, {"sha256": sha256})


def _record(row: Row) -> BlobRecord:
    return BlobRecord(BlobId(row[0]), *row[1:])
