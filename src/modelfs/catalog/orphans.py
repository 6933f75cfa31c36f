"""Rows that lost what they belong to: found by name, and mended where that loses nothing.

The foreign keys forbid them; a damaged page, a stray program or a power cut on a disk that lies
makes them all the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from modelfs.catalog import blobs, changes
from modelfs.catalog.database import Catalog
from modelfs.catalog.edit import entry_taken, index
from modelfs.names import fold, legal_name, split_extension
from modelfs.types import BlobId, ModelId

Kind = Literal["no model", "no blob", "no copy", "no owner", "no files", "no text"]

UNSORTED = "other/unsorted"
RECOVERED = "recovered"
"""The tag of models whose names or places had to be guessed."""


_NONE = ModelId(0)


@dataclass(frozen=True, slots=True)
class Orphan:
    """One row and what it lacks."""

    kind: Kind
    detail: str
    model: ModelId = _NONE
    blob: BlobId | None = None


_LOST_FILES = """
SELECT f.model, f.blob, f.path FROM file f
WHERE NOT EXISTS (SELECT 1 FROM model m WHERE m.id = f.model) ORDER BY f.id"""
_LOST_BLOBS = """
SELECT f.model, f.blob, f.path FROM file f
WHERE NOT EXISTS (SELECT 1 FROM blob b WHERE b.id = f.blob) ORDER BY f.id"""
_UNCOPIED = """
SELECT b.id FROM blob b
WHERE NOT EXISTS (SELECT 1 FROM copy c WHERE c.blob = b.id AND c.pool = 1) ORDER BY b.id"""
_HOLLOW = """
SELECT m.id, m.name || m.extension FROM model m
WHERE NOT EXISTS (SELECT 1 FROM file f WHERE f.model = m.id) ORDER BY m.id"""
_OWNERLESS = (
    ("tag", "model", "model"),
    ("use", "model", "model"),
    ("copy", "blob", "blob"),
)
_UNINDEXED = """
SELECT id FROM model WHERE id NOT IN (SELECT rowid FROM model_text)
UNION SELECT rowid FROM model_text WHERE rowid NOT IN (SELECT id FROM model) ORDER BY 1"""


def find(catalog: Catalog) -> list[Orphan]:
    """Return the rows that lack what they belong to. Costs one pass over the catalogue."""
    with catalog.read():
        found = [
            Orphan("no model", f"the file {path} belongs to a model that is gone", model, blob)
            for model, blob, path in catalog.rows(_LOST_FILES)
        ]
        found += [
            Orphan("no blob", f"the file {path} has bytes that are not known", model, blob)
            for model, blob, path in catalog.rows(_LOST_BLOBS)
        ]
        found += [
            Orphan("no copy", "nothing says where its bytes are", blob=BlobId(row[0]))
            for row in catalog.rows(_UNCOPIED)
        ]
        for table, column, parent in _OWNERLESS:
            count = catalog.value(_ownerless("count(*)", table, column, parent))
            if count:
                found.append(Orphan("no owner", f"{count} rows of {table!r} belong to nothing"))
        found += [
            Orphan("no files", f"the model {name} has no files", ModelId(model))
            for model, name in catalog.rows(_HOLLOW)
        ]
        unindexed = [ModelId(row[0]) for row in catalog.rows(_UNINDEXED)]
    # One line for all: a lost index concerns every model.
    if unindexed:
        found.append(Orphan("no text", f"search does not know {len(unindexed)} models as they are"))
    return found


def mend(catalog: Catalog, orphan: Orphan) -> str:
    """Mend a row inside ``write()`` and say what was done.

    A file without its blob needs the disk, and a model without files cannot be mended: both are
    the caller's.
    """
    return _MENDING[orphan.kind](catalog, orphan)


def _readopt(catalog: Catalog, orphan: Orphan) -> str:
    """Give files back a model, by what the change log still knows of it."""
    if catalog.rows("SELECT 1 FROM model WHERE id = ?", [orphan.model]):
        return "its model is listed again"
    known = changes.last_known(catalog, orphan.model)
    if known.emptied:
        catalog.rows("DELETE FROM file WHERE model = ?", [orphan.model])
        return "its model was removed for good, and now this is too"
    files = catalog.rows("SELECT path FROM file WHERE model = ?", [orphan.model])
    fallback = files[0][0].rpartition("/")[2]
    name, extension = known.name or fallback, ""
    if len(files) == 1:
        name, extension = split_extension(name)
        extension = extension or split_extension(fallback)[1]
    name = legal_name(name)
    if entry_taken(catalog, name, extension):
        name = f"{name} #{orphan.model}"
    catalog.rows(
        "INSERT INTO model (id, name, extension, entry_key, category, category_by, source, format, "
        "facts, added_at, changed_at, trashed_at) "
        "VALUES (?, ?, ?, ?, ?, 'guess', '', 'unknown', ?, ?, ?, ?)",
        [
            orphan.model,
            name,
            extension,
            fold(name + extension),
            known.category or UNSORTED,
            '{"details": {}, "reasons": [], "warnings": []}',
            known.added_at,
            known.added_at,
            known.trashed_at,
        ],
    )
    for tag in (*known.tags, RECOVERED):
        catalog.rows("INSERT OR IGNORE INTO tag VALUES (?, ?, 'user')", [orphan.model, tag])
    index(catalog, orphan.model)
    changes.log(catalog, "recover", orphan.model, None, {"name": name + extension})
    return f"listed again as {name}{extension}"


def _recopy(catalog: Catalog, orphan: Orphan) -> str:
    catalog.rows("INSERT OR IGNORE INTO copy (blob, pool) VALUES (?, 1)", [orphan.blob])
    return "looked for in the store again"


def _disown(catalog: Catalog, _: Orphan) -> str:
    for table, column, parent in _OWNERLESS:
        catalog.rows(_ownerless("", table, column, parent, verb="DELETE"))
    return "dropped: they said something of nothing"


def _reindex(catalog: Catalog, _: Orphan) -> str:
    catalog.rows("DELETE FROM model_text WHERE rowid NOT IN (SELECT id FROM model)")
    for (model,) in catalog.rows("SELECT id FROM model"):
        index(catalog, ModelId(model))
    return "the index of the search was made again"


def _ownerless(what: str, table: str, column: str, parent: str, verb: str = "SELECT") -> str:
    return (
        f"{verb} {what} FROM {table} WHERE NOT EXISTS "
        f"(SELECT 1 FROM {parent} p WHERE p.id = {table}.{column})"
    )


def remember_lost(catalog: Catalog, blob: BlobId) -> None:
    """Give a blob of which nothing is left a row, so that its model is listed as missing it."""
    catalog.rows("INSERT INTO blob (id, size_bytes, sample, added_at) VALUES (?, 0, '', 0)", [blob])
    catalog.rows("INSERT OR IGNORE INTO copy (blob, pool) VALUES (?, 1)", [blob])
    blobs.set_state(catalog, blob, "missing")


_MENDING: dict[Kind, Callable[[Catalog, Orphan], str]] = {
    "no model": _readopt,
    "no copy": _recopy,
    "no owner": _disown,
    "no text": _reindex,
}
