"""Two faults in a row: killed, and then whatever is to mend that is killed as well."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import processes
from faults.conftest import Stages
from faults.injection import CHANGING, KILL, ORDERING, Point, points, run_untouched, run_with, sweep
from faults.scenarios import ADD, ADD_SEVERAL, EMPTY, HEAL, MOVE, REBUILD, UNDO, VERIFY, Scenario
from faults.stage import Stage
from faults.tally import count

RECOVERIES = ("the same", "gc", "verify")


@dataclass(frozen=True)
class Pair:
    """A command killed at a point, and a recovery from that, to be killed as well."""

    stage: Stage
    recovery: str

    def command(self, place: Path) -> list[str]:
        """Return the command line of the recovery."""
        if self.recovery == "the same":
            return self.stage.scenario.command(place)
        return processes.command(self.recovery, place / "store")

    def try_at(self, first: Point, share: int) -> None:
        """Kill the command, then its recovery at each ``share``-th of the calls that it makes."""
        place = self.stage.place()
        assert self.stage.run(place, first).killed, first
        for second in self._points_of_recovery(place, share):
            again = self.stage.place_like(place)
            command, environment = self.command(again), self.stage.scenario.environment(again)
            outcome = run_with(second, command, environment, again / "log")
            self.stage.assert_holds(again, outcome, own=self.recovery == "the same")
            shutil.rmtree(again)
            count("two faults", f"{self.stage.scenario.name}, then {self.recovery}")

    def _points_of_recovery(self, place: Path, share: int) -> list[Point]:
        probe = self.stage.place_like(place)
        command, environment = self.command(probe), self.stage.scenario.environment(probe)
        outcome, counts = run_untouched(command, environment, probe / "log")
        assert outcome.code == 0 or self.recovery == "the same", outcome.said
        return points(counts, CHANGING, (KILL,), {"pwrite64": 9})[::share]


def go_through(stage: Stage, recovery: str, *, first: int, second: int) -> None:
    """Kill at every ``first``-th point, then its recovery at every ``second``-th."""
    pair = Pair(stage, recovery)
    chosen = points(stage.counts, (*ORDERING, "pwrite64"), (KILL,), {"pwrite64": 12})[::first]
    sweep(lambda point: pair.try_at(point, second), chosen)


@pytest.mark.parametrize(
    ("scenario", "recovery"), [(ADD, "the same"), (MOVE, "gc")], ids=["add", "move"]
)
def test_killed_while_recovering_from_a_kill(
    stages: Stages, scenario: Scenario, recovery: str
) -> None:
    go_through(stages(scenario), recovery, first=4, second=5)


@pytest.mark.long
@pytest.mark.parametrize("recovery", RECOVERIES)
@pytest.mark.parametrize(
    "scenario", [ADD_SEVERAL, MOVE, EMPTY, VERIFY, HEAL], ids=lambda scenario: scenario.name
)
def test_killed_anywhere_and_its_recovery_killed_anywhere(
    stages: Stages, scenario: Scenario, recovery: str
) -> None:
    go_through(stages(scenario), recovery, first=3, second=4)


@pytest.mark.long
def test_a_rebuild_killed_anywhere_and_killed_again(stages: Stages) -> None:
    go_through(stages(REBUILD), "the same", first=3, second=4)


@pytest.mark.long
def test_an_undo_killed_twice_puts_all_originals_back(stages: Stages) -> None:
    """In the one place that its catalogue knows, so one after the other."""
    stage = stages(UNDO)
    for first in points(stage.counts, ORDERING, (KILL,)):
        for call, number in (("renameat2", 1), ("fsync", 1), ("fdatasync", 2)):
            place = stage.place()
            stage.run(place, first)
            stage.assert_holds(place, stage.run(place, Point(KILL, call, number)))
            count("two faults", "undo of a move, then the same")
