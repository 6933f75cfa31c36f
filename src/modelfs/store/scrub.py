"""Checking blobs: the cheap look (there, size, mode) and the full one (read and hash it)."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from modelfs import hashing
from modelfs.hashing import Digests
from modelfs.store.blobs import BLOB_MODE, BlobStore
from modelfs.types import BlobId

Kind = Literal[
    "missing",
    "size",
    "data",
    "unreadable",
    "mode",
    "linked",
    "back",
    "stray",
    "orphan",
    "index",
    "page",
    "hollow",
]
_DAMAGE = ("missing", "size", "data", "unreadable", "page", "hollow")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong, with a blob or with what is around the blobs."""

    blob: BlobId | None
    kind: Kind
    detail: str
    path: str | None = None
    """The file or folder that it is about, where that is no blob in its place."""

    @property
    def is_damage(self) -> bool:
        """Whether something is lost, and not just to be mended."""
        return self.kind in _DAMAGE


def look(store: BlobStore, blob: BlobId, size_bytes: int) -> Finding | None:
    """Check that a blob is there with its size and mode, without reading it."""
    try:
        status = os.lstat(store.path(blob))
    except FileNotFoundError:
        return Finding(blob, "missing", "its file is gone from the store")
    except OSError as error:
        return Finding(blob, "unreadable", (error.strerror or str(error)).lower())
    if not stat.S_ISREG(status.st_mode):
        return Finding(blob, "data", "its place is taken by something that is no file")
    if status.st_size != size_bytes:
        return Finding(blob, "size", f"{status.st_size} bytes where there should be {size_bytes}")
    if stat.S_IMODE(status.st_mode) != BLOB_MODE:
        return Finding(blob, "mode", f"mode {stat.S_IMODE(status.st_mode):04o}, should be 0444")
    if status.st_nlink > 1:
        return Finding(blob, "linked", "it has another name outside the store")
    return None


def read_through(
    store: BlobStore,
    blob: BlobId,
    size_bytes: int,
    *,
    seal: bool,
    advance: Callable[[int], None],
    data_start: int | None = None,
) -> tuple[Finding | None, Digests | None]:
    """Read and hash a whole blob; give what is wrong, or its digests. Leaves the page cache."""
    found = look(store, blob, size_bytes)
    if found is not None and found.is_damage:
        return found, None
    try:
        fd = store.open(blob)
    except FileNotFoundError:
        return Finding(blob, "missing", "its file is gone from the store"), None
    except OSError as error:
        return Finding(blob, "unreadable", (error.strerror or str(error)).lower()), None
    try:
        digests = hashing.hash_descriptor(
            fd, size_bytes, seal=seal, advance=advance, data_start=data_start
        )
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    except EOFError as error:
        return Finding(blob, "size", str(error)), None
    except OSError as error:
        return Finding(blob, "unreadable", (error.strerror or str(error)).lower()), None
    finally:
        os.close(fd)
    if digests.xxh3 != blob.partition("~")[0]:
        return Finding(blob, "data", "its bytes are not those that were added"), None
    return None, digests


def mend_mode(store: BlobStore, blob: BlobId) -> None:
    """Make a blob read-only again, one that ``look`` found to be a file. Raises OSError."""
    os.chmod(store.path(blob), BLOB_MODE)
