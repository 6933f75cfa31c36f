"""Requests: redirects by hand, tokens to their own service alone, errors in words, patience.

``httpx2`` moves the bytes; what is ours is whom we trust. Safe to use from several threads.
"""

import functools
import json
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit
from weakref import WeakSet

import httpx2

from modelfs import __version__
from modelfs.errors import AccessDenied, BadInput, Cancelled, ModelfsError, NotFound, Unreachable
from modelfs.fetch.endpoints import Endpoints
from modelfs.fetch.listing import Access
from modelfs.fetch.tokens import Tokens

Read = TypeVar("Read")

MAX_TEXT_BYTES = 64 << 20
"""No answer that is read into memory is longer: a listing of 100 000 files has 30 MB."""
_MAX_REFUSAL_BYTES = 64 << 10
_MAX_REDIRECTS = 10
_ATTEMPTS = 5
_LONGEST_WAIT_S = 120.0
"""A server that wants more patience than this is told of, not waited for."""
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_GONE_LINK = {400, 401, 403, 404, 410}
"""What a CDN says of a link that has expired."""


class Refusal(Exception):
    """An answer that is no success; ``explained`` says what a person should know of it."""

    def __init__(self, status: int, url: str, headers: Mapping[str, str], body: str) -> None:
        super().__init__(f"{status} from {urlsplit(url).hostname}")
        self.status = status
        self.url = url
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _TRY_AGAIN

    @property
    def is_expired_link(self) -> bool:
        """Whether a signed link that was given before may have expired."""
        return self.status in _GONE_LINK

    @property
    def wait_s(self) -> float | None:
        """How long the server asks us to wait (RFC 9110, Retry-After; the hub's RateLimit)."""
        return retry_after_s(self.headers)

    def explained(self, what: str, access: Access = "") -> ModelfsError:
        """Return the error a person should see; ``what`` is what was asked for."""
        host = urlsplit(self.url).hostname or "the server"
        if self.headers.get("x-error-code") == "GatedRepo":
            page = self.url.partition("/resolve/")[0]
            return AccessDenied(
                f"{page} is gated: its owner wants its terms accepted first",
                "accept them on that page in a browser, then: modelfs login",
            )
        match self.status:
            case 401:
                login = {"hub": "modelfs login", "": ""}.get(access, f"modelfs login {access}")
                return AccessDenied(
                    f"{host} does not give {what} without a valid token (401)",
                    f"it is private, or does not exist; {login}" if login else "",
                )
            case 403:
                return AccessDenied(
                    f"{host} does not give {what} to you (403)",
                    "its page in a browser says what it wants: terms to accept, or another account",
                )
            case 404 | 410:
                return NotFound(f"{host} has no {what} ({self.status})", "check the spelling")
            case 416:
                return Unreachable(f"{host} has fewer bytes of {what} than it had promised (416)")
            case 429:
                wait = f" for {self.wait_s:.0f} s" if self.wait_s else ""
                return Unreachable(
                    f"{host} asks for a pause{wait}: too many requests (429)",
                    "run the same command again later; with a token the limits are higher",
                )
        return Unreachable(
            f"{host} answered {self.status} when asked for {what}", "try again later"
        )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read how long a server asks to wait; None when it does not say."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    if text:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # said to be "-0000"
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    # The hub: `RateLimit: "resolvers";r=0;t=55` (draft-ietf-httpapi-ratelimit-headers).
    for part in headers.get("ratelimit", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isascii() and value.isdigit():
            return float(value)
    return None


class Web:
    """What talks to servers. Close it, or use it in a ``with``."""

    def __init__(
        self,
        endpoints: Endpoints | None = None,
        tokens: Tokens | None = None,
        *,
        stall_s: float = 30.0,
        backoff_s: float = 0.5,
        connections: int = 32,
        xet: str = "auto",
    ) -> None:
        self.endpoints = endpoints or Endpoints.configured()
        self.tokens = tokens or Tokens()
        self.stall_s = stall_s
        """So long a server may send nothing."""
        self.backoff_s = backoff_s
        self.xet = xet
        """Which files of the hub come by way of Xet, as the setting has it."""
        self.stopped = threading.Event()
        """Set by ``stop``: every wait has ended."""
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()
        self._client = httpx2.Client(
            headers={"user-agent": f"modelfs/{__version__}", "accept-encoding": "identity"},
            verify=_authorities(),
            timeout=httpx2.Timeout(stall_s, connect=min(10.0, stall_s)),
            limits=httpx2.Limits(
                max_connections=connections, max_keepalive_connections=connections
            ),
        )

    def __enter__(self) -> "Web":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def stop(self) -> None:
        """End every wait and every answer, those too that have not begun; from any thread.

        Whatever is asked afterwards raises Cancelled.
        """
        self.stopped.set()
        with self._lock:
            for connection in self._sockets:
                _shut_down(connection)

    def _connected(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of a new connection (httpx2's extension ``trace``)."""
        if not event.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        connection = info["return_value"].get_extra_info("socket")
        if connection is not None:
            with self._lock:
                self._sockets.add(connection)
                if self.stopped.is_set():
                    _shut_down(connection)

    @contextmanager
    def open(
        self,
        url: str,
        access: Access = "",
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        found_at: Callable[[str], None] | None = None,
    ) -> Iterator[httpx2.Response]:
        """Ask once, follow redirects, and give the answer with its body still to come.

        ``found_at`` gets the address that answered. Raises Refusal for an answer that is no
        success, httpx2's errors for none, Unreachable for a redirect that leads nowhere.
        """
        _check_web(url)
        for _ in range(_MAX_REDIRECTS):
            if self.stopped.is_set():
                raise Cancelled("stopped")
            sent = dict(headers or {})
            if self.endpoints.may_see(access, url):
                token = self.tokens.get(access)
                sent |= {"authorization": f"Bearer {token}"} if token else {}
            with self._client.stream(
                method, url, headers=sent, extensions={"trace": self._connected}
            ) as answer:
                if answer.is_redirect and answer.headers.get("location"):
                    _beginning(answer)  # so that the connection can be used again
                    url = _redirected(url, answer.headers["location"])
                    continue
                if not answer.is_success:
                    body = _beginning(answer).decode("utf-8", "replace")
                    raise Refusal(answer.status_code, url, answer.headers, body)
                if found_at is not None:
                    found_at(url)
                yield answer
                return
        raise Unreachable(f"{urlsplit(url).hostname} redirects in a circle")

    def text(
        self, url: str, what: str, access: Access = "", headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Return a whole small answer, asking again while that may help.

        ``what`` names what is asked for in errors: NotFound, AccessDenied, Unreachable.
        """
        return self._patiently(lambda answer: _whole(answer, what), url, what, access, headers)

    def _patiently(
        self,
        read: Callable[[httpx2.Response], Read],
        url: str,
        what: str,
        access: Access,
        headers: Mapping[str, str] | None,
    ) -> Read:
        """Ask until there is an answer, or waiting has no sense, and return what is read of it."""
        for attempt in range(_ATTEMPTS):
            try:
                with self.open(url, access, headers) as answer:
                    return read(answer)
            except Refusal as refusal:
                if not refusal.may_pass or attempt + 1 == _ATTEMPTS:
                    raise refusal.explained(what, access) from None
                wait_s = refusal.wait_s
                if wait_s is not None and wait_s > _LONGEST_WAIT_S:
                    raise refusal.explained(what, access) from None
            except httpx2.HTTPError as error:
                if attempt + 1 == _ATTEMPTS:
                    raise unreachable(error, url) from error
                wait_s = None
            self.pause(attempt, wait_s)
        raise AssertionError

    def json(
        self, url: str, what: str, access: Access = "", headers: Mapping[str, str] | None = None
    ) -> object:
        """Return an answer's JSON; otherwise as ``text``. Bad JSON is Unreachable."""
        body = self.text(url, what, access, headers)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            host = urlsplit(url).hostname
            raise Unreachable(
                f"{host} answered with something else than JSON for {what}"
            ) from error

    def pause(self, attempt: int, wait_s: float | None = None) -> None:
        """Wait before the next attempt: as long as the server asks, or longer each time."""
        self.stopped.wait(min(wait_s or self.patience_s(attempt), _LONGEST_WAIT_S))

    def patience_s(self, attempt: int) -> float:
        """Return how long to wait after so many failures where the server does not say."""
        wait_s = min(self.backoff_s * 2.0**attempt, _LONGEST_WAIT_S / 4)
        return wait_s * (0.5 + random.random())  # so that many who failed together do not return so


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Return whom to trust: it takes longer to read than a small file to fetch, so only once."""
    return httpx2.create_ssl_context()


def longest_wait_s() -> float:
    """Return how long a server may ask us to wait before that is an error."""
    return _LONGEST_WAIT_S


def _check_web(url: str) -> None:
    if not _is_web(url):
        raise BadInput(f"{url[:200]} is not an address of the web")


def _is_web(url: str) -> bool:
    try:
        parts, _ = urlsplit(url), httpx2.URL(url)
    except (ValueError, httpx2.InvalidURL):
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _redirected(url: str, location: str) -> str:
    host = urlsplit(url).hostname
    with suppress(ValueError):
        url = urljoin(url, location)
        if _is_web(url):
            return url
    raise Unreachable(f"{host} redirects to what is not an address of the web")


def _beginning(answer: httpx2.Response) -> bytes:
    """Return as much of a body as may be worth reading; all of it, where it is short."""
    read = b""
    for piece in answer.iter_bytes():
        read += piece
        if len(read) >= _MAX_REFUSAL_BYTES:
            break
    return read[:_MAX_REFUSAL_BYTES]


def hang_up(answer: httpx2.Response) -> None:
    """End an answer that is still coming, whatever thread reads it."""
    stream = answer.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream is not None else None
    if connection is not None:
        _shut_down(connection)


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        # Closing would not wake the thread that reads from it. Not by the method of an SSL
        # socket, which would pull its state from under that thread.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def version_of(headers: Mapping[str, str]) -> str:
    """Return a server's own mark of this version of a file; empty where it gives none."""
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    return (modified or etag) if etag.startswith("W/") else (etag or modified)


def _whole(answer: httpx2.Response, what: str) -> bytes:
    pieces, size_bytes = [], 0
    for piece in answer.iter_bytes():
        size_bytes += len(piece)
        if size_bytes > MAX_TEXT_BYTES:
            raise Unreachable(f"the answer for {what} is longer than any real one would be")
        pieces.append(piece)
    return b"".join(pieces)


def unreachable(error: httpx2.HTTPError, url: str) -> Unreachable:
    """Return the error a person should see when a server gave no answer."""
    host = urlsplit(url).hostname or url
    if isinstance(error, httpx2.ConnectTimeout | httpx2.ConnectError | httpx2.ProxyError):
        return Unreachable(f"{host} cannot be reached: {_reason(error)}", "is the network there?")
    if isinstance(error, httpx2.TimeoutException):
        return Unreachable(f"{host} sends nothing any more", "run the same command again later")
    return Unreachable(f"the connection to {host} broke: {_reason(error)}", "run it again")


def _reason(error: httpx2.HTTPError) -> str:
    return str(error) or type(error).__name__
