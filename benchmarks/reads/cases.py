"""The cases: what is done with the file, the same way on each side.

Cases of one session share a mount, in the order in which they stand: the warm ones read what an
earlier one has brought into memory, as a person's second program does.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from benchmarks import peers
from benchmarks.place import Place
from benchmarks.reads.sides import Kind

READER = Path(__file__).with_name("reader.py")
State = Literal["cold", "new", "warm"]
"""What is in memory before. ``cold``: nothing. ``new``: the blob, and nothing in the name of what
shows it. ``warm``: what the cases before have brought there."""


@dataclass(frozen=True, slots=True)
class Done:
    """What one run of a case gave."""

    amount: float
    """Bytes, or reads."""
    seconds: float
    processor_s: float
    """Of the reader."""


@dataclass(frozen=True, slots=True)
class Case:
    """Something to do with the file."""

    name: str
    what: str
    state: State
    run: Callable[[Place, Path, float], Done]
    """The last argument is how many seconds a case takes that has no end of its own."""
    needs: Callable[[], None]
    """Raises Missing where it cannot be run."""
    unit: Literal["GB/s", "k/s"] = "GB/s"
    file: Kind = "safetensors"
    reads_ahead: bool = False
    """Whether it goes from start to end of a file that is in memory but not in the mount's name,
    so that the kernel's reading ahead is what counts."""


def _by_reader(place: Place, file: Path, _: float, *, how: str) -> Done:
    return Done(**json.loads(place.output([sys.executable, READER, how, file])))


def _by_fio(place: Place, file: Path, seconds: float, *, block: str, readers: int) -> Done:
    """Read at random places, without a hint to the kernel, for no program that loads gives one.

    fio itself would take the file out of memory before (``invalidate``), and measure each read's
    time (``gtod_reduce``), which costs as much as a read that finds its page.
    """
    command = [
        *("fio", "--output-format=json", "--name=reads", "--readonly", "--rw=randread"),
        "--filename=" + str(file).replace(":", r"\:"),
        *(f"--size={file.stat().st_size}", f"--bs={block}", f"--numjobs={readers}"),
        *("--ioengine=psync", "--norandommap", "--fadvise_hint=0", "--invalidate=0"),
        *("--gtod_reduce=1", "--group_reporting", "--time_based"),
        *(f"--runtime={int(seconds * 1000)}ms", f"--ramp_time={int(seconds * 200)}ms"),
    ]
    (job,) = json.loads(place.output(command))["jobs"]
    took_s = job["read"]["runtime"] / 1000
    amount = job["read"]["iops" if block == "4k" else "bw_bytes"] * took_s
    busy_share = (job["usr_cpu"] + job["sys_cpu"]) / 100
    return Done(amount, took_s, busy_share * job["job_runtime"] / 1000)


def _random(block: str, readers: int, state: State = "warm") -> Case:
    size = {"4k": "4 KiB", "1m": "1 MiB"}[block]
    return Case(
        f"{block}-{readers}" + ("-cold" if state == "cold" else ""),
        f"random reads of {size}, {readers} reader{'s' * (readers > 1)}",
        state,
        partial(_by_fio, block=block, readers=readers),
        partial(peers.need, "fio"),
        "k/s" if block == "4k" else "GB/s",
    )


def _whole(name: str, what: str, state: State, how: str, *modules: str) -> Case:
    return Case(
        name,
        what,
        state,
        partial(_by_reader, how=how),
        partial(peers.need_modules, *modules),
        file="gguf" if how == "gguf" else "safetensors",
        reads_ahead=state == "new",
    )


SESSIONS: tuple[tuple[Case, ...], ...] = (
    (
        _whole("cold", "from start to end", "cold", "read"),
        _random("4k", 1, "cold"),
        _random("4k", 8, "cold"),
    ),
    (
        _whole("first", "from start to end", "new", "read"),
        _whole("again", "from start to end", "warm", "read"),
        *(_random(block, readers) for block in ("4k", "1m") for readers in (1, 8)),
    ),
    (
        _whole("map", "mapped, a byte a page", "new", "map", "numpy"),
        _whole("map-again", "mapped, a byte a page", "warm", "map", "numpy"),
        _whole(
            "safetensors", "safe_open, all tensors", "new", "safetensors", "numpy", "safetensors"
        ),
        _whole("gguf", "GGUFReader, tensors copied", "new", "gguf", "numpy", "gguf"),
    ),
)
CASES = tuple(case for session in SESSIONS for case in session)
