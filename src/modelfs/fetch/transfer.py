"""One file from a server into its partial file: in ranges, over several connections, checked.

The bytes are hashed in their order while others still arrive. What came stays whatever happens,
but for a file whose digest is wrong: nobody can say which part of it is.
"""

import hashlib
import io
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import xxhash

from modelfs import durable
from modelfs.errors import AccessDenied, Cancelled, ModelfsError, Unreachable
from modelfs.fetch.body import pieces
from modelfs.fetch.data_hash import DataHash
from modelfs.fetch.listing import RemoteFile
from modelfs.fetch.partial import BLOCK_BYTES, Partial
from modelfs.fetch.throttle import Throttle
from modelfs.fetch.web import Refusal, Web, hang_up, longest_wait_s, unreachable, version_of
from modelfs.fetch.xet import XetFailed, XetFile
from modelfs.hashing import Digests, Hasher
from modelfs.store.trouble import explained

log = logging.getLogger(__name__)

PART_BYTES = 16 << 20
"""The least that a request asks for, of a file that has so much: its round trip must not matter."""
_LARGEST_PART_BYTES = 256 << 20
_LOOK_S = 0.02
_STARVED_LOOKS = 5
"""So often a connection more is found needed before it joins: a tenth of a second each."""
_ATTEMPTS = 8
"""So often a connection may fail without having brought a block."""
_LINKS_TRIED = 3
"""So often a signed link is asked for anew before a refusal is believed."""


class WrongDigest(Unreachable):
    """All bytes came, and they are not those that the source promised."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a finished transfer knows of its bytes, all of which it has read."""

    digests: Digests
    git_sha1: str
    data_start: int | None = None
    """From where the hash of the tensors goes."""


class Transfer:
    """One file on its way. ``run`` does it; ``stop`` may be called from another thread."""

    def __init__(
        self,
        web: Web,
        remote: RemoteFile,
        partial: Partial,
        *,
        version: str = "",
        connections: int = 4,
        throttle: Throttle | None = None,
        copy: Path | None = None,
        content: bytes | None = None,
        xet: XetFile | None = None,
    ) -> None:
        """``version`` is the server's mark of what is fetched, of a file without any digest.

        ``copy`` or ``content`` have the bytes already: they are only brought and checked. ``xet``
        is asked before the server is.
        """
        self._web = web
        self._remote = remote
        self._partial = partial
        self._version = version
        self._connections = connections
        self._throttle = throttle or Throttle(None)
        self._copy = copy
        self._content = content
        self._xet = xet
        self._location: str | None = None
        """Where the bytes were found behind redirects: a link that may expire."""
        self._quiet_until = 0.0
        """Before then the server wants no request from any connection."""
        self._joined = 1
        """How many connections have begun."""
        self._only: threading.Thread | None = None
        """The one that fetches, from a server that knows no ranges."""
        self._error: BaseException | None = None
        self._answers: set[httpx2.Response] = set()
        self._lock = threading.Lock()

    @property
    def done_bytes(self) -> int:
        """Bytes that have come."""
        return self._partial.done_bytes

    @property
    def is_verifying(self) -> bool:
        """Whether all has come and only the hashing is behind."""
        return self._partial.done_bytes >= self._partial.size_bytes

    def stop(self) -> None:
        """End it soon; ``run`` then raises Cancelled."""
        self._partial.stop()
        xet = self._xet
        if xet is not None:
            xet.stop()
        with self._lock:
            for answer in self._answers:
                hang_up(answer)

    def run(self) -> Arrived:
        """Fetch what is missing, hash everything, and make it durable.

        Raises WrongDigest, Unreachable, AccessDenied, NotFound, NoSpace, or Cancelled when stopped.
        """
        wanted = -(-(self._partial.size_bytes - self._partial.done_bytes) // PART_BYTES)
        is_here = self._copy is not None or self._content is not None
        count = 1 if is_here else max(1, min(self._connections, wanted))
        work = self._copy_blocks if is_here else self._fetch_parts
        with ThreadPoolExecutor(count) as workers:
            for number in range(count):
                workers.submit(self._guarded, work, number)
            try:
                with explained(f"{self._partial.files.part} cannot be read"):
                    arrived = self._follow()
            finally:
                self.stop()
        if arrived is None or (self._error is not None and not self._is_promised(arrived)):
            raise self._error or Cancelled("stopped")
        self._check(arrived)
        self._make_durable()
        return arrived

    def _make_durable(self) -> None:
        try:
            with explained(f"{self._remote.path} cannot be made durable"):
                os.fsync(self._partial.fd)
        except ModelfsError:
            # The kernel may say of the same pages next time that they are on the disk.
            self._partial.files.remove()
            raise

    def _guarded(self, work: Callable[[int], None], number: int) -> None:
        """Run a connection's work; its first error ends the others'."""
        try:
            with explained(f"{self._remote.path} cannot be written"):
                work(number)
        except BaseException as error:  # whatever it is, ``run`` waits for it
            with self._lock:
                self._error = self._error or error
            self.stop()

    def _fetch_parts(self, number: int) -> None:
        """Fetch what is missing over one connection; the first begins, others join if it helps."""
        failures = 0
        self._wait_until_needed(number)
        while claimed := self._partial.claim(self._part_blocks()):
            try:
                if not self._is_wanted():
                    return
                self._partial.wait_until_stopped(self._quiet_until - time.monotonic())
                if not self._came_by_xet(claimed):
                    self._fetch(claimed)
                failures = 0
            except (Refusal, httpx2.HTTPError) as error:
                # Of this connection, whatever the others bring: or it would never be patient.
                failures = 1 if self._partial.is_here(claimed.start) else failures + 1
                self._overcome(error, failures)
            finally:
                self._partial.release(claimed)

    def _wait_until_needed(self, number: int) -> None:
        """Wait until the connections before this one do not bring bytes as fast as they are hashed.

        One that does brings them in their order, so that none is read back from the file.
        """
        starved = 0
        while number > 0 and starved < number * _STARVED_LOOKS and not self._partial.stopped:
            self._partial.wait_until_stopped(_LOOK_S)
            starved += self._partial.needs_more()
        with self._lock:
            self._joined = max(self._joined, number + 1)

    def _copy_blocks(self, _: int) -> None:
        """Take the blocks from a file of this machine, or from memory."""
        whole = io.BytesIO(self._content) if self._content is not None else None
        with whole or open(self._copy or "", "rb") as file:
            while claimed := self._partial.claim(1):
                index = claimed.start
                file.seek(index * BLOCK_BYTES)
                block = file.read(self._partial.length(index))
                if len(block) < self._partial.length(index):
                    raise WrongDigest(f"{self._copy or self._remote.path} is too short")
                self._partial.write(index, 0, memoryview(block))
                self._partial.finish(index, xxhash.xxh3_64_hexdigest(block))

    def _part_blocks(self) -> int:
        """Return how much to ask for: less towards the end, where the slowest is waited for."""
        missing = self._partial.size_bytes - self._partial.done_bytes
        share = missing // (2 * self._connections)
        return min(max(share, PART_BYTES), _LARGEST_PART_BYTES) // BLOCK_BYTES

    def _is_wanted(self) -> bool:
        return self._only in (None, threading.current_thread())

    def _overcome(self, error: Refusal | httpx2.HTTPError, failures: int) -> None:
        """Wait and let the next attempt be made, or raise what a person must know."""
        if self._partial.stopped:
            return
        asked_s = None
        if isinstance(error, Refusal):
            expired = error.is_expired_link and error.url != self._remote.url
            if expired and failures <= _LINKS_TRIED:
                with self._lock:
                    self._location = None  # asked for again where the link came from
                if failures == 1:
                    return
            elif not error.may_pass or failures >= _ATTEMPTS:
                raise error.explained(self._remote.path, self._remote.access)
            asked_s = error.wait_s
            if asked_s is not None and asked_s > longest_wait_s():
                raise error.explained(self._remote.path, self._remote.access)
        elif failures >= _ATTEMPTS:
            raise unreachable(error, self._remote.url)
        if asked_s:
            self._quiet_until = max(self._quiet_until, time.monotonic() + asked_s)
        else:
            self._partial.wait_until_stopped(self._web.patience_s(failures - 1))

    def _came_by_xet(self, claimed: range) -> bool:
        """Ask Xet for a run of blocks; False where plain ranges are to fetch it instead.

        What Xet fails to give is missing again once the claim is released.
        """
        xet = self._xet
        if xet is None:
            return False
        first, last = self._span(claimed)
        try:
            self._receive(xet.pieces(first, last + 1), claimed, claimed)
        except XetFailed:
            xet.stop()  # first: nobody else would end the other connections' waiting
            self._xet = None
        return True

    def _span(self, claimed: range) -> tuple[int, int]:
        """Return where the first and the last byte of some blocks are."""
        last = min(claimed.stop * BLOCK_BYTES, self._partial.size_bytes) - 1
        return claimed.start * BLOCK_BYTES, last

    def _fetch(self, claimed: range) -> None:
        """Ask for a run of blocks and write them as they come."""
        first, last = self._span(claimed)
        headers = {"range": f"bytes={first}-{last}"}
        url = self._location or self._remote.url
        with (
            self._web.open(url, self._remote.access, headers, found_at=self._found) as answer,
            self._ended_by_stop(answer),
        ):
            self._check_no_page(answer)
            self._check_version(answer)
            if answer.status_code == 206:
                self._check_range(answer, first)
                self._receive(pieces(answer, self._web.stall_s), claimed, claimed)
            else:
                self._receive_all(answer, claimed)

    def _found(self, url: str) -> None:
        with self._lock:
            self._location = url

    @contextmanager
    def _ended_by_stop(self, answer: httpx2.Response) -> Iterator[None]:
        with self._lock:
            self._answers.add(answer)
        if self._partial.stopped:
            hang_up(answer)  # nobody else would any more
        try:
            yield
        finally:
            with self._lock:
                self._answers.discard(answer)

    def _check_no_page(self, answer: httpx2.Response) -> None:
        is_page = answer.headers.get("content-type", "").startswith("text/html")
        is_meant = answer.headers.get("content-disposition", "").startswith("attachment")
        if is_page and not is_meant and not self._remote.path.endswith((".html", ".htm")):
            host = urlsplit(self._remote.url).hostname
            raise AccessDenied(
                f"{host} answered with a web page instead of {self._remote.path}",
                "look at it in a browser: it may want you to log in",
            )

    def _check_version(self, answer: httpx2.Response) -> None:
        found = version_of(answer.headers)
        if self._version and found and found != self._version:
            host = urlsplit(self._remote.url).hostname
            raise Unreachable(
                f"{self._remote.path} has changed at {host} while it was being fetched",
                "run the same command again: it then begins anew",
            )

    def _check_range(self, answer: httpx2.Response, first: int) -> None:
        unit, _, rest = answer.headers.get("content-range", "").partition(" ")
        span, _, total = rest.partition("/")
        right = unit == "bytes" and span.startswith(f"{first}-")
        if not right or total not in (str(self._partial.size_bytes), "*"):
            raise self._not_as_promised(f"it has {total or 'an unknown number of'} bytes")

    def _receive_all(self, answer: httpx2.Response, claimed: range) -> None:
        """Take a whole file from a server that knows no ranges, over one connection."""
        with self._lock:
            self._only = self._only or threading.current_thread()
        if not self._is_wanted():
            return
        length = answer.headers.get("content-length")
        if length is not None and int(length) != self._partial.size_bytes:
            raise self._not_as_promised(f"it has {length} bytes")
        body = pieces(answer, self._web.stall_s)
        self._receive(body, range(self._partial.blocks), claimed)

    def _not_as_promised(self, what: str) -> Unreachable:
        host = urlsplit(self._remote.url).hostname
        return Unreachable(
            f"{self._remote.path} is not what {host} promised: {what}, "
            f"and {self._partial.size_bytes} were promised",
            "fetch it again from the start: its list of files may be newer now",
        )

    def _receive(self, body: Iterable[bytes], blocks: range, claimed: range) -> None:
        """Write a body's blocks as they come; raises httpx2's errors when it ends too early.

        ``claimed`` are ours; of the others those are taken that nobody else has or fetches.
        """
        partial = self._partial
        index, at, hasher = blocks.start, 0, xxhash.xxh3_64()
        fresh: list[memoryview] = []
        wanted = index in claimed or partial.claim_this(index)
        try:
            for piece in body:
                self._throttle.take(len(piece), self._web.stopped)
                view = memoryview(piece)
                while view:
                    if index >= blocks.stop:
                        if blocks.stop < partial.blocks:
                            return  # more than we asked for, but of the right file
                        raise self._not_as_promised("more came than that")
                    part = view[: partial.length(index) - at]
                    if wanted:
                        if at == 0 and self._joined == 1:
                            partial.wait_for_reader(index)
                        partial.write(index, at, part)
                        hasher.update(part)
                        fresh.append(part)
                    at, view = at + len(part), view[len(part) :]
                    if at == partial.length(index):
                        if wanted:
                            partial.finish(index, hasher.hexdigest(), fresh)
                        index, at, hasher, fresh = index + 1, 0, xxhash.xxh3_64(), []
                        wanted = index in claimed or (
                            index < blocks.stop and partial.claim_this(index)
                        )
                if partial.stopped:
                    return
        finally:
            if wanted and index not in claimed:
                partial.release(range(index, index + 1))
        if index < blocks.stop:
            raise httpx2.RemoteProtocolError("the body ended early")
        durable.start_writing(partial.fd, blocks.start * BLOCK_BYTES, len(blocks) * BLOCK_BYTES)

    def _follow(self) -> Arrived | None:
        """Hash the blocks in their order as they come; None when stopped before the last."""
        size_bytes = self._partial.size_bytes
        hasher = Hasher(seal=True)
        git = hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)
        wants_git = self._remote.git_sha1 is not None and self._remote.sha256 is None
        data = DataHash(self._remote.path, self._partial.fd, size_bytes)
        buffer = memoryview(bytearray(BLOCK_BYTES))
        for index in range(self._partial.blocks):
            pieces_of_block = self._partial.read(index, buffer)
            if pieces_of_block is None:
                return None
            for piece in pieces_of_block:
                hasher.update(piece)
                data.update(piece)
                if wants_git:
                    git.update(piece)
        digests = replace(hasher.digests(), data=data.digest)
        return Arrived(digests, git.hexdigest() if wants_git else "", data.start)

    def _is_promised(self, arrived: Arrived) -> bool:
        """Say whether a digest was promised and this is it."""
        promised, found = self._compared(arrived)
        return promised is not None and promised == found

    def _compared(self, arrived: Arrived) -> tuple[str | None, str]:
        """Return the digest that was promised, if any, and what came in its place."""
        remote = self._remote
        if remote.sha256 is not None:
            return remote.sha256.lower(), arrived.digests.sha256 or ""
        return remote.git_sha1 and remote.git_sha1.lower(), arrived.git_sha1

    def _check(self, arrived: Arrived) -> None:
        promised, found = self._compared(arrived)
        if promised is not None and promised != found:
            host = urlsplit(self._remote.url).hostname
            raise WrongDigest(
                f"{self._remote.path} is damaged: {host} promised {promised[:16]}…, "
                f"and what came is {found[:16]}…",
                "nothing of it was kept; try again, and report it to the publisher if it recurs",
            )
