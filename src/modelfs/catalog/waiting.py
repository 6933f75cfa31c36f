"""Waiting for another process that writes to the catalogue.

SQLite keeps no queue, and its own handler looks less and less often, at last ten times a second:
beside one process that writes without a pause it waits for seconds, beside three for ever.
"""

import time
from collections.abc import Callable

_LOOK_AGAIN_S = 0.002
"""About what a commit takes, so that everybody has the same chance at its end."""


def patience(timeout_s: float) -> Callable[[int], bool]:
    """Return a busy handler: it says whether to try again, after a moment, until the time is up."""
    deadline = 0.0

    def wait(tried: int) -> bool:
        nonlocal deadline
        now = time.monotonic()
        if tried == 0:
            deadline = now + timeout_s
        time.sleep(_LOOK_AGAIN_S)
        return now < deadline

    return wait
