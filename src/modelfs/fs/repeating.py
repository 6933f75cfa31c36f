"""Steps that the mount repeats for as long as it lives."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from modelfs.errors import ModelfsError

log = logging.getLogger(__name__)

_AFTER_A_BUG_S = 5.0


async def again_and_again(
    period_s: float, step: Callable[..., Awaitable[None]], *arguments: Any
) -> None:
    """Repeat a step, first after one period, whatever becomes of it."""
    while True:
        await trio.sleep(period_s)
        try:
            await step(*arguments)
        except ModelfsError as error:
            log.warning("%s", error.message)
        except Exception:
            # The guard that keeps the mount alive: an old view is better than none.
            log.exception("what the mount repeats has failed; it will try again")
            await trio.sleep(_AFTER_A_BUG_S)
