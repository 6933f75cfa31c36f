"""The hub's Xet storage: another way to the bytes of a large file, by ranges as well.

hf_xet brings them, in threads of its own. It compares no digest with what came, so its bytes are
believed as little as a server's. Xet is only ever tried first: whatever fails here, plain ranges
fetch the rest.

The hub's token goes to the hub in a request of ours; hf_xet gets the storage's own, short-lived.
"""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelfs.fetch.hub_client import LARGEST_PLAIN_BYTES, hub
from modelfs.fetch.listing import RemoteFile
from modelfs.fetch.web import Web

_SPARE_S = 300
"""A token that expires sooner is not begun a range with."""
_YES = {"1", "ON", "YES", "TRUE"}


class XetFailed(Exception):
    """Xet does not give the bytes. It says no more: hf_xet's words have signed links in them."""


def is_xet_wanted(web: Web, remote: RemoteFile) -> bool:
    """Say whether a file is to come by way of Xet, by what the user has set."""
    if web.xet == "never" or os.environ.get("HF_HUB_DISABLE_XET", "").upper() in _YES:
        return False
    if not remote.xet_hash or remote.size_bytes is None or remote.access != "hub":
        return False
    return web.xet == "always" or remote.size_bytes > LARGEST_PLAIN_BYTES


@dataclass(frozen=True, slots=True)
class _Pass:
    """What the hub gives to those who may read a repository."""

    storage: str
    token: str
    expires: int
    """A Unix time."""


class XetFile:
    """One file in Xet storage. Several threads may read it; ``stop`` ends them all, for good."""

    def __init__(self, web: Web, remote: RemoteFile) -> None:
        self._web = web
        self._remote = remote
        self._pass: _Pass | None = None
        self._session: Any = None
        self._stopped = False
        self._asking = threading.Lock()
        self._changing = threading.Lock()

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Give the bytes from ``start`` to before ``end`` in their order; raises XetFailed."""
        left = end - start
        try:
            for piece in self._open(start, end):
                left -= len(piece)
                yield piece
        except (GeneratorExit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # A panic in Rust is no Exception, and must not end the thread unseen either.
            raise XetFailed(f"{type(error).__name__} from Xet") from None
        if left:
            # So some of several streams of a session that is aborted end.
            raise XetFailed("Xet ended early")

    def stop(self) -> None:
        """End every read at once; harmless when there is none."""
        with self._changing:
            self._stopped = True
            session, self._session = self._session, None
        if session is not None:
            # Aborting a stream or its group does not wake the thread that waits for bytes.
            session.sigint_abort()

    def _open(self, start: int, end: int) -> Any:
        given = self._valid_pass()
        group = self._open_session().new_download_stream_group(
            endpoint=given.storage,
            token=given.token,
            token_expiry_unix_secs=given.expires,
        )
        info = _loaded().XetFileInfo(self._remote.xet_hash, self._remote.size_bytes)
        return group.download_stream(info, start=start, end=end)

    def _open_session(self) -> Any:
        with self._changing:
            if self._stopped:
                raise XetFailed("stopped")
            if self._session is None:
                self._session = _new_session(self._web.stall_s)
            return self._session

    def _valid_pass(self) -> _Pass:
        with self._asking:
            if self._pass is None or self._pass.expires < time.time() + _SPARE_S:
                self._pass = self._ask()
            return self._pass

    def _ask(self) -> _Pass:
        """Ask the hub for a pass (https://huggingface.co/docs/xet/auth)."""
        said = self._web.json(self._pass_address(), "a pass for Xet", self._remote.access)
        match said:
            case {"casUrl": str(storage), "accessToken": str(token), "exp": int(expires)}:
                return _Pass(storage, token, expires)
        raise XetFailed("the hub gives no pass")

    def _pass_address(self) -> str:
        """Return where passes are, from ``<hub>/<repository>/resolve/<commit>/<path>``."""
        home = self._web.endpoints.hub
        start, _, rest = self._remote.url.partition("/resolve/")
        repository = start.removeprefix(f"{home}/")
        if repository == start:
            raise XetFailed("the file is from another hub")
        return f"{home}/api/models/{repository}/xet-read-token/{rest.partition('/')[0]}"


def _loaded() -> Any:
    """Return hf_xet, silent; ImportError where huggingface_hub does without it."""
    hub()  # which says so in the environment: the import itself begins a log
    import hf_xet  # type: ignore[import-untyped]  # it has no types

    return hf_xet


def _new_session(stall_s: float) -> Any:
    """Begin a session of hf_xet that tells nobody, writes nothing, and gives up before we would."""
    wanted = {
        "telemetry.enabled": False,
        "client.connect_timeout": "10s",
        "client.read_timeout": f"{max(1, round(stall_s))}s",
        "client.retry_max_attempts": 2,
        "client.retry_base_delay": "200ms",
        "client.retry_max_duration": f"{max(1, round(2 * stall_s))}s",
        # By default a share of the machine's memory: gigabytes, for bytes that go to the disk.
        "reconstruction.download_buffer_size": 64 << 20,
        "reconstruction.download_buffer_perfile_size": 16 << 20,
        "reconstruction.download_buffer_limit": 96 << 20,
        "reconstruction.min_prefetch_buffer": 64 << 20,
    }
    hf_xet = _loaded()
    config = hf_xet.XetConfig()
    known = set(config.keys())  # 1.6 has fewer than 1.8
    config = config.with_config({name: it for name, it in wanted.items() if name in known})
    return hf_xet.XetSession(config)
