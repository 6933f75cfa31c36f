"""The one place for locks between processes: flock, which the kernel drops when a holder dies.

flock keeps no queue: where shared holders follow each other without a gap, one who waits to be
alone would never be. So each lock has a gate, a second file beside it, that everybody passes with
the lock still to come: while one waits for the lock, nobody newer overtakes.
"""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelfs.errors import CatalogBusy

_RETRY_S = 0.005
_GATE_SUFFIX = ".gate"


@contextmanager
def hold(path: Path, *, exclusive: bool, timeout_s: float) -> Iterator[int]:
    """Hold the lock file at ``path``, creating it; give its descriptor.

    Whoever waits is overtaken by nobody for long, so a lock that is never held for long is never
    waited for long. A holder must not take the same lock again: one who waits in between would
    make it wait for itself. Raises CatalogBusy when others do not let go within ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    with _opened(path) as fd:
        with _opened(path.with_name(path.name + _GATE_SUFFIX)) as gate:
            in_time = _wait(gate, exclusive=True, deadline=deadline)
            in_time = in_time and _wait(fd, exclusive=exclusive, deadline=deadline)
        if not in_time:
            raise CatalogBusy(
                f"another modelfs command has been using {path.parent} for {timeout_s:.0f} s",
                "wait for it to finish and try again",
            )
        yield fd


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def _wait(fd: int, *, exclusive: bool, deadline: float) -> bool:
    while not take(fd, exclusive=exclusive):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_RETRY_S)
    return True


def take_within(fd: int, *, exclusive: bool, timeout_s: float) -> bool:
    """Lock an open file for as long as it stays open; say whether it worked in time."""
    return _wait(fd, exclusive=exclusive, deadline=time.monotonic() + timeout_s)


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
    return _is_lease_refused(fd, fcntl.F_RDLCK)


def is_open_elsewhere(fd: int) -> bool:
    """Say whether the file of this descriptor is open or mapped by another descriptor, anybody's.

    Asks for a write lease, so it sees what processes have that are not ours to look into, and
    what the kernel reads for a mount. Where leases are not to be had the answer is False.
    """
    return _is_lease_refused(fd, fcntl.F_WRLCK)


def _is_lease_refused(fd: int, kind: int) -> bool:
    try:
        # Whoever opens the file meanwhile waits for us, and we get a signal: by default SIGIO,
        # which would end us. This one is ignored.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, kind)
    except BlockingIOError:
        return True
    except OSError:
        return False
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
