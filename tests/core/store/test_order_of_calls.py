"""The order in which things reach the disk, as the kernel sees it: what a power cut relies on.

A cut at the one wrong moment is rare, and a page cache forgives much. So every call that changes
something is written down, and each must come in its turn.
"""

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.conftest import bring, content, make_library, write
from core.processes import command, environment
from core.soundness import every_model
from faults.injection import CHANGING, COPY, FSYNC, LINK, MKDIR, RENAME
from modelfs.library import open_library

WAL = "catalog.sqlite3-wal"
ON_ITS_WAY_OUT = "/staging/gone-"
"""What has been withdrawn may come back after a power cut: it is only swept again."""


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that succeeded, and the paths in it, those of its descriptors too."""

    name: str
    paths: tuple[str, ...]

    def changes(self, paths: set[str]) -> bool:
        """Say whether it writes to one of these files or changes how it looks."""
        target = self.paths[-1:] if self.name in COPY else self.paths
        return self.name not in FSYNC + RENAME + LINK and not paths.isdisjoint(target)


@dataclass(frozen=True, slots=True)
class Trace:
    """The calls of one run, in their order."""

    calls: Sequence[Call]

    def moves(self) -> list[tuple[int, str, str]]:
        """Return each rename: when, from where, to where."""
        return [
            (when, call.paths[-2], call.paths[-1])
            for when, call in enumerate(self.calls)
            if call.name in RENAME and ON_ITS_WAY_OUT not in call.paths[-1]
        ]

    def first(self, start: int, wanted: Callable[[Call], bool]) -> int:
        """Return when the first such call comes, from ``start`` on; the end if there is none."""
        return next(
            (at for at in range(start, len(self.calls)) if wanted(self.calls[at])), len(self.calls)
        )

    def synced(self, path: str, start: int) -> int:
        """Return when a path is synced next, from ``start`` on."""
        return self.first(start, lambda call: call.name in FSYNC and path in call.paths)

    def written_to_log(self, start: int) -> int:
        """Return when the catalogue's log is written to next, from ``start`` on."""
        return self.first(
            start, lambda call: call.name not in FSYNC and call.paths[0].endswith(WAL)
        )

    def changed_before(self, path: str, end: int) -> int | None:
        """Return when a file was changed last before ``end``, under any name; None if it was not."""
        names = {path} | {
            call.paths[-2]
            for call in self.calls[:end]
            if call.name in LINK and call.paths[-1] == path
        }
        changes = (at for at in range(end - 1, -1, -1) if self.calls[at].changes(names))
        return next(changes, None)
