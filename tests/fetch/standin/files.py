"""A plain file server on loopback, as anybody has one: what it says of a file can be chosen."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from fetch.standin.content import Content
from fetch.standin.faults import Faults
from fetch.standin.serving import Origin, Reply, Request


class StandInFiles:
    """Answers at the paths that it was given; 404 elsewhere."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.faults = Faults()
        self._replies: dict[str, Reply] = {}
        self._origin = Origin("files", "127.0.0.1", self._answer, self.requests, self.faults)
        self.address = self._origin.address

    def __enter__(self) -> Self:
        self._origin.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        self._origin.stop()
        assert kind or not self._origin.errors, self._origin.errors[0]

    def put(
        self,
        path: str,
        content: bytes = b"weights",
        *,
        status: int = 200,
        ranges: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Serve bytes with these headers; return their address."""
        usual = {"Content-Type": "application/octet-stream"}
        usual |= {"Accept-Ranges": "bytes"} if ranges else {}
        self._replies[path] = Reply(status, usual | dict(headers or {}), Content(content), path)
        return self.address + path

    def redirect(self, path: str, location: str) -> str:
        """Answer with another address; return the first."""
        return self.put(path, b"", status=302, ranges=False, headers={"Location": location})

    def _answer(self, request: Request) -> Reply:
        return self._replies.get(request.path, Reply(404, {}, Content(b"no such file")))
