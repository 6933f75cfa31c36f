"""The order in which things reach the disk, as the kernel sees it: what a power cut relies on.

A power cut at the wrong moment is rare, and a page cache forgives much. So every system call that
changes something is written down, and each must come in its turn.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.conftest import content, write
from core.processes import command, environment, run
from faults.injection import CHANGING, WRITE, run_untouched

SYNC = ("fsync", "fdatasync")
MOVING = ("rename", "renameat", "renameat2")
LEAVING = "/staging/gone-"
"""What is on its way out may come back after a power cut: it is only swept again."""


@dataclass(frozen=True)
class Call:
    """One system call that succeeded, and the paths in it."""

    name: str
    paths: tuple[str, ...]

    def touches(self, paths: set[str]) -> bool:
        """Say whether it changes one of these files."""
        return self.name not in (*SYNC, *MOVING, "linkat") and not paths.isdisjoint(self.paths)


class Trace:
    """The calls of one run, in their order."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls

    def moves(self) -> Iterator[tuple[int, str, str]]:
        """Give each rename: when, from where, to where."""
        for when, call in enumerate(self.calls):
            if call.name in MOVING:
                yield when, *call.paths[-2:]  # type: ignore[misc]

    def first(self, names: Sequence[str], path: str, start: int) -> int | None:
        """Return when the first of such calls to a path comes, from ``start`` on."""
        places = enumerate(self.calls[start:], start)
        return next((at for at, c in places if c.name in names and path in c.paths), None)

    def is_synced(self, path: str, start: int, end: int | None) -> bool:
        """Say whether a path is synced from ``start`` on and before ``end``."""
        at = self.first(SYNC, path, start)
        return at is not None and (end is None or at < end)

    def last_change(self, paths: set[str], end: int) -> int | None:
        """Return when a file was changed last before ``end``."""
        return next((at for at in range(end - 1, -1, -1) if self.calls[at].touches(paths)), None)

    def names_of(self, path: str, end: int) -> set[str]:
        """Return a file's names: this one, and what it was linked from."""
        linked = {c.paths[-2] for c in self.calls[:end] if c.name == "linkat" and path in c.paths}
        return {path, *linked}


def traced(tmp_path: Path, *arguments: str | Path) -> Trace:
    """Run the driver and write down what it asks of the kernel."""
    log = tmp_path / "trace"
    outcome, _ = run_untouched(command(*arguments), environment(), log, PATHS)
    assert outcome.code == 0, outcome.said
    found = re.findall(r"^\d+ +(\w+)\((.*)\) += \d", log.read_text(), re.MULTILINE)
    return Trace([Call(name, tuple(re.findall(r'(?<=["<])/[^">]+', text))) for name, text in found])
