"""The one shape in which long work tells how far it is, and in which it is told to stop.

Work calls ``report(Progress(...))`` often; a face draws it. To cancel, the face's callback raises
``Cancelled``: work is written so that an exception at any report leaves nothing half done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one step has come; ``total`` 0 means not known."""

    step: str
    """What is being done, in a word or two: ``copying``, ``comparing``, ``hashing``; of a fetch
    ``resolving``, ``downloading``, ``verifying``, ``filing``."""
    item: str
    done: int
    total: int
    unit: Literal["bytes", "things"] = "bytes"
    per_s: float | None = None
    """Units a second, of late; None where nobody measured."""
    files: Sequence["Progress"] = ()
    """The same for each file that is being worked on, where it is several at once."""

    @property
    def percent(self) -> float | None:
        """How much of it is done, 0 to 100; None while the total is not known."""
        return min(100.0, 100 * self.done / self.total) if self.total else None

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take at this speed; None where that cannot be said."""
        if not self.per_s or not self.total:
            return None
        return max(0, self.total - self.done) / self.per_s


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Report to nobody."""
