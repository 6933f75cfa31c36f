"""What a stand-in can be told to do wrong, for which requests and how often."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass
class Fault:
    """One kind of misbehaviour, and when it happens; the fields of the second half are effects."""

    path: str
    """A pattern of file paths (``*.gguf``); of addresses where it starts with ``/``."""
    times: int | None = None
    """For how many requests; None for all."""
    skip: int = 0
    """How many requests it would touch pass first."""
    origin: str = ""
    """Which origin misbehaves (``hub``, ``cdn``); empty for any."""
    method: str = ""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    bytes_per_s: float | None = None
    drop_after: int | None = None
    stall_after: int | None = None
    corrupt_at: int | None = None
    longer_by: int = 0
    ignores_ranges: bool = False
    chunked: bool = False
    holds: bool = False

    happened: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    """Set as soon as a response stalls or is held."""
    released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let what is stalled or held by this fault go on, now and later."""
        self.released.set()

    def matches(self, origin: str, method: str, address: str, file: str) -> bool:
        """Say whether it is about such a request."""
        if (self.origin and origin != self.origin) or (self.method and method != self.method):
            return False
        return fnmatchcase(address if self.path.startswith("/") else file, self.path)

    def touches(self, start: int, length: int, has_body: bool) -> bool:
        """Say whether a response with these bytes of the file would be any different."""
        if self.drop_after is not None or self.stall_after is not None:
            return has_body and (self.drop_after or self.stall_after or 0) < length
        if self.corrupt_at is not None:
            return has_body and start <= self.corrupt_at < start + length
        if self.bytes_per_s or self.longer_by or self.chunked:
            return has_body
        return True


class Faults:
    """The faults of a stand-in, in the order in which they were planned; safe to use anywhere.

    Each method plans one and returns it. ``when`` are ``times``, ``skip``, ``origin``, ``method``.
    A fault that would change nothing of a response, such as a drop behind its end, does not count.
    """

    def __init__(self) -> None:
        self._planned: list[Fault] = []
        self._lock = threading.Lock()

    def slow(self, path: str, bytes_per_s: float, **when: object) -> Fault:
        """Send no faster than this, on each connection."""
        return self._plan(path, when, bytes_per_s=bytes_per_s)

    def drop_after(self, path: str, n_bytes: int, **when: object) -> Fault:
        """Close the connection after so many bytes of the response's body."""
        return self._plan(path, when, drop_after=n_bytes)

    def stall_after(self, path: str, n_bytes: int, **when: object) -> Fault:
        """Stop sending there, until the client closes, or ``release``, which sends the rest."""
        return self._plan(path, when, stall_after=n_bytes)

    def hold(self, path: str, **when: object) -> Fault:
        """Answer nothing at all before ``release``."""
        return self._plan(path, when, holds=True)

    def corrupt(self, path: str, at: int, **when: object) -> Fault:
        """Send another byte than the file has at an offset."""
        return self._plan(path, when, corrupt_at=at)

    def wrong_size(self, path: str, longer_by: int, **when: object) -> Fault:
        """Promise more bytes in ``Content-Length`` than there are, or fewer if negative."""
        return self._plan(path, when, longer_by=longer_by)

    def no_ranges(self, path: str, **when: object) -> Fault:
        """Ignore ``Range``: answer 200 with the whole file."""
        return self._plan(path, when, ignores_ranges=True)

    def no_length(self, path: str, **when: object) -> Fault:
        """Send in chunks, without saying how much will come."""
        return self._plan(path, when, chunked=True)

    def status(
        self,
        path: str,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"refused",
        **when: object,
    ) -> Fault:
        """Answer with a status instead, as 429 with ``{"Retry-After": "1"}``."""
        return self._plan(path, when, status=status, headers=headers or {}, body=body)

    def clear(self) -> None:
        """Behave from now on, and let go what is stalled or held."""
        self.release()
        with self._lock:
            self._planned.clear()

    def release(self) -> None:
        """Let everything that is stalled or held go on."""
        with self._lock:
            for fault in self._planned:
                fault.release()

    def _plan(self, path: str, when: Mapping[str, object], **effects: object) -> Fault:
        fault = Fault(path, **when, **effects)  # type: ignore[arg-type]
        with self._lock:
            self._planned.append(fault)
        return fault

    def concerning(self, origin: str, method: str, address: str, file: str) -> list[Fault]:
        """Return those that are about a request and not used up."""
        with self._lock:
            return [
                fault
                for fault in self._planned
                if fault.matches(origin, method, address, file)
                and (fault.times is None or fault.happened < fault.times)
            ]

    def happen(self, fault: Fault) -> bool:
        """Say whether a fault that would touch a response happens this time, and count it."""
        with self._lock:
            if fault.skip > 0:
                fault.skip -= 1
                return False
            if fault.times is not None and fault.happened >= fault.times:
                return False
            fault.happened += 1
            return True
