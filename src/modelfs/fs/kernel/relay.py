"""Between the kernel's device and pyfuse3: passes messages on, and changes a few of them.

Reads it answers itself: through pyfuse3 a request costs more than its bytes.

pyfuse3 asks for its next request here (see ``requests``), so no task stands between: a request is
read from the device and put into the socket in the same step that lets libfuse take it, and a reply
is passed on before the one who wrote it waits again. So each end of the socket holds one message
at most, and no write to it finds it full: a reply that did would be lost, and its caller hang.
"""

import errno
import logging
import math
import os
import socket
import time
from collections import Counter
from collections.abc import Callable

import trio

from modelfs.fs.kernel import wire
from modelfs.fs.kernel.backing import Backings, Mode
from modelfs.fs.kernel.device import Device
from modelfs.fs.kernel.reads import OpenFile, Reads

log = logging.getLogger(__name__)

_ODD = "libfuse's answer to the kernel is not as expected"


class Relay:
    """Passes messages of one mount. Lives on the loop."""

    def __init__(
        self,
        device: Device,
        end: socket.socket,
        files: Callable[[int], OpenFile],
        lost: Callable[[int], None],
        *,
        passthrough: bool,
    ) -> None:
        """``files`` gives what a handle has open; ``lost`` is told one the kernel never got."""
        self.device = device.fd
        self.backings = Backings(device.fd)
        self.counts: Counter[str] = Counter()
        """How files were opened, by ``Mode``'s names, and the ``READ`` requests that came here."""
        self._end = end
        self._files = files
        self._lost = lost
        self._passthrough = passthrough
        self._reads = Reads(device.fd)
        self._nursery: trio.Nursery | None = None
        self._request = memoryview(bytearray(wire.BUFFER_BYTES))
        self._reply = memoryview(bytearray(wire.BUFFER_BYTES))
        self._first: bytearray | None = device.first
        """FUSE_INIT, which was read when the mount was made, until it is passed on."""
        self._greeting: int | None = wire.request(device.first).unique
        """Which request it is, until it is answered."""
        self._opening: dict[int, int] = {}
        """Requests to open that are not answered yet: their inodes."""
        self._is_understood = False

    @property
    def trouble(self) -> str:
        """Why not all is read as it was meant to be, as far as that has shown; else empty."""
        if self._greeting is None and not self._is_understood:
            return _ODD
        return self.backings.unbacked

    def stop_pushing(self, timeout_s: float) -> None:
        """End what runs ahead of readers, while requests are still answered; not for the loop."""
        self._reads.pusher.stop(timeout_s)

    async def run(self) -> None:
        """Do what cannot be done at once, for as long as the mount lives."""
        async with trio.open_nursery() as self._nursery:
            while True:
                await trio.lowlevel.wait_readable(self._end)
                self.pass_replies()  # of who answered while everybody else waits

    def take(self, until: float = math.inf) -> bool:
        """Bring one request from the device to the socket; False when there is none.

        So it is too when all were reads up to ``until``, by ``time.monotonic``: they are answered
        here, and readers who never pause would keep the loop from everything else. Raises
        trio.ClosedResourceError when the mount is gone.
        """
        while time.monotonic() < until and (message := self._next()) is not None:
            if not self._answered(message):
                self._end.send(message)
                return True
        return False

    def _next(self) -> memoryview | None:
        if self._first is not None:
            first, self._first = self._first, None
            wire.without_splice(first)
            return memoryview(first)
        try:
            return self._request[: os.readv(self.device, [self._request])]
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in (errno.EINTR, errno.ENOENT):  # ENOENT: it was interrupted meanwhile
                return None
            if error.errno not in wire.GONE:
                log.error("the device fails: %s", error)
            raise trio.ClosedResourceError from error

    def _answered(self, message: memoryview) -> bool:
        """Answer what is not for libfuse; note what is needed to understand other replies."""
        request = wire.request(message)
        match request.opcode:
            case wire.READ:
                self._read(request, *wire.read(message))
                return True
            case wire.INTERRUPT:
                return True  # nothing takes so long, and what we answer libfuse does not know
            case wire.OPEN:
                self._opening[request.unique] = request.inode
            case wire.RELEASE:
                self.backings.release(request.inode, wire.released(message))
            case wire.READDIR | wire.READDIRPLUS:
                wire.name_folder(message)
        return False

    def _read(self, request: wire.Request, handle: int, offset: int, size_bytes: int) -> None:
        self.counts["READ"] += 1
        assert self._nursery is not None  # it runs before anybody can read
        file = self._files(handle)
        self._reads.answer(self._nursery, request.unique, request.inode, file, offset, size_bytes)

    def pass_replies(self) -> None:
        """Bring what libfuse has answered to the device."""
        while True:
            try:
                size = self._end.recv_into(self._reply)
            except BlockingIOError:
                return
            if size == 0:
                return
            self._answer(self._reply[:size])

    def _answer(self, reply: memoryview) -> None:
        unique = wire.reply_unique(reply)
        if unique == self._greeting:
            self._greeting = None
            self._is_understood = wire.accept(reply, passthrough=self._passthrough)
            if not self._is_understood:
                # Goes on if it asks for messages that fit; else the device fails at the next.
                log.error("%s", _ODD)
        inode = self._opening.pop(unique, None)
        handle = wire.opened(reply) if inode is not None else None
        if inode is not None and handle is not None and not self._decide(reply, inode, handle):
            self._lost(handle)
            inode, reply = None, memoryview(bytearray(wire.failure(unique, errno.EIO)))
        try:
            os.write(self.device, reply)
        except OSError as error:
            if inode is not None and handle is not None:
                self.backings.release(inode, handle)
                self._lost(handle)
            if error.errno not in wire.UNWANTED:
                log.error("the kernel does not take a reply: %s", error)

    def _decide(self, reply: memoryview, inode: int, handle: int) -> bool:
        """Say in the reply how a file that was opened is read; False if it cannot be."""
        file = self._files(handle)
        back = file.may_back and self._passthrough and self._is_understood
        mode, backing = self.backings.open(inode, handle, file.fd, is_blob=file.may_back, back=back)
        self.counts[mode.name] += 1
        if mode is Mode.BACKED:
            wire.back(reply, backing)
        elif mode is Mode.RENEWED:
            wire.renew(reply)
            if not self._reads.pusher.ends(inode):
                self.backings.release(inode, handle)
                self.backings.distrust(inode)
                mode = Mode.REFUSED
        if mode is Mode.REFUSED:
            log.error(
                "%s is another file now, and who has the old one open must close it", file.name
            )
        return mode is not Mode.REFUSED
