"""Where a blob is and how to get at it.

``blobs/<2 hex>/<32 hex>``, mode 0444; ``<id>~1`` holds other bytes of the same hash.
"""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelfs import durable, locks
from modelfs.paths import StorePaths
from modelfs.store.trouble import explained
from modelfs.types import BlobId

BLOB_MODE = 0o444
LOCK_TIMEOUT_S = 60.0
_TRIES, _RETRY_S = 50, 0.0005


def fanout() -> list[str]:
    """Return the names of the folders of ``blobs/``."""
    return [f"{number:02x}" for number in range(256)]


class BlobStore:
    """The blobs of one store. Safe to use from several threads and processes."""

    def __init__(self, paths: StorePaths, reserve_bytes: int = 0) -> None:
        self.paths = paths
        self.reserve_bytes = reserve_bytes

    def create(self) -> None:
        """Make the store's folders, durably; harmless where they exist."""
        with explained(f"{self.paths.root} cannot be made"):
            durable.make_folder(self.paths.root)
            self.paths.root.chmod(0o700)
            for folder in (
                self.paths.staging,
                self.paths.quarantine,
                self.paths.snapshots,
                self.paths.lost_found,
                self.paths.scratch,
            ):
                durable.make_folder(folder)
            durable.make_folder(self.paths.blobs)
            self.make_folders()

    def make_folders(self) -> None:
        """Make those folders of ``blobs/`` that are not there, durably."""
        there = set(os.listdir(self.paths.blobs))
        missing = [name for name in fanout() if name not in there]
        for name in missing:
            (self.paths.blobs / name).mkdir(exist_ok=True)
        if missing:
            durable.fsync_folder(self.paths.blobs)

    def path(self, blob: BlobId) -> Path:
        """Return where the bytes of ``blob`` are, or would be."""
        return self.paths.blobs / blob[:2] / blob

    def open(self, blob: BlobId) -> int:
        """Open a blob for reading; the caller closes. Raises OSError."""
        # Nonblocking, should a pipe have taken its place.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        for _ in range(_TRIES):
            try:
                return os.open(self.path(blob), flags)
            except BlockingIOError:
                # Somebody asks in this very moment whether it is open: locks.is_open_elsewhere.
                time.sleep(_RETRY_S)
        return os.open(self.path(blob), flags)

    def has(self, blob: BlobId, size_bytes: int) -> bool:
        """Say whether a regular file of that size is in the blob's place."""
        try:
            status = os.lstat(self.path(blob))
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == size_bytes

    def listed(self) -> Iterator[tuple[BlobId, os.stat_result]]:
        """Give everything that is in the folder of its name, whatever it is."""
        for name in fanout():
            folder = self.paths.blobs / name
            if not folder.is_dir():
                continue
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if entry.name.startswith(name):
                        with suppress(FileNotFoundError):  # collected since it was listed
                            yield BlobId(entry.name), entry.stat(follow_symlinks=False)

    @contextmanager
    def entering(self) -> Iterator[None]:
        """Hold off deletions: for the moment of rename and commit, never for a long copy."""
        with locks.hold(self.paths.lock, exclusive=False, timeout_s=LOCK_TIMEOUT_S):
            yield

    @contextmanager
    def deleting(self) -> Iterator[None]:
        """Hold off entries and other deletions: for a short batch."""
        with locks.hold(self.paths.lock, exclusive=True, timeout_s=LOCK_TIMEOUT_S):
            yield
