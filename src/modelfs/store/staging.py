"""Files on their way in: made under the store's lock, alive for as long as their own is held."""

import os
import secrets
from pathlib import Path

from modelfs import locks
from modelfs.store.blobs import BlobStore


def free_name(store: BlobStore, purpose: str) -> Path:
    """Return a name in ``staging/`` that nobody has."""
    return store.paths.staging / f"{purpose}-{os.getpid()}-{secrets.token_hex(6)}"


def new_file(store: BlobStore, purpose: str) -> tuple[Path, int]:
    """Make an empty file and hold it; while the descriptor is open, no sweep takes it."""
    path = free_name(store, purpose)
    with store.entering():  # so that no sweep sees the file before its lock
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        locks.take(fd, exclusive=True)
    return path, fd
