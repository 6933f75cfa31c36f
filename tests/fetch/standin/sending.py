"""How a body goes out: as fast as the kernel can, unless a fault says otherwise."""

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fetch.standin.content import Content
from fetch.standin.faults import Fault

_PIECE_BYTES = 256 << 10
_POLL_S = 0.02
_PIECES_PER_S = 50
"""How smoothly a slow body flows."""


class Dropped(Exception):
    """The connection has to be closed now."""


@dataclass
class Body:
    """The bytes of one response, and who must hear of it."""

    content: Content
    start: int
    length: int
    sent: Callable[[int], None]
    """Called with the number of bytes that go out next; negative for those that did not.

    Before, and not after: a client that has read everything must find everything counted.
    """
    stopped: threading.Event
    """Set when the server ends: nothing waits any longer."""


def send(connection: socket.socket, body: Body, faults: list[Fault]) -> None:
    """Send a body with the faults that happen; raise Dropped where the connection must go."""
    position, end = body.start, body.start + body.length
    for stop, fault in _interruptions(body, faults):
        _send_part(connection, body, position, stop, faults)
        position = stop
        if fault.drop_after is not None:
            raise Dropped
        fault.reached.set()
        _wait_for_release(connection, fault, body.stopped)
    _send_part(connection, body, position, end, faults)
    if any(fault.chunked for fault in faults):
        connection.sendall(b"0\r\n\r\n")


def _interruptions(body: Body, faults: list[Fault]) -> Iterator[tuple[int, Fault]]:
    """Yield where a body is cut or stalls, the first first."""
    found = [
        (after, number, fault)
        for number, fault in enumerate(faults)
        for after in (fault.drop_after, fault.stall_after)
        if after is not None
    ]
    for after, _, fault in sorted(found, key=lambda each: each[:2]):
        yield body.start + after, fault


def _send_part(
    connection: socket.socket, body: Body, start: int, end: int, faults: list[Fault]
) -> None:
    speeds = [fault.bytes_per_s for fault in faults if fault.bytes_per_s]
    corrupt = [fault.corrupt_at for fault in faults if fault.corrupt_at is not None]
    chunked = any(fault.chunked for fault in faults)
    if isinstance(body.content.source, Path) and not (speeds or corrupt or chunked):
        _send_from_disk(connection, body, start, end)
        return
    for position, size in _pieces(start, end, min(speeds, default=None), body.stopped):
        piece = bytearray(body.content.read(position, size))
        for at in corrupt:
            if position <= at < position + size:
                piece[at - position] ^= 0xFF
        if chunked:
            connection.sendall(b"%x\r\n" % len(piece))
        _send_bytes(connection, piece, body.sent)
        if chunked:
            connection.sendall(b"\r\n")


def _pieces(
    start: int, end: int, bytes_per_s: float | None, stopped: threading.Event
) -> Iterator[tuple[int, int]]:
    """Yield (position, size) of what to send next, no sooner than the speed allows."""
    size = max(1, int(bytes_per_s / _PIECES_PER_S)) if bytes_per_s else _PIECE_BYTES
    began = time.monotonic()
    for position in range(start, end, size):
        if bytes_per_s:
            early = began + (position - start) / bytes_per_s - time.monotonic()
            if early > 0 and stopped.wait(early):
                raise Dropped
        yield position, min(size, end - position)


def _send_from_disk(connection: socket.socket, body: Body, start: int, end: int) -> None:
    assert isinstance(body.content.source, Path)
    with open(body.content.source, "rb") as file:
        while start < end:
            size = min(_PIECE_BYTES, end - start)
            with _counted(size, body.sent) as done:
                done.append(os.sendfile(connection.fileno(), file.fileno(), start, size))
            if not sum(done):
                raise Dropped  # the file has become shorter than it was
            start += sum(done)


def _send_bytes(
    connection: socket.socket, piece: bytes | bytearray, sent: Callable[[int], None]
) -> None:
    rest = memoryview(piece)
    while rest:
        with _counted(len(rest), sent) as done:
            done.append(connection.send(rest))
        rest = rest[sum(done) :]


@contextmanager
def _counted(size: int, sent: Callable[[int], None]) -> Iterator[list[int]]:
    """Count bytes that are about to be sent, and take back those that turn out not to be."""
    sent(size)
    done: list[int] = []
    try:
        yield done
    finally:
        if sum(done) < size:
            sent(sum(done) - size)


def _wait_for_release(connection: socket.socket, fault: Fault, stopped: threading.Event) -> None:
    """Wait until the fault is released; raise Dropped when the client or the server ends."""
    while not fault.released.wait(_POLL_S):
        if stopped.is_set():
            raise Dropped
        readable, _, _ = select.select([connection], [], [], 0)
        if readable and not connection.recv(1, socket.MSG_PEEK):
            raise Dropped
