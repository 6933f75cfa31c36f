"""Answering the kernel's reads: from the page cache at once, from the disk in a thread.

Bytes are spliced, from the blob into a pipe and from the pipe into the device, so that none passes
through Python or is copied twice. What a file cannot give is seen before the reply goes out: the
reader gets EIO, never an early end and never wrong bytes.
"""

import errno
import logging
import os
import threading
from dataclasses import dataclass

import trio

from modelfs.fs import residency
from modelfs.fs.kernel import wire
from modelfs.fs.kernel.splicing import Pipe
from modelfs.fs.pushing import Pusher, Span

log = logging.getLogger(__name__)

_THREADS = 8
_READ_AHEAD_BYTES = 4 << 20
_SAMPLE_BYTES = 128 << 10
"""Looked at each so often, a range is taken to be in memory as a whole: the kernel reads ahead by
more than that. Where it is not after all, one splice waits for the disk."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that somebody reads through the mount."""

    fd: int
    size_bytes: int
    name: str
    """What the log calls it."""
    may_back: bool
    """Whether the kernel may read it by itself: it is a blob, and not made up."""


class Reads:
    """Answers the read requests of one device. ``answer`` is for the loop."""

    def __init__(self, device: int) -> None:
        self.pusher = Pusher(device)
        self._device = device
        self._pipes = threading.local()
        self._threads = trio.CapacityLimiter(_THREADS)

    def answer(
        self,
        nursery: trio.Nursery,
        unique: int,
        inode: int,
        file: OpenFile,
        offset: int,
        size_bytes: int,
    ) -> None:
        """Send what was asked for, fewer bytes only at the file's end; returns at once."""
        wanted = range(offset, max(offset, min(offset + size_bytes, file.size_bytes)))
        span, ahead_bytes = None, 0
        if wanted and file.may_back:
            span = self.pusher.follow(file.fd, inode, file.size_bytes, wanted)
            ahead_bytes = min(self.pusher.row_bytes(inode) - len(wanted), _READ_AHEAD_BYTES)
        if span is None and _is_in_memory(file.fd, wanted):
            self._send(unique, file, wanted)
        else:
            nursery.start_soon(self._send_later, span, unique, file, wanted, ahead_bytes)

    async def _send_later(
        self, span: Span | None, unique: int, file: OpenFile, wanted: range, ahead_bytes: int
    ) -> None:
        if span is not None:
            await span.wait()
            if _is_in_memory(file.fd, wanted):
                self._send(unique, file, wanted)
                return
            ahead_bytes = 0  # what follows is there already
        await trio.to_thread.run_sync(
            self._send_cold, unique, file, wanted, ahead_bytes,
            limiter=self._threads, abandon_on_cancel=True,
        )  # fmt: skip

    def _send_cold(self, unique: int, file: OpenFile, wanted: range, ahead_bytes: int) -> None:
        """Read from the disk, and have it go on with what comes next, for who reads on."""
        was_absent = residency.is_absent(file.fd, wanted.start, wanted.stop)
        if ahead_bytes > 0:
            residency.fetch(file.fd, wanted.stop, wanted.stop + ahead_bytes)
        self._send(unique, file, wanted)
        if was_absent:
            residency.drop(file.fd, wanted.start, wanted.stop)

    def _send(self, unique: int, file: OpenFile, wanted: range) -> None:
        pipe = self._pipe()
        try:
            pipe.fill(wire.header(unique, len(wanted)), file.fd, wanted)
        except OSError as error:
            log.error("%s cannot be read at %d: %s", file.name, wanted.start, error)
            self._drop_pipe()
            self._fail(unique)
            return
        try:
            pipe.send(self._device, wire.HEADER_BYTES + len(wanted))
        except OSError as error:
            self._drop_pipe()
            if error.errno not in wire.UNWANTED:
                log.error("the kernel does not take what was read: %s", error)
                self._fail(unique)

    def _fail(self, unique: int) -> None:
        try:
            os.write(self._device, wire.failure(unique, errno.EIO))
        except OSError as error:
            if error.errno not in wire.UNWANTED:
                log.error("the kernel does not take an error: %s", error)

    def _pipe(self) -> Pipe:
        """Return this thread's pipe, which is empty between two replies."""
        found: Pipe | None = getattr(self._pipes, "pipe", None)
        if found is None:
            found = self._pipes.pipe = Pipe()
        return found

    def _drop_pipe(self) -> None:
        """Forget a pipe with something left in it."""
        self._pipe().close()
        self._pipes.pipe = None


def _is_in_memory(fd: int, wanted: range) -> bool:
    """Say whether a range can be had without waiting, as far as samples tell."""
    try:
        for at in (*wanted[::_SAMPLE_BYTES], *wanted[-1:]):
            if not os.preadv(fd, [_ONE_BYTE], at, os.RWF_NOWAIT):
                return True  # the file ends too early, which will be seen at once
    except OSError:
        # EAGAIN: not there. EOPNOTSUPP: not offered. Whatever else it is, the thread will meet.
        return False
    return True


_ONE_BYTE = bytearray(1)
