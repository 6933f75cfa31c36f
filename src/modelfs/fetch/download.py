"""One file of a fetch, from whatever has it, into ``staging/``: the whole of its adventures.

Another process may be at the same bytes: then this one waits, and goes on where that one stopped
or finds what it has finished.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from modelfs import durable, hashing
from modelfs.errors import Cancelled, Failed, NotFound, Unreachable
from modelfs.fetch.elsewhere import claimed_copies
from modelfs.fetch.journal import Whole
from modelfs.fetch.listing import RemoteFile
from modelfs.fetch.partial import Identity, Partial, PartialFiles
from modelfs.fetch.probe import look
from modelfs.fetch.throttle import Throttle
from modelfs.fetch.transfer import Arrived, Transfer, WrongDigest
from modelfs.fetch.web import Refusal, Web, version_of
from modelfs.fetch.xet import XetFile, is_xet_wanted
from modelfs.store import BlobStore
from modelfs.store.trouble import explained
from modelfs.types import BlobId

_WAIT_S = 0.2
_MOST_NAMESAKES = 3
"""Of one XXH3-128, as blobs with other bytes: nobody has ever seen one."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that is complete, checked and durable in ``staging/``; ours until it is let go."""

    remote: RemoteFile
    partial: Partial
    arrived: Arrived

    @property
    def path(self) -> Path:
        """Where its bytes are."""
        return self.partial.files.part

    def sample(self) -> str:
        """Return the hash of its samples."""
        return hashing.sample_hash(self.partial.fd, self.partial.size_bytes)


@dataclass(frozen=True, slots=True)
class Means:
    """What all downloads of a job share."""

    store: BlobStore
    web: Web
    source: str
    throttle: Throttle
    is_held: Callable[[RemoteFile], bool]
    """Say whether the library has these bytes now; from any thread."""


class Download:
    """One file on its way: ``run`` brings it, in a thread, and ``hold`` gives it to be filed.

    The rest may be asked from another thread. Between the two nobody holds the file: whoever kept
    what had come, and waited for what another has, would wait for ever for one who does the same.
    """

    def __init__(self, means: Means, remote: RemoteFile, key: str, connections: int) -> None:
        self.remote = remote
        self.files = PartialFiles(means.store.paths.staging, key)
        self.size_bytes = remote.size_bytes or 0
        self.stage = "waiting"
        self.begun_bytes = 0
        """Bytes that were here before."""
        self._means = means
        self._connections = connections
        self._transfer: Transfer | None = None
        self._version = ""
        self._arrived: Arrived | None = None
        self._identity: Identity | None = None

    @property
    def done_bytes(self) -> int:
        """Bytes that are here."""
        if self._transfer is not None:
            return self._transfer.done_bytes
        return min(self.size_bytes, self.files.said_bytes())

    def look(self) -> str:
        """Return the stage it is at."""
        transfer = self._transfer
        if self.stage == "downloading" and transfer is not None and transfer.is_verifying:
            return "verifying"
        return self.stage

    def stop(self) -> None:
        """End it soon; what came stays."""
        if self._transfer is not None:
            self._transfer.stop()

    def run(self) -> None:
        """Bring the file, complete, checked and durable, unless the library has it already.

        Raises what a transfer raises; the partial file stays, but for one with a wrong digest.
        """
        self._ask()
        self._arrived = None
        partial = self._open()
        if partial is not None:
            try:
                self._arrived = self._bring(partial)
                digests = self._arrived.digests
                with explained(f"{self.files.journal} cannot be written"):
                    partial.say_whole(Whole(digests.xxh3, digests.sha256 or ""))
                self._identity = partial.identity
            finally:
                partial.close()
        self.stage = "here"

    def hold(self, wait: Callable[[], None] = lambda: time.sleep(_WAIT_S)) -> Arrival | None:
        """Take hold of what ``run`` brought; None when the library has got it by another process.

        ``wait`` is called while another process looks at it; it waits a moment, or raises.
        """
        while self._arrived is not None and self._identity is not None:
            try:
                partial = Partial.regain(self._means.store, self.files, self._identity)
            except NotFound:
                if self._means.is_held(self.remote):
                    return None
                self.run()
                continue
            if partial is not None:
                return Arrival(self.remote, partial, self._arrived)
            wait()
        return None

    def _ask(self) -> None:
        """Ask the server what nobody has promised: how long the file is, and of which version."""
        remote = self.remote
        if remote.content is not None:
            self.size_bytes = len(remote.content)
            return
        if remote.size_bytes is not None and (remote.sha256 or remote.git_sha1):
            return
        try:
            seen = look(self._means.web, remote.url, remote.access)
        except Refusal as refusal:
            raise refusal.explained(remote.path, remote.access) from None
        self._version = version_of(seen.headers)
        if remote.size_bytes is not None:
            return
        if seen.size_bytes is None:
            raise Unreachable(
                f"the server does not say how long {remote.path} is",
                "download it by another program, then add the file",
            )
        self.size_bytes = seen.size_bytes
        store, needed = self._means.store, needed_bytes(self.files, self.size_bytes)
        durable.require_space(store.paths.staging, needed, store.reserve_bytes)

    def _open(self) -> Partial | None:
        remote, web, waited = self.remote, self._means.web, False
        # Where nobody can say whether it is still the same, nothing of it is kept.
        version = remote.sha256 or remote.git_sha1 or self._version or secrets.token_hex(8)
        while not web.stopped.is_set():
            partial = Partial.open(self._means.store, self.files, self.size_bytes, version)
            if partial is not None:
                if (waited or not partial.done_bytes) and self._means.is_held(remote):
                    # Safety: it is ours, and what it was for is in the library.
                    self.files.remove()
                    partial.close()
                    return None
                return partial
            waited = True
            self.stage = "another process fetches it"
            web.stopped.wait(_WAIT_S)
        raise Cancelled("stopped")

    def _bring(self, partial: Partial) -> Arrived:
        self.begun_bytes = partial.done_bytes
        if self.remote.content is not None:
            return self._run(partial, content=self.remote.content)
        for path, remote in self._copies(partial):
            with suppress(WrongDigest, Failed, NotFound):
                return self._run(partial, remote, copy=path)
            self._start_again(partial)
        if is_xet_wanted(self._means.web, self.remote):
            with suppress(WrongDigest):
                return self._run(partial, xet=XetFile(self._means.web, self.remote))
            # hf_xet compares no digests: what came wrong may come right in plain ranges.
            self._start_again(partial)
        try:
            return self._run(partial)
        except WrongDigest:
            # Once more from the start: a proxy or a disk may have damaged it on the way.
            self._start_again(partial)
        try:
            return self._run(partial)
        except WrongDigest:
            self._start_again(partial)
            self.files.remove()
            raise

    def _copies(self, partial: Partial) -> Iterator[tuple[Path, RemoteFile]]:
        """Give what may have the bytes on this machine, and what is known of them."""
        whole, store = partial.whole, self._means.store
        if whole is not None and partial.done_bytes < partial.size_bytes:
            # It had come, and was cut off on its way to become a blob: it may be one, unnamed.
            known = replace(self.remote, sha256=whole.sha256)
            blob = BlobId(whole.xxh3)
            for number in range(1, _MOST_NAMESAKES + 1):
                if store.has(blob, partial.size_bytes):
                    yield store.path(blob), known
                blob = BlobId(f"{whole.xxh3}~{number}")
        if partial.done_bytes == 0:
            for path in claimed_copies(self.remote, self._means.source):
                yield path, self.remote

    def _start_again(self, partial: Partial) -> None:
        self._transfer = None
        self.begun_bytes = 0
        with explained(f"{self.files.journal} cannot be written"):
            partial.forget_all()

    def _run(
        self,
        partial: Partial,
        remote: RemoteFile | None = None,
        *,
        copy: Path | None = None,
        content: bytes | None = None,
        xet: XetFile | None = None,
    ) -> Arrived:
        self.stage = "downloading" if copy is None else "copying"
        means = self._means
        self._transfer = Transfer(
            means.web,
            remote or self.remote,
            partial,
            version=self._version,
            connections=self._connections,
            throttle=means.throttle,
            copy=copy,
            content=content,
            xet=xet,
        )
        if means.web.stopped.is_set():
            raise Cancelled("stopped")
        try:
            return self._transfer.run()
        finally:
            if xet is not None:
                xet.stop()


def needed_bytes(files: PartialFiles, size_bytes: int) -> int:
    """Return what a file will still take from the disk: a partial one has its room already."""
    try:
        return max(0, size_bytes - files.part.stat().st_blocks * 512)
    except OSError:
        return size_bytes
