"""Disks that really are full, for every command that writes: NoSpace or done, and nothing between.

What an injected ENOSPC cannot show: writes that are cut short, room that is taken late (ext4
allocates when it writes back), and whether what gives room needs some first.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.power import make_image, mounted
from faults.scenarios import EVERY, PROGRAM, Scenario
from faults.stage import Stage
from faults.tally import count

SIZE_MIB = 24
LEVELS = (0, 4 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10)
"""Bytes left: from nothing, over too little for the catalogue's own files, to almost enough."""


@pytest.fixture(scope="module", params=["tmpfs", pytest.param("ext4", marks=pytest.mark.long)])
def small(request: pytest.FixtureRequest, memory: Path) -> Iterator[Path]:
    """A small disk, empty, used by one test after the other."""
    if request.param == "tmpfs":
        where = memory / "small"
        where.mkdir()
        options = ["-o", f"size={SIZE_MIB}m"]
        subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(where)], check=True)
        yield where
        subprocess.run(["umount", str(where)], check=True)
    else:
        with mounted(make_image(memory / "small.img", "ext4", SIZE_MIB)) as where:
            yield where


def fill(place: Path, leave_bytes: int) -> Path:
    """Take all room but this, what is kept for root too."""
    ballast = place / "ballast"
    with ballast.open("wb") as file:
        while (room := _free_bytes(place) - leave_bytes) >= 4096:
            try:
                os.posix_fallocate(file.fileno(), ballast.stat().st_size, room // 4096 * 4096)
            except OSError:
                break  # the last blocks go to what describes the others
    return ballast


def _free_bytes(place: Path) -> int:
    stats = os.statvfs(place)
    return stats.f_bfree * stats.f_frsize


def try_all(stage: Stage, small: Path, levels: tuple[int, ...]) -> None:
    for leave_bytes in levels:
        place = stage.place()
        ballast = fill(small, leave_bytes)
        outcome = stage.run(place)
        ballast.unlink()
        assert outcome.code in (0, 5), f"{leave_bytes} left: {outcome}"
        stage.assert_holds(place, outcome)
        count("full disk", stage.scenario.name)
        shutil.rmtree(place)


@pytest.mark.parametrize("scenario", EVERY, ids=lambda scenario: scenario.name)
def test_a_full_disk_is_told_and_harms_nothing(small: Path, scenario: Scenario) -> None:
    if scenario is PROGRAM:
        levels: tuple[int, ...] = (0, 32 << 10)
    else:
        levels = LEVELS[::2]
    stage = Stage(scenario, small / "stage")
    try_all(stage, small, levels)
    shutil.rmtree(small / "stage")
