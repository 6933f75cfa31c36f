"""Many processes at one library: starting them, watching their size, hearing what they did."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.processes import environment

_SAMPLE_EVERY_S = 0.2


@dataclass
class Performance:
    """One actor: its process, and what it said at its end."""

    name: str
    process: subprocess.Popen[str]
    paper: Path
    """Where its standard output goes; its errors go beside it."""

    @property
    def errors(self) -> str:
        """What it wrote to standard error."""
        return self.paper.with_suffix(".err").read_text()

    def told(self) -> dict[str, Any]:
        """Return its account of what it did."""
        return json.loads(self.paper.read_text())  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Size:
    """What a process had at one moment."""

    at: float
    memory_bytes: int
    descriptors: int


class Watch:
    """The sizes of processes over time."""

    def __init__(self) -> None:
        self.sizes: dict[str, list[Size]] = {}

    def look(self, name: str, pid: int) -> None:
        """Note what a process has now; nothing when it is gone."""
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        except (OSError, IndexError):
            return
        size = Size(time.monotonic(), pages * os.sysconf("SC_PAGE_SIZE"), descriptors)
        self.sizes.setdefault(name, []).append(size)

    def growth(self, name: str, start: float, end: float) -> tuple[Size, Size]:
        """Return the medians of the second and of the last third of a stretch of time."""
        third = (end - start) / 3
        middle = [s for s in self.sizes[name] if start + third <= s.at < start + 2 * third]
        last = [s for s in self.sizes[name] if start + 2 * third <= s.at < end]
        return _median(middle), _median(last)


def _median(sizes: list[Size]) -> Size:
    return Size(
        statistics.median(size.at for size in sizes),
        int(statistics.median(size.memory_bytes for size in sizes)),
        int(statistics.median(size.descriptors for size in sizes)),
    )


class Crowd:
    """The actors of one run."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self.cast: list[Performance] = []
        self.watch = Watch()

    def enter(self, role: str, count: int, until: float) -> None:
        """Start so many of a role, until a moment of the monotonic clock."""
        for number in range(count):
            self.cast.append(self._start(role, f"{role}-{number}", until))

    def play(self, also: Callable[[], int | None], within_s: float) -> None:
        """Watch all actors and the process ``also`` until they end; kill those that hang."""
        deadline = time.monotonic() + within_s
        while any(each.process.poll() is None for each in self.cast):
            for each in self.cast:
                self.watch.look(each.name, each.process.pid)
            if pid := also():
                self.watch.look("mount", pid)
            if time.monotonic() > deadline:
                self.stop()
            time.sleep(_SAMPLE_EVERY_S)

    def stop(self) -> None:
        """Kill who is still there."""
        for each in self.cast:
            each.process.kill()
            each.process.wait()

    def told(self, key: str) -> Iterator[Any]:
        """Give everything that the actors told under a key."""
        for each in self.cast:
            yield from each.told().get(key, [])

    def done(self) -> Counter[str]:
        """Return what all did, together."""
        done: Counter[str] = Counter()
        for each in self.cast:
            done.update(each.told()["done"])
        return done

    def _start(self, role: str, name: str, until: float) -> Performance:
        paper = self._store.parent / "said" / f"{name}.out"
        paper.parent.mkdir(exist_ok=True)
        here = environment()
        here["PYTHONPATH"] += f":{Path(__file__).parents[1]}"
        command = [sys.executable, "-W", "error", "-m", "mount.actor"]
        with paper.open("w") as out, paper.with_suffix(".err").open("w") as errors:
            process = subprocess.Popen(
                [*command, role, str(self._store), name, str(until)],
                env=here,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                text=True,
            )
        return Performance(name, process, paper)
