"""All sides in turn, round after round, and what is counted while each of them works."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks import peers
from benchmarks.reads.cases import SESSIONS, Case, Done, State
from benchmarks.reads.memory import Watched, watched
from benchmarks.reads.requests import Count, counted
from benchmarks.reads.results import Reading, Results, most
from benchmarks.reads.sides import Opened, Shelf, Side

_LEAST_SHARE = 0.5
"""What takes less than this share of a random case's seconds is done more than once."""
_MOST_PASSES = 4
"""Each has the start of Python beside it, which is not measured but waited for."""
_MOST_ATTEMPTS = 3
_WHOLE = 0.95
"""Less than this share of a file in memory is not what a warm case is about."""

Say = Callable[[str], None]


def take_turns(
    shelf: Shelf,
    sides: Sequence[Side],
    wanted: Collection[str],
    rounds: int,
    seconds: float,
    results: Results,
    say: Say,
) -> None:
    """Run the wanted cases on each side, into the results; what cannot be had here says why."""
    here = [side for side in sides if _can_be_opened(side, shelf, results)]
    able = [case for session in SESSIONS for case in session if _can_be_run(case, wanted, results)]
    shelf.place.settle()
    for number in range(rounds):
        for session in SESSIONS:
            cases = _steps(session, able)
            if not cases:
                continue
            say(f"round {number + 1} of {rounds}: {', '.join(case.name for case in cases)} …")
            for side in here if number % 2 else reversed(here):
                for case, reading in _visit(shelf, side, cases, seconds):
                    if case in able:
                        results.readings[case.name][side.name].append(reading)


def _can_be_opened(side: Side, shelf: Shelf, results: Results) -> bool:
    """Open and close it: what is not to be had is known before anything is measured."""
    try:
        with side.open(shelf):
            return True
    except peers.Missing as missing:
        results.missing[side.name] = str(missing)
        return False


def _can_be_run(case: Case, wanted: Collection[str], results: Results) -> bool:
    if case.name not in wanted:
        return False
    try:
        case.needs()
        return True
    except peers.Missing as missing:
        results.missing[case.name] = str(missing)
        return False


def _steps(session: Sequence[Case], able: Collection[Case]) -> list[Case]:
    """Return the cases of a session to run; a warm one needs its first one to have run."""
    chosen = [case for case in session if case in able]
    if chosen and chosen[0].state == "warm":
        return [session[0], *chosen]
    return chosen


def _visit(
    shelf: Shelf, side: Side, cases: Sequence[Case], seconds: float
) -> list[tuple[Case, Reading]]:
    readings = []
    with side.open(shelf) as opened, counted(opened.device) as count:
        for case in cases:
            blob, shown = shelf.files[case.file].blob, opened.files[case.file]
            with watched(shelf.place, blob, shown) as file:
                visit = _Visit(opened, count, file, case.state)
                run = partial(case.run, shelf.place, shown, seconds)
                readings.append((case, visit.read(run, _LEAST_SHARE * seconds)))
    return readings


@dataclass(frozen=True, slots=True)
class _Visit:
    """A file that is read on one side, and what tells what that costs."""

    opened: Opened
    count: Count
    file: Watched
    state: State

    def read(self, run: Callable[[], Done], least_s: float) -> Reading:
        """Run a case, and anew where somebody has emptied the machine's cache meanwhile."""
        for _ in range(_MOST_ATTEMPTS):
            reading = self._read_once(run, least_s)
            if self.state == "cold" or reading.copies is None or reading.copies > _WHOLE:
                break
        return reading

    def _read_once(self, run: Callable[[], Done], least_s: float) -> Reading:
        """Run a case, and again while all that took no time to speak of."""
        passes: list[Done] = []
        requests: list[int | None] = []
        mount_s = 0.0
        while len(passes) < _MOST_PASSES and sum(done.seconds for done in passes) < least_s:
            self._prepare()
            before, mount_before_s = self.count(), self.opened.processor_s()
            passes.append(run())
            mount_s += self.opened.processor_s() - mount_before_s
            after = self.count()
            requests.append(None if before is None or after is None else after - before)
        return Reading(
            rate=sum(done.amount for done in passes) / sum(done.seconds for done in passes),
            reader_s=sum(done.processor_s for done in passes) / len(passes),
            mount_s=mount_s / len(passes),
            requests=most(requests),
            copies=self.file.copies(),
        )

    def _prepare(self) -> None:
        if self.state == "cold":
            self.file.drop()
        elif self.state == "new":
            self.file.bring()
        else:
            self.file.warm(_WHOLE)
