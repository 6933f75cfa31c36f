"""The guard that keeps the mount alive: whatever a handler does, the caller gets an errno."""

import errno
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pyfuse3

log = logging.getLogger(__name__)

_Class = TypeVar("_Class", bound=type)


def guarded(operations: _Class) -> _Class:
    """Wrap every handler of a class; pyfuse3 ends the mount for anything but its FUSEError."""
    for name, handler in list(vars(operations).items()):
        if inspect.iscoroutinefunction(handler) and not name.startswith("_"):
            setattr(operations, name, _guard(handler))
    return operations


def _guard(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(handler)
    async def safe(*arguments: Any) -> Any:
        try:
            return await handler(*arguments)
        except pyfuse3.FUSEError:
            raise
        except Exception as error:
            log.exception("%s failed; the caller gets EIO", handler.__name__)
            raise pyfuse3.FUSEError(errno.EIO) from error

    return safe
