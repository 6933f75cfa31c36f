"""A pipe through which a file's pages go to the kernel: not copied on the way, nor seen by Python.

What a file cannot give shows before anything is sent, unlike with a memory map.
"""

import errno
import fcntl
import os
from contextlib import suppress
from typing import Final

from modelfs.fs.kernel import wire

_PIPE_BYTES: Final = 1 << 20
"""What an ordinary user may have (fs.pipe-max-size)."""


class Pipe:
    """One message at a time. One that failed may have left something in it: close it then."""

    def __init__(self) -> None:
        self._out, self._in = os.pipe2(os.O_CLOEXEC)
        with suppress(OSError):  # EPERM: this user has many already (fs.pipe-user-pages-soft)
            fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        pages = fcntl.fcntl(self._in, fcntl.F_GETPIPE_SZ) // wire.PAGE_BYTES
        self._room_bytes = (pages - 2) * wire.PAGE_BYTES
        """How much of a file fits: each page has a place, its head another, a shifted end one."""
        self._copied: list[bytes | memoryview] | None = None
        """The message, if it does not fit."""

    def close(self) -> None:
        """Throw away what is in it."""
        os.close(self._out)
        os.close(self._in)

    def fill(self, head: bytes, fd: int, part: range) -> None:
        """Put in a message: its head, and all of that part of a file; raises OSError."""
        if len(part) > self._room_bytes:
            self._copied = [head, _read(fd, part)]
            return
        self._copied = None
        os.write(self._in, head)
        at = part.start
        while at < part.stop:
            at += _some(os.splice(fd, self._in, part.stop - at, offset_src=at), at)

    def send(self, device: int, size_bytes: int) -> None:
        """Give the kernel the message, which is so long in all; raises OSError."""
        if self._copied is not None:
            os.writev(device, self._copied)
        else:
            os.splice(self._out, device, size_bytes)


def _read(fd: int, part: range) -> memoryview:
    view = memoryview(bytearray(len(part)))
    done = 0
    while done < len(part):
        done += _some(os.preadv(fd, [view[done:]], part.start + done), part.start + done)
    return view


def _some(count: int, at: int) -> int:
    """Return how many bytes came; raise OSError when none did, for the file is to have more."""
    if count == 0:
        raise OSError(errno.EIO, f"it ends at {at}")
    return count
