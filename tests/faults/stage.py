"""One scenario, tried again and again; and the promise that each try is held against.

The old state or the new one (or one between, where a command has several steps); every name has
its bytes; a full check finds nothing but what was planted; the same command then succeeds; and
what the fault left behind is gone after a collection.
"""

import itertools
import shutil
import subprocess
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from core import driver
from core.conftest import bring, write
from core.soundness import assert_sound
from faults.injection import Outcome, Point, run_plainly, run_untouched, run_with
from faults.oracle import assert_bytes_of_names, difference, look, strays
from faults.scenarios import Scenario, bytes_of
from modelfs.library import open_library


class Stage:
    """A scenario's place, copied for each try. Safe to use from several threads."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self._folder = folder
        self._numbers = itertools.count(1)
        self._start = folder / "start"
        self._prepare(self._start)
        self.states = scenario.states(look(self._start))
        """What may be found, from the old state to the new one."""

    def _prepare(self, place: Path) -> None:
        place.mkdir(parents=True)
        self.scenario.prepare(place)

    def _fresh(self) -> Path:
        return self._folder / str(next(self._numbers))

    def place(self) -> Path:
        """Return a fresh place in the old state."""
        place = self._fresh()
        if self.scenario.anew:
            self._prepare(place)
        else:
            shutil.copytree(self._start, place, symlinks=True)
        return place

    def place_like(self, other: Path) -> Path:
        """Return a fresh copy of a place, as a fault left it: files of two names stay that."""
        place = self._fresh()
        subprocess.run(["cp", "-a", str(other), str(place)], check=True)
        return place

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How often each call happens in a run that nothing touches; it reaches the new state."""
        place = self.place()
        command, environment = self.scenario.command(place), self.scenario.environment(place)
        outcome, counts = run_untouched(command, environment, place / "log")
        assert outcome.code == 0, outcome.said
        self.assert_holds(place, outcome)
        return counts

    def try_at(self, point: Point) -> None:
        """Run with a fault planted, hold everything against the promise, and clear away."""
        place = self.place()
        outcome = self.run(place, point)
        assert outcome.struck, f"nothing happened there: {outcome}"
        self.assert_holds(place, outcome, collect_first=point.number % 2 == 1)
        shutil.rmtree(place)

    def run(self, place: Path, point: Point | None = None) -> Outcome:
        """Run the scenario's command in a place, with a fault planted or without."""
        command, environment = self.scenario.command(place), self.scenario.environment(place)
        if point is None:
            return run_plainly(command, environment)
        return run_with(point, command, environment, place / "log")

    def assert_holds(
        self, place: Path, outcome: Outcome, *, collect_first: bool = False, own: bool = True
    ) -> None:
        """Old or new; nothing named is missing; the same again succeeds; nothing is left over.

        ``own`` is False when it was another command than the scenario's that was struck.
        """
        assert "Traceback" not in outcome.said, outcome.said
        found = look(place)
        assert found in self.states, "\n".join(difference(found, self.states))
        if outcome.code == 0 and own:
            assert found == self.states[-1], f"it said that all is well: {found}"
        if found.get("library") and not self.scenario.damaged:
            with open_library(place / "store") as library:
                assert_bytes_of_names(library)
            found = look(place)  # a check may have ended what a move had not
            assert found in self.states, "\n".join(difference(found, self.states))
        if collect_first and found.get("library"):
            driver.main("gc", place / "store", [])
            assert look(place) == found, "gc changed what a person finds"
        self._assert_recovers(place, found)

    def _assert_recovers(self, place: Path, found: Mapping[str, str]) -> None:
        """Give the same command again where that makes sense; all is then well and clean."""
        wanted = self.states[-1]
        if self.scenario.repeatable or found != wanted:
            self._repeat(place)
        found = look(place)
        assert found == wanted, "\n".join(difference(found, [wanted]))
        if self.scenario.damaged:  # whatever was found about it, adding the same bytes heals
            with open_library(place / "store") as library:
                bring(library, write(place / "heal" / "bad.gguf", bytes_of("bad")))
        assert_sound(place / "store")
        left = strays(place)
        assert not left, f"left for ever: {left}"

    def _repeat(self, place: Path) -> None:
        """Run the scenario's command again, without any fault."""
        if self.scenario.needs_its_environment:
            again = self.run(place)
            assert again.code == 0, f"the same again: {again.said}"
        else:  # here, which is many times faster than a new process
            action, *rest = self.scenario.filled_in(place)
            driver.main(action, place / "store", rest)
