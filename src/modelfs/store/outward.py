"""Putting bytes back where a person had them: a file of their own, never a link to the blob."""

import errno
import os
import secrets
from pathlib import Path

from modelfs import durable
from modelfs.store.blobs import BlobStore
from modelfs.store.trouble import explained
from modelfs.types import BlobId

_MODE = 0o644


def put_back(store: BlobStore, blob: BlobId, target: Path, mtime_ns: int) -> None:
    """Write a blob's bytes to ``target``, durably, by reflink or copy; never replaces anything.

    Raises Failed when something is there, NoSpace, or what the disk says; then nothing is there.
    """
    with explained(f"{target} cannot be put back"):
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.parent / f".modelfs-{secrets.token_hex(6)}.tmp"
        source = store.open(blob)
        try:
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
            try:
                _fill(source, fd, target.parent)
                os.utime(fd, ns=(mtime_ns, mtime_ns))
                os.fsync(fd)
            finally:
                os.close(fd)
            durable.rename_without_replacing(draft, target)
        finally:
            os.close(source)
            draft.unlink(missing_ok=True)
        durable.fsync_folder(target.parent)


def _fill(source: int, fd: int, folder: Path) -> None:
    if durable.clone(source, fd):
        return
    size_bytes = os.fstat(source).st_size
    durable.require_space(folder, size_bytes, 0)
    durable.preallocate(fd, size_bytes)
    if durable.copy_range(source, fd, 0, size_bytes) < size_bytes:
        raise OSError(errno.EIO, "the blob ends too early")
