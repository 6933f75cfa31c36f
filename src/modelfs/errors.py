"""The one tree of errors that a user may meet; each class owns its exit code.

Raise them low, with the facts; a face translates them once. ``message`` says what happened and
why, ``hint`` what to do about it; both are one line, without a trailing full stop needed.
"""

from typing import ClassVar


class ModelfsError(Exception):
    """Something a person can act on: what went wrong, and what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Failed(ModelfsError):
    """The work could not be done (exit 1)."""


class BadInput(ModelfsError):
    """What was asked for cannot be understood or accepted (exit 2)."""

    exit_code = 2


class NotFound(ModelfsError):
    """A model, file or library that was named does not exist (exit 3)."""

    exit_code = 3


class Refused(ModelfsError):
    """Doing it would lose something (exit 4)."""

    exit_code = 4


class NoSpace(ModelfsError):
    """There is not enough room on the disk (exit 5)."""

    exit_code = 5


class Unreachable(ModelfsError):
    """A server could not be reached, or did not give what it had promised (exit 6)."""

    exit_code = 6


class AccessDenied(ModelfsError):
    """A server wants a token, another token, or terms accepted first (exit 6)."""

    exit_code = 6


class Hidden(AccessDenied):
    """A server does not say without a token whether there is such a thing at all."""


class SourceChanged(Failed):
    """A file changed, or shrank, while it was being read."""


class Damaged(Failed):
    """Stored bytes or the catalogue are not what they should be."""


class CatalogBusy(Failed):
    """Another process holds the catalogue or the store for longer than we wait."""


class Cancelled(ModelfsError):
    """The user stopped the work; everything is clean or resumable (exit 130, as for SIGINT)."""

    exit_code = 130
