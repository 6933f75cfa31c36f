"""Deleting: what nobody names any more, and what died on its way in.

The order is always: that the bytes go is committed, then the file is renamed into ``staging/``
under the exclusive lock, then unlinked outside it. A crash leaves only more to sweep.
"""

import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from modelfs import locks
from modelfs.store.blobs import BlobStore
from modelfs.types import BlobId


def dead_staging(store: BlobStore, grace_s: float) -> Iterator[tuple[Path, int]]:
    """Give staging files that no living process holds and that are older than the grace.

    The caller holds ``deleting()``: a file that is just being made has no lock yet. With each
    comes what removing it frees: nothing while it is only a link to somebody's original.
    """
    for path in sorted(store.paths.staging.iterdir()):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or age_s(status) < grace_s:
                continue
            if locks.take(fd, exclusive=True):
                yield path, freed_bytes(status)
        finally:
            os.close(fd)


def freed_bytes(status: os.stat_result) -> int:
    """Return what removing one name of a file gives back: nothing while it has another."""
    return status.st_size if status.st_nlink == 1 else 0


def disk_bytes(status: os.stat_result) -> int:
    """Return what removing one name of a file gives back as ``df`` shows it, in whole blocks."""
    return status.st_blocks * _BLOCK_BYTES if status.st_nlink == 1 else 0


_BLOCK_BYTES = 512
"""The unit of ``st_blocks``, whatever the disk's own blocks are."""


def age_s(status: os.stat_result) -> float:
    """Return how long ago the file last changed in any way; 0 when the clock was set back."""
    return max(0.0, time.time() - max(status.st_mtime, status.st_ctime))


def withdraw(store: BlobStore, blob: BlobId) -> Path | None:
    """Take a blob out of ``blobs/``; the caller holds ``deleting()``.

    Committed is that it has no row any more, or that it is away and can be fetched again.

    Returns what is left to unlink, or None when the blob was not there.
    """
    gone = store.paths.staging / f"gone-{secrets.token_hex(6)}"
    try:
        # Safety: the caller has committed, under the exclusive lock, that nothing needs it here.
        os.rename(store.path(blob), gone)
    except FileNotFoundError:
        return None
    return gone
