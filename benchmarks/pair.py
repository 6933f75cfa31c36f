"""A pair: modelfs and its peers doing the same thing, measured in turn, with a bar to hold.

All sides of a pair run once in each round, in an order that turns round from one to the next, so
that whatever else the machine does meanwhile meets all of them.
"""

import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

from benchmarks.place import Place

OURS = "modelfs"


@dataclass(frozen=True, slots=True)
class Side:
    """One way to do it."""

    name: str
    run: Callable[[], float]
    """Prepare, do it, put all back; return the seconds of doing it alone."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What the ratio must be for the bar to hold."""

    kind: Literal["time", "speed"]
    """``time``: our time over theirs, at most. ``speed``: our speed over theirs, at least."""
    limit: float
    of: Literal["fastest", "slowest"] = "fastest"
    """Which of the sides that it is about counts."""

    def __str__(self) -> str:
        if self.kind == "time":
            return f"at most {self.limit:g}x the time"
        return f"at least {self.limit:g}x the speed"

    def ratio(self, ours_s: float, theirs_s: float) -> float:
        """Return the ratio that the bar is about."""
        return ours_s / theirs_s if self.kind == "time" else theirs_s / ours_s

    def holds(self, ratio: float) -> bool:
        """Say whether this ratio is good enough."""
        return ratio <= self.limit if self.kind == "time" else ratio >= self.limit


@dataclass(frozen=True, slots=True)
class Pair:
    """Something that modelfs does, and who else does it."""

    name: str
    title: str
    bar: Bar
    against: Sequence[str]
    """Names of the sides that the bar is about. Others are only shown."""
    sides: Callable[[Place], AbstractContextManager[Sequence[Side]]]
    """Sets the sides up, ours first. Raises Missing where one cannot be had here."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a pair gave, or why it was not measured."""

    pair: Pair
    times_s: dict[str, list[float]]
    missing: str = ""

    @property
    def ours_s(self) -> float:
        """Our median."""
        return statistics.median(self.times_s[OURS])

    @property
    def peer(self) -> str:
        """The one that counts of the sides that the bar is about."""
        chosen = min if self.pair.bar.of == "fastest" else max
        return chosen(self.pair.against, key=lambda name: statistics.median(self.times_s[name]))

    @property
    def theirs_s(self) -> float:
        """The median of the peer that counts."""
        return statistics.median(self.times_s[self.peer])

    @property
    def ratio(self) -> float:
        """Our median beside theirs."""
        return self.pair.bar.ratio(self.ours_s, self.theirs_s)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest ratio of one round."""
        rounds = zip(self.times_s[OURS], self.times_s[self.peer], strict=True)
        ratios = [self.pair.bar.ratio(ours, theirs) for ours, theirs in rounds]
        return min(ratios), max(ratios)

    @property
    def held(self) -> bool:
        """Whether the bar holds."""
        return not self.missing and self.pair.bar.holds(self.ratio)


def measure(pair: Pair, place: Place, rounds: int) -> Result:
    """Run every side ``rounds`` times in turn, after one round that does not count."""
    with pair.sides(place) as sides:
        times: dict[str, list[float]] = {side.name: [] for side in sides}
        for number in range(rounds + 1):
            for side in sides if number % 2 else reversed(sides):
                place.settle()
                seconds = side.run()
                if number:
                    times[side.name].append(seconds)
    return Result(pair, times)
