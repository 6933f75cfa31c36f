"""Putting bytes back where a person had them: a file of their own, never a link to the blob."""

import errno
import os
import stat
from pathlib import Path

from modelfs import durable, hashing
from modelfs.errors import Damaged
from modelfs.store.blobs import BlobStore
from modelfs.store.trouble import explained
from modelfs.types import BlobId

_MODE = 0o644


def put_back(store: BlobStore, blob: BlobId, target: Path, mtime_ns: int) -> None:
    """Write a blob's bytes to ``target``, durably, by reflink or copy; never replaces anything.

    Raises Failed when something is there, Damaged when the bytes are not those that came in,
    NoSpace, or what the disk says; then nothing is there.
    """
    with explained(f"{target} cannot be put back"):
        durable.make_folder(target.parent)
        # By the blob's name, so that doing it again after a crash takes over what that left.
        draft = target.parent / f".modelfs-{blob}.tmp"
        source = store.open(blob)
        try:
            with durable.draft(draft, _MODE) as fd:
                _fill(source, fd, target.parent)
                _check(fd, blob, target)
                os.utime(fd, ns=(mtime_ns, mtime_ns))
                os.fsync(fd)
                durable.rename_without_replacing(draft, target)
        finally:
            os.close(source)
        durable.fsync_folder(target.parent)


def is_back(store: BlobStore, blob: BlobId, target: Path, mtime_ns: int) -> bool:
    """Say whether ``target`` is what ``put_back`` would make: these bytes, of that time."""
    with explained(f"{target} cannot be compared with blob {blob}"):
        status = os.lstat(target)
        if not stat.S_ISREG(status.st_mode) or status.st_mtime_ns != mtime_ns:
            return False
        if not store.has(blob, status.st_size):
            return False
        source = store.open(blob)
        try:
            with open(target, "rb") as file:
                return hashing.same_bytes(source, file.fileno(), status.st_size, lambda _: None)
        finally:
            os.close(source)


def _fill(source: int, fd: int, folder: Path) -> None:
    if durable.clone(source, fd):
        return
    size_bytes = os.fstat(source).st_size
    durable.require_space(folder, size_bytes, 0)
    durable.preallocate(fd, size_bytes)
    if durable.copy_range(source, fd, 0, size_bytes) < size_bytes:
        raise OSError(errno.EIO, "the blob ends too early")


def _check(fd: int, blob: BlobId, target: Path) -> None:
    """Raise Damaged unless what was written is what the blob's name promises."""
    size_bytes = os.fstat(fd).st_size
    digests = hashing.hash_descriptor(fd, size_bytes, seal=False, advance=lambda _: None)
    if digests.xxh3 != blob.partition("~")[0]:
        raise Damaged(
            f"{target} is not put back: blob {blob} no longer has the bytes that were added",
            "modelfs verify --data sets it aside; add the same file again to heal it",
        )
