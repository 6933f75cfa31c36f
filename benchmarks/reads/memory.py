"""What of a file is in the page cache, bringing it there, and taking it out."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from benchmarks.place import Failure, Place

_CACHESTAT = 451  # on every architecture, from Linux 6.5 on
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_DROP = Path("/proc/sys/vm/drop_caches")
_PAGE_CACHE = "1"
_LEFT_OVER_BYTES = 1 << 20
"""So much may be left of a file that is called cold."""
_SYSTEM = ctypes.CDLL(None, use_errno=True)


class _Range(ctypes.Structure):
    """struct cachestat_range; length 0 is all of the file."""

    _fields_ = (("offset", ctypes.c_uint64), ("length", ctypes.c_uint64))


def cached_bytes(file: BinaryIO) -> int | None:
    """Return how much of a file is in memory under its own name; None on kernels before 6.5.

    Under its own name: mincore, which fincore uses, says of a file that is passed through what is
    true of the file behind it, and both together would look like two copies.
    """
    found = (ctypes.c_uint64 * 5)()  # struct cachestat: cached, dirty, and three more counts
    range_ = ctypes.byref(_Range(0, 0))
    failed = _SYSTEM.syscall(_CACHESTAT, file.fileno(), range_, ctypes.byref(found), 0)
    return None if failed else found[0] * _PAGE_BYTES


class Watched:
    """A blob and what a side shows of it, opened before anybody reads.

    For some mounts each opening takes the file out of memory, so it must not come afterwards.
    """

    def __init__(self, place: Place, blob: BinaryIO, shown: BinaryIO) -> None:
        self._place = place
        self._blob, self._shown = blob, shown
        self._size_bytes = os.fstat(blob.fileno()).st_size
        self._is_one = os.path.sameopenfile(blob.fileno(), shown.fileno())

    def copies(self) -> float | None:
        """Return how many times the blob is in memory: as itself, and as what shows it."""
        behind, own = cached_bytes(self._blob), cached_bytes(self._shown)
        if behind is None or own is None:
            return None
        return (behind + (0 if self._is_one else own)) / self._size_bytes

    def bring(self) -> None:
        """Have all of the blob in memory, and nothing in the name of what shows it."""
        if not self._is_one:
            _forget(self._shown)
        if (cached_bytes(self._blob) or 0) < self._size_bytes:
            self._place.lay(Path(self._blob.name))

    def warm(self, least: float) -> None:
        """Read it through what shows it, if less than this share of it is in memory at all."""
        copies = self.copies()
        if copies is not None and copies < least:
            self._place.lay(Path(self._shown.name))

    def drop(self) -> None:
        """Have nothing of it in memory; raises Failure when it stays.

        Root drops the page cache of the whole machine, which no mount can keep anything from.
        """
        for file in (self._shown, self._blob):
            _forget(file)
        if os.access(_DROP, os.W_OK):
            _DROP.write_text(_PAGE_CACHE)
        if (self.copies() or 0) * self._size_bytes > _LEFT_OVER_BYTES:
            raise Failure(f"{self._blob.name} does not leave the page cache")


@contextmanager
def watched(place: Place, blob: Path, shown: Path) -> Iterator[Watched]:
    """Watch what of a blob is in memory."""
    with open(blob, "rb", buffering=0) as behind, open(shown, "rb", buffering=0) as own:
        yield Watched(place, behind, own)


def _forget(file: BinaryIO) -> None:
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
