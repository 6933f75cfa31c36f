"""One file brought from the stand-in hub into ``staging/``, in this process, and what that cost."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from fetch.standin.hub import StandInHub
from modelfs.fetch.download import Arrival, Download, Means
from modelfs.fetch.listing import RemoteFile
from modelfs.fetch.partial import BLOCK_BYTES
from modelfs.fetch.throttle import Throttle
from modelfs.fetch.tokens import Tokens
from modelfs.fetch.web import Web
from modelfs.paths import StorePaths
from modelfs.store import BlobStore

REPOSITORY = "maker/model"
FILE = "a.gguf"
TOKEN = "hf_secret0token0of0this0test"


@cache
def content(size_bytes: int, seed: object = "a") -> bytes:
    """Return bytes of which no two blocks are the same, the same for the same seed."""
    return random.Random(repr(seed)).randbytes(size_bytes)


def sent(hub: StandInHub, file: str = FILE) -> int:
    """Return how many bytes of a file went out, those of refusals not counted."""
    answers = [each for each in list(hub.requests) if each.file == file]
    return sum(each.bytes_sent for each in answers if each.status in (200, 206))


@dataclass
class Bringing:
    """A file at a hub, and a store that wants it. An attempt is as a new process makes it."""

    hub: StandInHub
    store: BlobStore
    remote: RemoteFile
    data: bytes = field(repr=False)
    connections: int = 1
    stall_s: float = 5.0

    @classmethod
    def of(cls, hub: StandInHub, folder: Path, data: bytes, **promised: object) -> "Bringing":
        """Put a file into a hub, and a store into a folder."""
        store = BlobStore(StorePaths(folder / "store"))
        store.create()
        hub.repository(REPOSITORY, {FILE: data})
        remote = RemoteFile(
            FILE,
            len(data),
            f"{hub.endpoint}/{REPOSITORY}/resolve/main/{FILE}",
            sha256=hashlib.sha256(data).hexdigest(),
            access="hub",
        )
        return cls(hub, store, replace(remote, **promised), data)  # type: ignore[arg-type]

    def web(self) -> Web:
        """Return what talks to servers, with little patience."""
        return Web(tokens=Tokens(), stall_s=self.stall_s, backoff_s=0.002)

    def means(self, web: Web) -> Means:
        """Return what a job's downloads share."""
        return Means(self.store, web, f"hf:{REPOSITORY}@main", Throttle(None), lambda _: False)

    def download(self, web: Web) -> Download:
        """Return the download, not begun."""
        return Download(self.means(web), self.remote, "key", self.connections)

    def bring(self, watch: Callable[[Download], None] = lambda _: None) -> bytes:
        """Bring the file and return what came; ``watch`` gets the download before it begins."""
        with self.web() as web:
            download = self.download(web)
            watch(download)
            download.run()
            return self.taken(download.hold())

    def taken(self, arrival: Arrival | None) -> bytes:
        """Take what arrived out of ``staging/``, as filing does, and return its bytes."""
        assert arrival is not None
        try:
            found = arrival.path.read_bytes()
            assert arrival.arrived.digests.sha256 == hashlib.sha256(found).hexdigest()
            arrival.partial.files.remove()
        finally:
            arrival.partial.close()
        assert self.left == []
        return found

    @property
    def left(self) -> list[str]:
        """What is in ``staging/``."""
        return sorted(path.name for path in self.store.paths.staging.iterdir())

    @property
    def size_bytes(self) -> int:
        """How long the file is."""
        return len(self.data)

    @property
    def whole_blocks(self) -> int:
        """How many blocks it has but for the last, which is shorter."""
        return self.size_bytes // BLOCK_BYTES
