"""Between the kernel's device and pyfuse3: passes messages on, and changes three of them.

pyfuse3 asks for its next request here (see ``requests``), so no task stands between: a request is
read from the device and put into the socket in the same step that lets libfuse take it, and a reply
is passed on before the one who wrote it waits again. So each end of the socket holds one message
at most, and no write to it finds it full: a reply that did would be lost, and its caller hang.
"""

import errno
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable

import trio

from modelfs.fs.passthrough import wire
from modelfs.fs.passthrough.backing import Backings, Mode
from modelfs.fs.passthrough.device import Device

log = logging.getLogger(__name__)

_GONE = (errno.ENODEV, errno.ECONNABORTED)


class Relay:
    """Passes messages of one mount. Lives on the loop."""

    def __init__(self, device: Device, end: socket.socket) -> None:
        self.device = device.fd
        self.backings = Backings(device.fd)
        self.counts: Counter[str] = Counter()
        """How files were opened, by ``Mode``'s names, and the ``READ`` requests that came here."""
        self.backing_of: Callable[[int], int | None] = lambda _: None
        """Gives the descriptor to read an open handle from; whoever opens files sets this."""
        self.lost: Callable[[int], None] = lambda _: None
        """Told a handle that the kernel never got, as whom it was opened for had gone."""
        self._end = end
        self._request = memoryview(bytearray(wire.BUFFER_BYTES))
        self._reply = memoryview(bytearray(wire.BUFFER_BYTES))
        self._first: bytearray | None = device.first
        """FUSE_INIT, which was read when the mount was made, until it is passed on."""
        self._greeting: int | None = wire.request(device.first).unique
        """Which request it is, until it is answered."""
        self._opening: dict[int, int] = {}
        """Requests to open that are not answered yet: their inodes."""
        self._works = False

    @property
    def trouble(self) -> str:
        """Why not everything is read directly, as far as that has shown; else empty."""
        if self._greeting is None and not self._works:
            return "libfuse's answer to the kernel is not as expected"
        return self.backings.unbacked

    def take(self) -> bool:
        """Bring one request from the device to the socket; False when there is none.

        Raises trio.ClosedResourceError when the mount is gone.
        """
        if self._first is not None:
            wire.without_splice(self._first)
            self._end.send(self._first)
            self._first = None
            return True
        try:
            size = os.readv(self.device, [self._request])
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in (errno.EINTR, errno.ENOENT):  # ENOENT: it was interrupted meanwhile
                return False
            if error.errno not in _GONE:
                log.error("the device fails: %s", error)
            raise trio.ClosedResourceError from error
        message = self._request[:size]
        self._note(message)
        self._end.send(message)
        return True

    def _note(self, message: memoryview) -> None:
        """Remember what is needed to understand the reply."""
        request = wire.request(message)
        if request.opcode == wire.OPEN:
            self._opening[request.unique] = request.inode
        elif request.opcode == wire.RELEASE:
            self.backings.release(request.inode, wire.released(message))
        elif request.opcode == wire.READ:
            self.counts["READ"] += 1

    async def pass_late_replies(self) -> None:
        """Pass on what is answered while everybody else waits, for as long as the mount lives."""
        while True:
            await trio.lowlevel.wait_readable(self._end)
            self.pass_replies()

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
            self._works = wire.accept(reply)
        inode = self._opening.pop(unique, None)
        handle = wire.opened(reply) if inode is not None else None
        if inode is not None and handle is not None:
            self._decide(reply, inode, handle)
        try:
            os.write(self.device, reply)
        except OSError as error:
            if inode is not None and handle is not None:
                self.backings.release(inode, handle)
                self.lost(handle)
            # ENOENT: whoever asked was killed meanwhile.
            if error.errno not in (errno.ENOENT, *_GONE):
                log.error("the kernel does not take a reply: %s", error)

    def _decide(self, reply: memoryview, inode: int, handle: int) -> None:
        file = self.backing_of(handle) if self._works else None
        mode, backing = self.backings.open(inode, handle, file)
        if mode is Mode.BACKED:
            wire.back(reply, backing)
        elif mode is Mode.DIRECT:
            wire.uncached(reply)
        self.counts[mode.name] += 1
