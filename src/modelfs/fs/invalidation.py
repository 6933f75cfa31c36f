"""Telling the kernel what to forget, from a thread of its own.

The kernel may block such a call until a pending request for the same folder is answered, so it
must never be made on the loop nor under a lock that a handler needs. Requests for the same thing
are coalesced: what waits is bounded by what the kernel knows.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from enum import Enum

log = logging.getLogger(__name__)

Name = tuple[int, bytes]
"""A folder's inode and a name in it."""


_MANY = 1000
"""Above so many names the kernel forgets all of them, if it can: that is one message."""


class _All(Enum):
    NAMES = "all names"


class Invalidator:
    """A queue without duplicates and the thread that works it off."""

    def __init__(
        self,
        forget_name: Callable[[int, bytes], None],
        forget_attributes: Callable[[int], None],
        forget_all_names: Callable[[], None] | None = None,
    ) -> None:
        self._forget_name = forget_name
        self._forget_attributes = forget_attributes
        self._forget_all_names = forget_all_names
        self._waiting: dict[Name | int | _All, None] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="invalidate", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def forget(self, names: Iterable[Name], inodes: Iterable[int]) -> None:
        """Ask for names and for attributes of inodes to be forgotten; returns at once."""
        all_names: dict[Name | int | _All, None] = dict.fromkeys(names)
        with self._changed:
            if self._forget_all_names is not None and len(all_names) > _MANY:
                self._waiting[_All.NAMES] = None
            else:
                self._waiting.update(all_names)
            self._waiting.update(dict.fromkeys(inodes))
            self._changed.notify()

    def stop(self, timeout_s: float) -> None:
        """Drop what waits and end the thread, as far as the kernel lets it go."""
        with self._changed:
            self._stopping = True
            self._waiting.clear()
            self._changed.notify()
        self._thread.join(timeout_s)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                request = next(iter(self._waiting))
                del self._waiting[request]
            try:
                if isinstance(request, int):
                    self._forget_attributes(request)
                elif isinstance(request, tuple):
                    self._forget_name(*request)
                elif self._forget_all_names is not None:
                    self._forget_all_names()
            except FileNotFoundError:
                pass  # the kernel had nothing cached
            except OSError as error:
                log.warning("the kernel keeps %r: %s", request, error)
