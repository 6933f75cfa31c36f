"""Places to break things in: in memory, so that a thousand fsyncs cost nothing."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.scenarios import Scenario
from faults.stage import Stage

Stages = Callable[[Scenario], Stage]


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk in memory. The order of the calls is what counts here; power.py has real disks."""
    where = tmp_path_factory.mktemp("memory")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", str(where)], check=True)
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


@pytest.fixture(scope="session")
def stages(memory: Path) -> Stages:
    """Give the stage of a scenario, made once."""
    made: dict[str, Stage] = {}

    def stage(scenario: Scenario) -> Stage:
        if scenario.name not in made:
            made[scenario.name] = Stage(scenario, memory / scenario.name.replace(" ", "-"))
        return made[scenario.name]

    return stage
