"""The one shape in which long work tells how far it is, and in which it is told to stop.

Work calls ``report(Progress(...))`` often; a face draws it. To cancel, the face's callback raises
``Cancelled``: work is written so that an exception at any report leaves nothing half done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one step has come; ``total`` 0 means not known."""

    step: str
    """What is being done, in a word or two: ``copying``, ``comparing``, ``hashing``."""
    item: str
    done: int
    total: int
    unit: Literal["bytes", "things"] = "bytes"


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Report to nobody."""
