"""What was measured, and what is made of it."""

import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TypeVar

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Reading:
    """One run of one case on one side."""

    rate: float
    """How much a second; more is better."""
    reader_s: float
    """Seconds of the processor."""
    mount_s: float
    """The same of the process behind the mount."""
    requests: int | None = None
    """Read requests that reached user space; None where that could not be counted."""
    copies: float | None = None
    """How many times the file was in memory afterwards; None where that could not be seen."""


@dataclass
class Results:
    """All readings, by case and side."""

    readings: dict[str, dict[str, list[Reading]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    missing: dict[str, str] = field(default_factory=dict)
    """Why a side was not measured."""

    def of(self, case: str, side: str) -> list[Reading]:
        """Return the readings of a case on a side, one a round; none if it was not measured."""
        return self.readings.get(case, {}).get(side, [])

    def rate(self, case: str, side: str) -> float:
        """Return the median."""
        return statistics.median(reading.rate for reading in self.of(case, side))

    def ratio(self, case: str, side: str, to: str) -> float:
        """Return how fast a side is beside another one, by their medians."""
        return self.rate(case, side) / self.rate(case, to)

    def spread(self, case: str, side: str, to: str) -> tuple[float, float]:
        """Return the smallest and the largest ratio of one round."""
        rounds = zip(self.of(case, side), self.of(case, to), strict=True)
        ratios = [ours.rate / theirs.rate for ours, theirs in rounds]
        return min(ratios), max(ratios)

    def requests(self, case: str, side: str) -> int | None:
        """Return the most read requests of one round; None if one was not counted."""
        return most([reading.requests for reading in self.of(case, side)])

    def copies(self, case: str, side: str) -> float | None:
        """Return the most that a round left in memory; None if it was not seen."""
        return most([reading.copies for reading in self.of(case, side)])

    def processor_s(self, case: str, side: str) -> tuple[float, float]:
        """Return the reader's median and that of the process behind the mount."""
        found = self.of(case, side)
        return (
            statistics.median(reading.reader_s for reading in found),
            statistics.median(reading.mount_s for reading in found),
        )


def most(values: "list[Number | None]") -> "Number | None":
    """Return the largest; None where one is not known."""
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None
