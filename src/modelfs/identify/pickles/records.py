"""What a pickle is followed with in place of objects: records of names, calls and fetches."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Breach(Exception):
    """The pickle is malformed or wants more than it may have; the message says what."""

    is_cut = False
    """It only ends too early."""
    is_damaged = False
    """No loader goes on from there either."""


class Global:
    """A name that loading would import."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Call:
    """The result of calling something, or of building an object of a class."""

    __slots__ = ("arguments", "function", "items", "state")

    def __init__(self, function: object, arguments: object) -> None:
        self.function = function
        self.arguments = arguments
        self.items: dict[Any, Any] | None = None
        """What was put into it by key, as into an OrderedDict."""
        self.state: object = None
        """What was built into it."""


class Persistent:
    """What the loader would fetch by an identifier: torch's storages."""

    __slots__ = ("identifier",)

    def __init__(self, identifier: object) -> None:
        self.identifier = identifier
