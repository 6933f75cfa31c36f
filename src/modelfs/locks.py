"""The one place for locks between processes: flock, which the kernel drops when a holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelfs.errors import CatalogBusy

_RETRY_S = 0.02


@contextmanager
def hold(path: Path, *, exclusive: bool, timeout_s: float) -> Iterator[int]:
    """Hold the lock file at ``path``, creating it; give its descriptor.

    Raises CatalogBusy when another process does not let go within ``timeout_s``.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout_s
        while not take(fd, exclusive=exclusive):
            if time.monotonic() >= deadline:
                raise CatalogBusy(
                    f"another modelfs command has been using {path.parent} for {timeout_s:.0f} s",
                    "wait for it to finish and try again",
                )
            time.sleep(_RETRY_S)
        yield fd
    finally:
        os.close(fd)


def take(fd: int, *, exclusive: bool) -> bool:
    """Try to lock an open file without waiting; say whether it worked.

    The lock goes when the last copy of the descriptor closes, also when its process dies.
    """
    try:
        fcntl.flock(fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Say whether a living process holds ``path`` exclusively; False when there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not take(fd, exclusive=False)
    finally:
        os.close(fd)


def open_for_writing_elsewhere(fd: int) -> bool:
    """Say whether some process has the file of this read-only descriptor open for writing.

    Asks for a read lease, which the kernel refuses while there is a writer (fcntl(2)). Where
    leases are not to be had (not our file, a network file system) the answer is False.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
