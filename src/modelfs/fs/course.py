"""Where the reader of a file is, as the kernel's requests for it tell. Pure.

Who goes through a file leaves a row of requests, each where the last one ended. What is put into
the kernel's page cache ahead of him he does not ask for, and his place would be lost. Hence the
file is divided into periods, and each begins with a gap that nobody puts there: the request for it
says that he has come so far.
"""

from dataclasses import dataclass
from typing import Final

SMALLEST_GAP_BYTES: Final = 128 << 10
"""As much as the kernel asks for at once where nobody has set another read-ahead."""

_LARGEST_GAP_BYTES: Final = 1 << 20
_GAPS_IN_A_PERIOD: Final = 16
_AHEAD: Final = 2
"""Periods that are pushed ahead of the reader's own."""

_ASIDE_BYTES: Final = 512 << 10
"""Requests overtake each other by so much, and a fault in a map asks for what lies before it."""


@dataclass(slots=True)
class Course:
    """The row of requests for one inode, by whichever handles they come.

    Two readers at different places make no row, and then nothing is pushed. Nor is it before as
    much was read in a row as is then pushed: a random read of a mebibyte is eight requests.
    """

    size_bytes: int
    start: int = 0
    reached: int = 0
    gap_bytes: int = SMALLEST_GAP_BYTES
    """The largest request of the row: so one fills a gap."""
    pushed_to: int = 0
    """The end of the last period that was given out; 0 before the first."""

    @property
    def period_bytes(self) -> int:
        """How long a period is, with its gap."""
        return self.gap_bytes * _GAPS_IN_A_PERIOD

    @property
    def row_bytes(self) -> int:
        """How much was read in a row."""
        return self.reached - self.start

    def follow(self, offset: int, end: int) -> list[range]:
        """Take note of a request; return the periods to be pushed from now on, mostly none."""
        furthest = max(self.reached, self.pushed_to)
        if not self.reached - _ASIDE_BYTES <= offset <= furthest + _ASIDE_BYTES:
            self.start = self.reached = offset
            self.gap_bytes, self.pushed_to = SMALLEST_GAP_BYTES, 0
        self.reached = max(self.reached, end)
        if not self.pushed_to:  # the grid stays as it is from the first push on
            self.gap_bytes = min(max(self.gap_bytes, end - offset), _LARGEST_GAP_BYTES)
        if self.row_bytes < _AHEAD * self.period_bytes:
            return []
        return self._next(self.period_of(offset) + self.period_bytes)

    def _next(self, start: int) -> list[range]:
        length = self.period_bytes
        first = max(start, self.pushed_to)
        last = min(start + _AHEAD * length, self.size_bytes)
        periods = [
            range(at, min(at + length, self.size_bytes)) for at in range(first, last, length)
        ]
        if periods:
            self.pushed_to = periods[-1].start + length
        return periods

    def period_of(self, offset: int) -> int:
        """Return where the period begins that a byte is in."""
        return offset - offset % self.period_bytes

    def is_in_gap(self, offset: int, end: int) -> bool:
        """Say whether a request asks for nothing but bytes of a gap."""
        return end - self.period_of(offset) <= self.gap_bytes
