"""Computing the SHA-256 that tools' stores wait for, while the mount has little else to do.

In a thread of its own at the lowest priority: hashing 40 GB takes minutes, and nobody waits for it.
What was not done when the mount ends is done by the next one.
"""

import logging
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from modelfs.errors import Cancelled, ModelfsError
from modelfs.library import check, open_library
from modelfs.progress import Progress
from modelfs.types import BlobId
from modelfs.views import Tree

log = logging.getLogger(__name__)

_LOWEST = 19


class Sealer:
    """A set of blobs and the thread that seals them, one after another."""

    def __init__(self, store: Path) -> None:
        self.looked_at: Tree | None = None
        """The tree whose wants are known."""
        self._store = store
        self._wanted: dict[BlobId, None] = {}
        self._tried: set[BlobId] = set()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="seal", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def want(self, blobs: Iterable[BlobId]) -> None:
        """Ask for these too, in this order; each is tried once while the mount lives."""
        with self._changed:
            self._wanted |= {blob: None for blob in blobs if blob not in self._tried}
            self._changed.notify()

    def stop(self, timeout_s: float) -> None:
        """End the thread in the middle of what it does, which loses nothing."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _work(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._stopping)
                if self._stopping:
                    return
                blob = next(iter(self._wanted))
                del self._wanted[blob]
                self._tried.add(blob)
            try:
                self._seal(blob)
            except Cancelled:
                return
            except ModelfsError as error:
                log.warning("blob %s is not sealed: %s", blob, error.message)
            except Exception:
                log.exception("blob %s is not sealed", blob)

    def _seal(self, blob: BlobId) -> None:
        with open_library(self._store) as library:
            for checked in check.seal(library, [blob], self._report):
                log.warning("blob %s: %s", blob, checked.finding.detail)

    def _report(self, _: Progress) -> None:
        if self._stopping:
            raise Cancelled("the mount ends")
