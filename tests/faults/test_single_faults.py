"""Every command that writes, killed or failed at its system calls: the old state or the new."""

import pytest

from faults.conftest import Stages
from faults.injection import (
    CHANGING,
    COPY,
    EINTR,
    EIO,
    ENOSPC,
    KILL,
    LOCK,
    MKDIR,
    ORDERING,
    WRITE,
    Point,
    from_then_on,
    points,
    sweep,
)
from faults.scenarios import EVERY, PROGRAM, Scenario
from faults.stage import Stage
from faults.tally import count

ERRORS = (ENOSPC, EIO, EINTR, from_then_on(ENOSPC), from_then_on(EIO))
"""EINTR only once: nothing but a signal makes it, and what goes on after one is right to."""

every_scenario = pytest.mark.parametrize("scenario", EVERY, ids=lambda scenario: scenario.name)


def go_through(stage: Stage, chosen: list[Point]) -> None:
    """Try these points, each against the promise, and count them."""
    assert chosen
    if stage.scenario is PROGRAM:  # takes thrice as long to start, and calls the same below
        chosen = chosen[::3]
    sweep(stage.try_at, chosen)
    for point in chosen:
        count("kill" if point.fault.kills else "error", f"{stage.scenario.name}: {point.call}")


@every_scenario
def test_killed_at_the_calls_that_order_it(stages: Stages, scenario: Scenario) -> None:
    stage = stages(scenario)
    calls = ORDERING + COPY + WRITE + MKDIR
    chosen = points(stage.counts, calls, (KILL,), {"pwrite64": 17, "mkdir": 130})
    go_through(stage, chosen[::2])


@every_scenario
def test_an_error_at_the_calls_that_order_it(stages: Stages, scenario: Scenario) -> None:
    stage = stages(scenario)
    full = (from_then_on(ENOSPC),)
    chosen = points(stage.counts, ORDERING, (EIO,))
    chosen += points(stage.counts, CHANGING, full, {"pwrite64": 17, "mkdir": 130})
    go_through(stage, chosen[::3])


@pytest.mark.long
@every_scenario
def test_killed_at_every_call(stages: Stages, scenario: Scenario) -> None:
    stage = stages(scenario)
    steps = {"pwrite64": 5, "mkdir": 60}
    go_through(stage, points(stage.counts, CHANGING + LOCK, (KILL,), steps))


@pytest.mark.long
@every_scenario
def test_every_error_at_every_call(stages: Stages, scenario: Scenario) -> None:
    stage = stages(scenario)
    steps = {"pwrite64": 16, "mkdir": 130}
    go_through(stage, points(stage.counts, CHANGING + LOCK, ERRORS, steps)[::2])
