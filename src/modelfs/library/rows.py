"""Checking the catalogue itself: its pages, its indexes, and rows that belong to nothing."""

import os
import re
from collections.abc import Iterator

from modelfs import hashing
from modelfs.catalog import blobs, orphans
from modelfs.catalog.orphans import Orphan
from modelfs.catalog.records import NewFile
from modelfs.library.checked import Checked
from modelfs.library.library import Library
from modelfs.store import Finding
from modelfs.types import BlobId

REBUILD = "modelfs doctor --rebuild"
_ONLY_AN_INDEX = re.compile(
    r"(row \d+ missing from|wrong # of entries in|non-unique entry in) index |"
    r"malformed inverted index for FTS5"
)
"""What integrity_check says of damage that making the indexes again mends (sqlite.org/pragma)."""


def check_catalog(library: Library) -> Iterator[Checked]:
    """Check pages, then rows; damaged pages end it."""
    sound = True
    for checked in check_pages(library):
        yield checked
        sound = sound and checked.finding.kind != "page"
    if sound:
        yield from mend(library)


def check_pages(library: Library) -> Iterator[Checked]:
    """Check the catalogue's structure; mend its indexes, which repeat what its tables say.

    Damaged tables are not written to: what is left of them is read by a rebuild.
    """
    problems = library.catalog.broken_pages()
    if problems and all(_ONLY_AN_INDEX.match(problem) for problem in problems):
        with library.catalog.write():
            library.catalog.renew_indexes()
        finding = Finding(None, "index", problems[0], str(library.paths.catalog))
        yield Checked(finding, "its indexes were made again")
        problems = library.catalog.broken_pages()
    for problem in problems:
        finding = Finding(None, "page", problem, str(library.paths.catalog))
        yield Checked(finding, f"bring back what can be read: {REBUILD}")


def mend(library: Library) -> Iterator[Checked]:
    """Find rows that lack what they belong to; mend those where that loses nothing."""
    for orphan in orphans.find(library.catalog):
        if orphan.kind == "no files":
            finding = Finding(None, "hollow", orphan.detail)
            yield Checked(finding, "add its files again, or remove it: modelfs rm")
            continue
        with library.catalog.write():
            if orphan.kind == "no blob":
                action = _find_bytes(library, orphan)
            else:
                action = orphans.mend(library.catalog, orphan)
        yield Checked(Finding(orphan.blob, "orphan", orphan.detail), action)


def _find_bytes(library: Library, orphan: Orphan) -> str:
    """Look in the store for the bytes of a file whose blob the catalogue does not know."""
    assert orphan.blob is not None
    if blobs.get(library.catalog, orphan.blob) is not None:
        return "found with another file"
    file = _look_at(library, orphan.blob)
    if file is None:
        orphans.remember_lost(library.catalog, orphan.blob)
        return "its bytes are not in the store either; add the same file again to heal it"
    blobs.remember(library.catalog, file)
    return "its bytes are in the store; verify --data reads them"


def _look_at(library: Library, blob: BlobId) -> NewFile | None:
    try:
        fd = library.store.open(blob)
    except OSError:
        return None
    try:
        size_bytes = os.fstat(fd).st_size
        return NewFile("", blob, size_bytes, hashing.sample_hash(fd, size_bytes), None, 0)
    except OSError:
        return None
    finally:
        os.close(fd)
