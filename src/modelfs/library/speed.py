"""How fast something goes of late: over some seconds, so that it neither jumps nor lags."""

import time
from collections import deque

_WINDOW_S = 5.0


class Speed:
    """Measures what grows."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, done: int) -> None:
        """Say how much is done by now."""
        now = time.monotonic()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > _WINDOW_S:
            self._seen.popleft()

    @property
    def per_s(self) -> float | None:
        """Units a second; None while too little was seen to say."""
        if len(self._seen) < 2:
            return None
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return max(0.0, (last - first) / (ended - began)) if ended - began >= 0.5 else None
