"""An origin: one HTTP/1.1 server with kept connections, ranges, a log of requests, and faults.

It knows no service. A stand-in gives it a function from requests to replies, which is called in
many threads at once.
"""

import json
import re
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fetch.standin.content import Content
from fetch.standin.faults import Fault, Faults
from fetch.standin.sending import Body, Dropped, send


@dataclass
class Request:
    """What was asked, and, as it goes, how it was answered."""

    origin: str
    method: str
    path: str
    """Still quoted, without the query."""
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    """By lower-case names."""
    body: bytes
    file: str = ""
    """The path of the file whose bytes were asked for."""
    status: int = 0
    bytes_sent: int = 0
    """Of the answer's body, how many were given to the kernel. Exact once the client has read them
    all, or is no longer in ``open_connections``; but what is on its way to a client that is killed,
    a few MiB at most, was sent in vain."""

    @property
    def range(self) -> str | None:
        """The range that was asked for: ``bytes=10-``."""
        return self.headers.get("range")

    @property
    def token(self) -> str | None:
        """The token that came with it."""
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


@dataclass
class Reply:
    """What to answer, before ranges and faults."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Content = field(default_factory=lambda: Content(b""))
    file: str = ""
    """The path of the file whose bytes these are, or the way to them: faults go by it."""


def json_reply(value: object, headers: Mapping[str, str] | None = None) -> Reply:
    """Answer with JSON."""
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(200, kind | dict(headers or {}), Content(json.dumps(value)))


class Origin:
    """One server on a free port of the loopback."""

    def __init__(
        self,
        name: str,
        host: str,
        answer: Callable[[Request], Reply],
        requests: list[Request],
        faults: Faults,
    ) -> None:
        self.name = name
        self.answer = answer
        self.requests = requests
        self.faults = faults
        self.stopped = threading.Event()
        self.errors: list[str] = []
        """Failures of the stand-in itself, which a test must not mistake for its subject's."""
        self.connections: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.origin = self
        self.address = f"http://{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Close all connections, and end."""
        self.stopped.set()
        self._server.shutdown()
        self._thread.join()
        for connection in list(self.connections):
            _hang_up(connection)
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False  # so that server_close waits for them
    origin: Origin

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong in the stand-in; clients that hang up are no error."""
        if not isinstance(sys.exception(), OSError):
            self.origin.errors.append(traceback.format_exc())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.origin = self.server.origin
        self.origin.connections.add(self.connection)
        if self.origin.stopped.is_set():
            _hang_up(self.connection)  # accepted too late for ``stop`` to see it

    def finish(self) -> None:
        self.origin.connections.discard(self.connection)
        super().finish()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer any method."""
        request = self._read()
        self.origin.requests.append(request)
        reply = self.origin.answer(request)
        request.file = reply.file
        try:
            self._respond(request, reply)
        except Dropped:
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def _read(self) -> Request:
        address = urlsplit(self.path)
        return Request(
            self.origin.name,
            self.command,
            address.path,
            parse_qs(address.query, keep_blank_values=True),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )

    def _respond(self, request: Request, reply: Reply) -> None:
        faults = self.origin.faults
        planned = faults.concerning(request.origin, request.method, request.path, reply.file)
        before = [fault for fault in planned if fault.holds or fault.status is not None]
        for fault in before:
            if faults.happen(fault):
                reply = self._wait_or_refuse(fault, reply)
        unranged = [
            fault
            for fault in planned
            if fault.ignores_ranges and _has_ranges(reply) and faults.happen(fault)
        ]
        status, headers, start, length = _ranged(request, reply, bool(unranged))
        has_body = request.method != "HEAD" and length > 0
        happening = [
            fault
            for fault in planned
            if fault not in before + unranged
            and status < 300
            and fault.touches(start, length, has_body)
            and faults.happen(fault)
        ]
        promised = length + sum(fault.longer_by for fault in happening)
        chunked = any(fault.chunked for fault in happening)
        length = min(length, promised)
        request.status = status
        self._send_head(status, headers, None if chunked else promised)
        if has_body:
            body = Body(reply.content, start, length, _count(request), self.origin.stopped)
            send(self.connection, body, happening)
        if promised > length and request.method != "HEAD":
            raise Dropped

    def _wait_or_refuse(self, fault: Fault, reply: Reply) -> Reply:
        if fault.holds:
            fault.reached.set()
            while not fault.released.wait(0.02):
                if self.origin.stopped.is_set():
                    raise Dropped
        if fault.status is None:
            return reply
        return Reply(fault.status, fault.headers, Content(fault.body), reply.file)

    def _send_head(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()


def _count(request: Request) -> Callable[[int], None]:
    def count(n_bytes: int) -> None:
        request.bytes_sent += n_bytes

    return count


def _has_ranges(reply: Reply) -> bool:
    return reply.status == HTTPStatus.OK and "Accept-Ranges" in reply.headers


def _ranged(request: Request, reply: Reply, ignore: bool) -> tuple[int, dict[str, str], int, int]:
    """Return status, headers, start and length once a range has been looked at (RFC 9110 §14)."""
    headers, size = dict(reply.headers), reply.content.size
    if not _has_ranges(reply):
        return reply.status, headers, 0, size
    if ignore:
        del headers["Accept-Ranges"]
        return reply.status, headers, 0, size
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.range or "")
    unchanged = request.headers.get("if-range", headers.get("ETag")) == headers.get("ETag")
    if not wanted or wanted.group() == "bytes=-" or not unchanged:
        return reply.status, headers, 0, size
    first, last = wanted.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        return 416, headers | {"Content-Range": f"bytes */{size}"}, 0, 0
    return 206, headers | {"Content-Range": f"bytes {start}-{end - 1}/{size}"}, start, end - start


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):  # the client was faster
        connection.shutdown(socket.SHUT_RDWR)
