"""Storms: everything listed and everything asked for, in a library of many models.

Native is a plain tree of the same shape: what the mount shows, as empty files and hard links. Each
tree is walked once before it counts, so all of it is warm.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import peers, processor
from benchmarks.mounting import Mounted
from benchmarks.place import Place
from benchmarks.plain import copy_plainly
from benchmarks.reads.cases import READER
from benchmarks.reads.results import Reading, Results
from benchmarks.reads.sides import NATIVE, modelfs_mounted

_GENERATE = Path(__file__).parents[1] / "generate.py"
_MOUNTED = ("passthrough", "served")
SIDES = (NATIVE, *_MOUNTED)


@dataclass(frozen=True, slots=True)
class Storm:
    """Something that is done with a whole tree."""

    name: str
    what: str
    run: Callable[["Forest", Path], float]
    """Returns its seconds."""


@dataclass(frozen=True, slots=True)
class Forest:
    """A library of many models, and the plain tree of its shape."""

    place: Place
    store: Path
    plain: Path
    listed: Path
    """The paths of all files, below the top, with a zero byte behind each."""
    entries: int

    @property
    def mountpoint(self) -> Path:
        """Where the library is mounted: ``generate`` chose it."""
        return self.store.with_name(self.store.name + "-mount")


def _command(*command: str | Path) -> float:
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def _list(_: Forest, top: Path) -> float:
    return _command("ls", "-lR", top)


def _find(_: Forest, top: Path) -> float:
    return _command("find", top, "-size", "+1G")


def _stat(forest: Forest, top: Path) -> float:
    done = forest.place.output([sys.executable, READER, "stat", forest.listed, top])
    return float(json.loads(done)["seconds"])


STORMS = (
    Storm("ls", "ls -lR of all views", _list),
    Storm("find", "find -size of all views", _find),
    Storm("stat", "stat of every file by its path, once more", _stat),
)


def storm(
    place: Place, sides: Collection[str], wanted: Collection[str], models: int, rounds: int,
    results: Results, say: Callable[[str], None],
) -> None:  # fmt: skip
    """Have the wanted storms on native and both read paths, in turn, into the results."""
    storms = [each for each in STORMS if each.name in wanted]
    here = [name for name in SIDES if name in sides and name not in results.missing]
    if not storms or not here:
        return
    say(f"making a library of {models} models …")
    with _forest(place, models) as forest:
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}: {', '.join(each.name for each in storms)} …")
            for side in here if number % 2 else reversed(here):
                try:
                    for name, reading in _visit(forest, side, storms):
                        results.readings[name][side].append(reading)
                except peers.Missing as missing:
                    results.missing[side] = str(missing)


def _visit(forest: Forest, side: str, storms: Sequence[Storm]) -> list[tuple[str, Reading]]:
    if side == NATIVE:
        return _walk(forest, forest.plain, None, storms)
    with modelfs_mounted(forest.place, forest.store, forest.mountpoint, side) as mount:
        return _walk(forest, forest.mountpoint, mount, storms)


def _walk(
    forest: Forest, top: Path, mount: Mounted | None, storms: Sequence[Storm]
) -> list[tuple[str, Reading]]:
    def mount_s() -> float:
        return processor.of_process_s(mount.pid) if mount else 0.0

    _list(forest, top)
    readings = []
    for each in storms:
        reader_before_s, mount_before_s = processor.of_children_s(), mount_s()
        seconds = each.run(forest, top)
        reader_s = processor.of_children_s() - reader_before_s
        reading = Reading(forest.entries / seconds, reader_s, mount_s() - mount_before_s)
        readings.append((each.name, reading))
    return readings


@contextmanager
def _forest(place: Place, models: int) -> Iterator[Forest]:
    root = place.root / "storm"
    root.mkdir()
    store, plain, listed = (root / name for name in ("store", "plain", "listed"))
    # Sealed, or the mount would compute that in the background.
    place.run([sys.executable, _GENERATE, "--sealed", str(models), store])
    mountpoint = store.with_name(store.name + "-mount")
    try:
        with modelfs_mounted(place, store, mountpoint, "served"):
            entries = copy_plainly(mountpoint, plain)
        with open(listed, "wb") as file:
            command: list[str | Path] = ["find", plain, "-type", "f", "-printf", r"%P\0"]
            subprocess.run(command, stdout=file, check=True)
        yield Forest(place, store, plain, listed, entries)
    finally:
        shutil.rmtree(root)
