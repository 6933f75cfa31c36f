"""Measure how modelfs grows: libraries of several sizes, each against a plain tree of itself.

Usage: python -m benchmarks.scale MODELS... [--json FILE] [--folder DIR] [--rounds N]

Everything of a size is measured in one run, the mount and the plain tree by turns, and the median
is told: what else the machine does then counts for both. Where it does much, the seconds of the
processor (``cpu``) say more than those of the clock. Needs room for the plain tree: an inode
for each file and folder that the mount shows.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import processor
from benchmarks.generate import generate
from benchmarks.plain import copy_plainly
from modelfs.fs.launch import stop
from modelfs.fs.state import mount_state
from modelfs.library import Library, create_library, organise, select

LOOKUPS = 2000


@dataclass(frozen=True)
class Bar:
    """What a figure must not exceed."""

    figure: str
    limit: float
    why: str


BARS = (
    Bar("mount_s", 2.0, "the mount is ready"),
    Bar("ls_lr_ratio", 2.0, "ls -lR: the mount against the plain tree"),
    Bar("rss_mb", 250.0, "the daemon's memory after listing everything"),
    Bar("ls_json_s", 1.0, "modelfs ls --json"),
    Bar("tag_visible_ms", 1000.0, "a tag is seen in the mount"),
    Bar("stall_listing_ms", 300.0, "the longest wait of another reader during ls -lR"),
    Bar("stall_change_ms", 300.0, "the longest wait of another reader during a big change"),
)
"""They are meant for 10 000 models of 100 000 files."""

INDEPENDENT = (("missing_us", 1.5), ("add_s", 1.5))
"""Figures that must not grow with the library, and what noise may add to the smallest one's."""


@dataclass
class Figures:
    """Everything measured at one size."""

    models: int
    files: int = 0
    values: dict[str, float] = field(default_factory=dict)


class Place:
    """A library, its mount and a plain copy of what the mount shows."""

    def __init__(self, folder: Path) -> None:
        self.store, self.mountpoint, self.plain = (
            folder / name for name in ("store", "models", "plain")
        )
        os.environ["MODELFS_LIBRARY"] = str(self.store)
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
            os.environ[name] = str(folder / "home")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each command compiles itself

    @contextmanager
    def library(self) -> Iterator[Library]:
        """The library, made where there is none."""
        create_library(self.store, self.mountpoint).close()
        with create_library(self.store, self.mountpoint) as library:
            try:
                yield library
            finally:
                stop(library, lazy=True)

    def command(self, *arguments: str) -> float:
        """Run a whole command; return its seconds."""
        return timed(lambda: run([sys.executable, "-m", "modelfs", *arguments]))


def run(command: list[str]) -> None:
    """Run a program to its end; its output goes nowhere."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def timed(step: Callable[[], object]) -> float:
    """Return how many seconds a step takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def median_of(rounds: int, step: Callable[[], float]) -> float:
    """Return the median of several runs."""
    return statistics.median(step() for _ in range(rounds))


def list_all(folder: Path) -> float:
    """Return the seconds of ``ls -lR``."""
    return timed(lambda: run(["ls", "-lR", str(folder)]))


def measure_listing(place: Place, figures: Figures, pid: int, rounds: int) -> None:
    """Walk the mount and the plain tree by turns."""
    values = figures.values

    def processor_of(folder: Path) -> float:
        before = processor.of_children_s() + processor.of_process_s(pid)
        list_all(folder)
        return processor.of_children_s() + processor.of_process_s(pid) - before

    values["ls_lr_first_s"] = list_all(place.mountpoint)
    values["entries"] = copy_plainly(place.mountpoint, place.plain)
    list_all(place.plain)
    pairs = [(list_all(place.mountpoint), list_all(place.plain)) for _ in range(rounds)]
    values["ls_lr_mount_s"], values["ls_lr_plain_s"] = map(
        statistics.median, zip(*pairs, strict=True)
    )
    values["ls_lr_ratio"] = statistics.median(mount / plain for mount, plain in pairs)
    values["ls_lr_cpu_ratio"] = processor_of(place.mountpoint) / processor_of(place.plain)


def measure_lookups(place: Place, figures: Figures) -> None:
    """Ask for names that are not there, each for the first time, in the folder of most models."""
    folder = "by-category/language/llm"
    for figure, tree in (("missing_us", place.mountpoint), ("missing_plain_us", place.plain)):
        each = [timed(lambda n=n, t=tree: os.path.exists(f"{t}/{folder}/absent-{n}.gguf"))  # type: ignore[misc]
                for n in range(LOOKUPS)]  # fmt: skip
        figures.values[figure] = statistics.median(each) * 1e6


def measure_commands(place: Place, figures: Figures, library: Library, rounds: int) -> None:
    """Run whole commands, as a person does."""
    name = select.matching(library, "category:lora")[0].entry_name
    numbers = iter(range(1000))

    def add() -> float:
        path = place.store.parent / f"new-{next(numbers)}.gguf"
        path.write_bytes(b"GGUF" + os.urandom(1 << 20))
        return place.command("add", str(path))

    values = figures.values
    values["help_s"] = median_of(rounds, lambda: place.command("--help"))
    before = processor.of_children_s()
    values["ls_json_s"] = median_of(rounds, lambda: place.command("ls", "--json"))
    values["ls_json_cpu_s"] = (processor.of_children_s() - before) / rounds
    values["ls_s"] = median_of(rounds, lambda: place.command("ls"))
    values["show_s"] = median_of(rounds, lambda: place.command("show", name))
    values["tag_s"] = median_of(rounds, lambda: place.command("tag", name, f"t{next(numbers)}"))
    values["add_s"] = median_of(rounds, add)
    values["status_s"] = median_of(rounds, lambda: place.command("status"))


def measure_visible(place: Place, figures: Figures, library: Library, rounds: int) -> None:
    """Tag a model and wait until the mount shows it."""
    model = select.matching(library, "category:lora")[0]

    def once() -> float:
        tag = f"seen-{time.monotonic_ns()}"
        organise.tag(library, [model], [tag])
        path = place.mountpoint / "by-tag" / tag / model.entry_name
        return timed(lambda: wait_until(path.exists))

    figures.values["tag_visible_ms"] = median_of(rounds, once) * 1000


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll until something holds."""
    while not condition():
        time.sleep(0.002)


class OtherReader:
    """Somebody who opens and reads one file again and again, and how long it took at worst."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stopping = threading.Event()
        self.worst_s = 0.0
        self.typical_s = 0.0
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "OtherReader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _read(self) -> None:
        took = []
        while not self._stopping.is_set():
            took.append(timed(self._path.read_bytes))
            time.sleep(0.001)
        self.worst_s, self.typical_s = max(took), statistics.median(took)


def measure_stalls(place: Place, figures: Figures, library: Library) -> None:
    """Read one file while everything is listed, and while a tenth of all models change at once."""
    model = select.matching(library, "category:vae")[0]
    path = place.mountpoint / "by-category" / "image" / "vae" / model.entry_name
    with OtherReader(path) as reader:
        list_all(place.mountpoint)
    figures.values["stall_listing_ms"] = reader.worst_s * 1000
    figures.values["read_while_listing_ms"] = reader.typical_s * 1000
    chosen = select.matching(library, "category:lora")[: max(1, figures.models // 10)]
    shown = place.mountpoint / "by-tag" / "all-at-once" / chosen[-1].entry_name
    with OtherReader(path) as reader:
        organise.tag(library, chosen, ["all-at-once"])
        figures.values["big_change_visible_ms"] = timed(lambda: wait_until(shown.exists)) * 1000
    figures.values["stall_change_ms"] = reader.worst_s * 1000


def memory_mb(pid: int) -> float:
    """Return a process's resident memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def measure(models: int, folder: Path, rounds: int) -> Figures:
    """Make a library of this many models and measure everything."""
    figures = Figures(models)
    place = Place(folder)
    with place.library() as library:
        started = time.perf_counter()
        figures.files = generate(library, models)
        values = figures.values
        values["load_before"] = os.getloadavg()[0]
        values["generate_s"] = time.perf_counter() - started
        values["catalogue_mb"] = library.paths.catalog.stat().st_size / 1e6

        def mount() -> float:
            stop(library, lazy=False)
            return place.command("mount")

        values["mount_s"] = median_of(rounds, mount)
        pid = mount_state(library.paths).pid
        assert pid is not None
        values["rss_ready_mb"] = memory_mb(pid)
        measure_listing(place, figures, pid, rounds)
        values["rss_mb"] = memory_mb(pid)
        measure_lookups(place, figures)
        measure_commands(place, figures, library, rounds)
        measure_visible(place, figures, library, rounds)
        measure_stalls(place, figures, library)
        values["rss_end_mb"] = memory_mb(pid)
        values["load_after"] = os.getloadavg()[0]
    return figures


def table(found: list[Figures]) -> Iterator[str]:
    """Give the figures as lines, a column for each size."""
    yield f"{'models':24}" + "".join(f"{each.models:>12}" for each in found)
    yield f"{'files':24}" + "".join(f"{each.files:>12}" for each in found)
    for name in found[0].values:
        yield f"{name:24}" + "".join(f"{each.values[name]:>12.4g}" for each in found)


def verdicts(found: list[Figures]) -> Iterator[str]:
    """Say of each bar whether it is held, at every size."""
    for bar in BARS:
        for each in found:
            value = each.values[bar.figure]
            word = "held" if value <= bar.limit else "NOT HELD"
            yield f"{word:9} {each.models:>7} models: {bar.why}: {value:.3g} of {bar.limit:g}"
    for name, allowed in INDEPENDENT:
        values = [each.values[name] for each in found]
        growth = max(values) / values[0]
        word = "held" if growth <= allowed else "NOT HELD"
        yield f"{word:9} {name} grows {growth:.2f} times from {found[0].models} models on"


def main() -> None:
    """Measure each size and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=int, nargs="+")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--folder", type=Path, help="make the libraries below this folder")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found = []
    for models in sorted(arguments.models):
        with tempfile.TemporaryDirectory(prefix="modelfs-scale-", dir=arguments.folder) as folder:
            found.append(measure(models, Path(folder), arguments.rounds))
        sys.stdout.write("\n".join(table(found)) + "\n\n")
        sys.stdout.flush()
    sys.stdout.write("\n".join(verdicts(found)) + "\n")
    if arguments.json:
        document = [{"models": f.models, "files": f.files, **f.values} for f in found]
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
