"""Waiting for the kernel's next request in as few turns of the loop as possible.

pyfuse3 waits with a lock and a wait of trio's, which cost more than most requests. It takes both
from its own ``trio``, which it lets others replace, as its asyncio layer does. The ones here do
the same but look first whether the next request is there already: after a reply it often is. And
they have the relay pass messages on, so that it costs no turn either.
"""

import time
from types import TracebackType
from typing import Any

import pyfuse3
import trio

from modelfs.fs.kernel.relay import Relay

_TURN_S = 0.002
"""How long requests are taken one behind the other before the loop looks at everything else."""


def take_quickly(relay: Relay) -> None:
    """Have pyfuse3 wait in this way, from the next ``pyfuse3.main`` on."""
    pyfuse3.trio = _Trio(relay)  # type: ignore[attr-defined]


class _Trio:
    """What pyfuse3 uses of trio."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.lowlevel = _Lowlevel(relay)

    def __getattr__(self, name: str) -> Any:
        return getattr(trio, name)

    def Lock(self) -> "_Lock":
        """Return what keeps all but one from waiting."""
        return _Lock(self._relay)


class _Lowlevel:
    """What pyfuse3 uses of trio.lowlevel; its descriptor is the relay's socket."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._turn_ends = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(trio.lowlevel, name)

    async def wait_readable(self, _: int) -> None:
        """Return when there is a request: at once if there is, and this turn is not over."""
        while not self._relay.take(self._turn_ends):
            if time.monotonic() < self._turn_ends:
                await trio.lowlevel.wait_readable(self._relay.device)
            else:
                await trio.lowlevel.checkpoint()
            self._turn_ends = time.monotonic() + _TURN_S

    def notify_closing(self, _: int) -> None:
        """Have who waits for a request end."""
        trio.lowlevel.notify_closing(self._relay.device)


class _Lock:
    """A lock that who comes first gets: who just had it need not wait for a turn."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._held = False
        self._waiting = trio.lowlevel.ParkingLot()

    async def __aenter__(self) -> None:
        self._relay.pass_replies()  # whoever comes here has just answered
        while self._held:
            await self._waiting.park()
        self._held = True

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held = False
        # Somebody else waits for requests, should the one that was taken have to wait itself.
        self._waiting.unpark()
