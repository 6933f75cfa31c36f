"""Faults at chosen system calls of a process, by strace: killed there, or told of an error.

The number of a call counts that very call in one thread, from the start of the process. How often
each call happens is counted in a run that nothing touches; a sweep goes through all of these.
"""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

WRITE = ("write", "pwrite64", "writev", "pwritev", "pwritev2")
FSYNC = ("fsync", "fdatasync")
RENAME = ("rename", "renameat", "renameat2")
LINK = ("link", "linkat")
UNLINK = ("unlink", "unlinkat", "rmdir")
FALLOCATE = ("fallocate",)
COPY = ("copy_file_range", "sync_file_range")
MKDIR = ("mkdir", "mkdirat")
TRUNCATE = ("ftruncate",)
CHMOD = ("fchmod", "chmod", "fchmodat")
LOCK = ("flock",)
TIMES = ("utimensat",)
ORDERING = FSYNC + RENAME + LINK + UNLINK
"""What puts an operation's steps in their order."""
CHANGING = WRITE + ORDERING + FALLOCATE + COPY + MKDIR + TRUNCATE + CHMOD + TIMES
"""Everything that changes a disk."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at a call, instead of it."""

    name: str
    effect: str
    lasting: bool = False
    """Whether it happens at every such call from there on."""

    @property
    def kills(self) -> bool:
        """Whether the process is dead afterwards."""
        return self.effect.startswith("signal=")


KILL = Fault("KILL", "signal=KILL")
ENOSPC = Fault("ENOSPC", "error=ENOSPC")
EIO = Fault("EIO", "error=EIO")
EINTR = Fault("EINTR", "error=EINTR")


def from_then_on(fault: Fault) -> Fault:
    """Return the fault that does not go away again: a disk that is full, or dead."""
    return replace(fault, name=f"{fault.name} from then on", lasting=True)


@dataclass(frozen=True, slots=True)
class Point:
    """One fault at one call."""

    fault: Fault
    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.fault.name} at {self.call} {self.number}"

    def prefix(self, log: Path) -> list[str]:
        """Return the command line to put before the program's; the log tells what was struck."""
        when = f"when={self.number}{'+' if self.fault.lasting else ''}"
        inject = ["-e", f"inject={self.call}:{self.fault.effect}:{when}"]
        # Of strace 6.1 a signal is lost where seccomp-bpf stops the process: slower, but struck.
        quick = [] if self.fault.kills else _QUICK
        return [*_strace([self.call], log), *quick, *inject]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run with a fault ended."""

    code: int
    said: str
    """Its standard error."""
    struck: bool
    """Whether the fault happened at all."""

    @property
    def killed(self) -> bool:
        """Whether it died of SIGKILL; a shell's 137 counts."""
        return self.code in (-9, 137)


_QUICK = ["--seccomp-bpf"]
"""Only the calls that are traced stop the process, so that it runs at nearly full speed."""


def _strace(calls: Iterable[str], log: Path) -> list[str]:
    trace = ["-e", f"trace={','.join(calls)}", "-e", "signal=none", "-s", "0"]
    return ["strace", "-f", "-qq", "-o", str(log), *trace]


def run_with(
    point: Point, command: Sequence[str], environment: Mapping[str, str], log: Path
) -> Outcome:
    """Run a command with a fault planted, to its end."""
    done = _run([*point.prefix(log), *command], environment)
    struck = point.fault.kills and done.returncode in (-9, 137)
    return Outcome(done.returncode, done.stderr, struck or "(INJECTED)" in log.read_text())


def run_untouched(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> tuple[Outcome, Counter[str]]:
    """Run a command and count each call that changes a disk, in the thread that makes most."""
    done = _run([*_strace(CHANGING + LOCK, log), *_QUICK, *command], environment)
    seen = Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(), re.MULTILINE))
    counts: Counter[str] = Counter()
    for (_, call), times in seen.items():
        counts[call] = max(counts[call], times)
    return Outcome(done.returncode, done.stderr, struck=False), counts


def run_plainly(command: Sequence[str], environment: Mapping[str, str]) -> Outcome:
    """Run a command without any fault."""
    done = _run(command, environment)
    return Outcome(done.returncode, done.stderr, struck=False)


def _run(
    command: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def points(
    counts: Mapping[str, int],
    calls: Iterable[str],
    faults: Iterable[Fault],
    steps: Mapping[str, int] | None = None,
) -> list[Point]:
    """Return every place for these faults in a run of so many calls; of some only each Nth."""
    return [
        Point(fault, call, number)
        for fault in faults
        for call in calls
        for number in range(1, counts.get(call, 0) + 1, (steps or {}).get(call, 1))
    ]


def sweep(trial: Callable[[Point], None], chosen: Sequence[Point]) -> None:
    """Try every point, as many at once as there are processors; fail with all that failed."""

    def attempt(point: Point) -> str | None:
        try:
            trial(point)
        except Exception as error:
            return f"{point}: {type(error).__name__}: {error}"
        return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failures = [text for text in pool.map(attempt, chosen) if text]
    shown = "\n\n".join(failures[:8])
    assert not failures, f"{len(failures)} of {len(chosen)} points failed\n{shown}"
