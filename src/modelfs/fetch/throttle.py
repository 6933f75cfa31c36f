"""A limit to the speed of everything that one process fetches."""

import threading
import time

_BURST_S = 0.25
"""So much of a second's bytes may come at once: smooth enough for a shared line."""


class Throttle:
    """A bucket of bytes that fills at the limit; ``None`` lets everything through."""

    def __init__(self, bytes_per_s: float | None) -> None:
        self._per_s = bytes_per_s
        self._lock = threading.Lock()
        self._free_at = time.monotonic()

    def take(self, size_bytes: int, stopped: threading.Event) -> None:
        """Wait until these bytes may be taken, or ``stopped`` is set."""
        if not self._per_s:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - _BURST_S) + size_bytes / self._per_s
            wait_s = self._free_at - now
        if wait_s > 0:
            stopped.wait(wait_s)
