"""Whether bytes of a blob are in the page cache, and dropping those that only we brought there.

What is read through the mount is in memory twice, in the blob's pages and in the mount's. Bytes
that were read from the disk for the mount alone are dropped from the former again; what was there
before stays, for somebody else reads it.
"""

import ctypes
import os
from typing import Final

_CACHESTAT: Final = 451
"""cachestat(2), under this number on all machines; Linux 6.5 and later."""


class _Range(ctypes.Structure):
    _fields_ = (("off", ctypes.c_uint64), ("len", ctypes.c_uint64))


class _Counts(ctypes.Structure):
    _fields_ = (
        ("cached", ctypes.c_uint64),
        ("dirty", ctypes.c_uint64),
        ("writeback", ctypes.c_uint64),
        ("evicted", ctypes.c_uint64),
        ("recently_evicted", ctypes.c_uint64),
    )


_libc = ctypes.CDLL(None)


def is_absent(fd: int, start: int, end: int) -> bool:
    """Say whether nothing of it is in memory; False where the kernel does not tell.

    Looks at the memory alone and takes a few microseconds, so it may be asked on the loop.
    """
    where, counts = _Range(start, end - start), _Counts()
    failed = _libc.syscall(_CACHESTAT, fd, ctypes.byref(where), ctypes.byref(counts), 0)
    return not failed and not counts.cached


def drop(fd: int, start: int, end: int) -> None:
    """Take it out of memory, as far as nobody uses it. For a thread: it may wait for all cores."""
    os.posix_fadvise(fd, start, end - start, os.POSIX_FADV_DONTNEED)


def fetch(fd: int, start: int, end: int) -> None:
    """Have the disk begin to bring it into memory. For a thread: the disk's queue may be full."""
    os.posix_fadvise(fd, start, end - start, os.POSIX_FADV_WILLNEED)
