"""The order in which things reach the disk, as the kernel sees it: what a power cut relies on.

A cut at the one wrong moment is rare, and a page cache forgives much. So every call that changes
something is written down, and each must come in its turn.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.conftest import bring, content, make_library, write
from core.processes import command, environment
from core.soundness import every_model
from faults.injection import CHANGING, COPY, FSYNC, LINK, MKDIR, RENAME, UNLINK
from modelfs.catalog import edit

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

    def synced(self, paths: set[str], start: int) -> int:
        """Return when a file or folder is synced next, from ``start`` on."""
        return self.first(
            start, lambda call: call.name in FSYNC and not paths.isdisjoint(call.paths)
        )

    def logged(self, start: int) -> int:
        """Return when the catalogue's log is written to next, from ``start`` on."""
        return self.first(
            start, lambda call: call.name not in FSYNC and call.paths[-1].endswith(WAL)
        )

    def names(self, path: str, end: int) -> set[str]:
        """Return the names of a file at that time, what it was linked from among them."""
        linked = (call.paths for call in self.calls[:end] if call.name in LINK)
        return {path, *(paths[-2] for paths in linked if paths[-1] == path)}

    def changed_before(self, paths: set[str], end: int) -> int | None:
        """Return when a file was changed last before ``end``; None if this run never did."""
        times = (at for at in range(end - 1, -1, -1) if self.calls[at].changes(paths))
        return next(times, None)

    def assert_catalogue_is_durable(self, when: int) -> None:
        """What was written to the catalogue's log before ``when`` was synced before it."""
        written = next(at for at in range(when, -1, -1) if self.calls[at].paths[-1].endswith(WAL))
        assert self.calls[written].name in FSYNC


def trace(log: Path, *arguments: str | Path) -> Trace:
    """Run the driver and write down what it changes."""
    calls = ",".join(CHANGING)
    strace = ["strace", "-f", "-y", "-qq", "-s", "0", "--seccomp-bpf", "-e", "signal=none"]
    done = subprocess.run(
        [*strace, "-e", f"trace={calls}", "-o", str(log), *command(*arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = re.findall(r"^\d+ +(\w+)\((.*)\) += \d", log.read_text(), re.MULTILINE)
    seen = [Call(name, _paths(name, arguments)) for name, arguments in lines]
    return Trace([call for call in seen if call.paths])


def _paths(name: str, arguments: str) -> tuple[str, ...]:
    # strace also says in <> which folder AT_FDCWD is; the paths here are absolute all the same.
    shape = r'"(/[^"]+)"' if name in RENAME + LINK + UNLINK else r'[<"](/[^">]+)'
    return tuple(re.findall(shape, arguments))


def a_new_library(place: Path) -> list[str | Path]:
    return ["create", place / "deep" / "store"]


def a_model_is_added(place: Path) -> list[str | Path]:
    make_library(place).close()
    return ["add", place / "store", write(place / "a.gguf", content("a"))]


def a_model_is_added_whose_first_adder_died(place: Path) -> list[str | Path]:
    """Its blob has its name, and nobody knows whether that is durable."""
    with make_library(place / "other") as library:
        bring(library, write(place / "a.gguf", content("a")))
        blob = library.store.path(every_model(library)[0].files[0].blob)
    make_library(place).close()
    shutil.copy2(blob, place / "store" / "blobs" / blob.parent.name / blob.name)
    return ["add", place / "store", place / "a.gguf"]


def a_snapshot_is_taken(place: Path) -> list[str | Path]:
    with make_library(place) as library:
        bring(library, write(place / "a.gguf", content("a")))
    for snapshot in (place / "store").glob("**/catalog-*"):
        snapshot.unlink()
    return ["tag", place / "store", "a.gguf", "kept"]


def a_model_is_moved_in(place: Path) -> list[str | Path]:
    make_library(place).close()
    return ["move", place / "store", write(place / "in" / "a.gguf", content("a"))]


def a_move_is_undone(place: Path) -> list[str | Path]:
    with make_library(place) as library:
        bring(library, write(place / "in" / "a.gguf", content("a")), move=True)
    (place / "in").rmdir()
    return ["undo", place / "store"]


def damage_is_set_aside(place: Path) -> list[str | Path]:
    with make_library(place) as library:
        bring(library, write(place / "a.gguf", content("a")))
        blob = library.store.path(every_model(library)[0].files[0].blob)
    blob.chmod(0o644)
    blob.write_bytes(b"other")
    return ["verify", place / "store"]


def a_stray_blob_comes_home(place: Path) -> list[str | Path]:
    with make_library(place) as library:
        bring(library, write(place / "a.gguf", content("a")))
        blob = library.store.path(every_model(library)[0].files[0].blob)
    astray = "00" if blob.parent.name != "00" else "01"
    blob.rename(blob.parents[1] / astray / blob.name)
    return ["verify", place / "store"]


def a_setting_is_changed(place: Path) -> list[str | Path]:
    make_library(place).close()
    return ["config", place / "store", "reserve=1GB"]


Case = Callable[[Path], list[str | Path]]
EVERY: tuple[Case, ...] = (
    a_new_library,
    a_model_is_added,
    a_model_is_moved_in,
    a_snapshot_is_taken,
    a_move_is_undone,
    damage_is_set_aside,
    a_stray_blob_comes_home,
    a_setting_is_changed,
)
every_case = pytest.mark.parametrize("case", EVERY, ids=lambda case: case.__name__)


@every_case
def test_bytes_come_before_their_name_and_the_name_before_the_catalogue(
    tmp_path: Path, case: Case
) -> None:
    seen = trace(tmp_path / "trace", *case(tmp_path / "place"))
    assert seen.moves()
    for when, source, target in seen.moves():
        names = seen.names(source, when)
        changed = seen.changed_before(names, when)
        assert changed is None or seen.synced(names, changed) < when, f"{source} is not durable"
        folder = seen.synced({str(Path(target).parent)}, when)
        assert folder < len(seen.calls), f"the name {target} is not durable"
        assert folder < seen.logged(when), f"the catalogue names {target} too early"


@every_case
def test_a_new_folder_is_durable_in_the_folder_that_names_it(tmp_path: Path, case: Case) -> None:
    seen = trace(tmp_path / "trace", *case(tmp_path / "place"))
    for when, call in enumerate(seen.calls):
        if call.name in MKDIR:
            above = str(Path(call.paths[-1]).parent)
            assert seen.synced({above}, when) < len(seen.calls), call.paths[-1]


@pytest.mark.parametrize("case", [damage_is_set_aside, a_stray_blob_comes_home])
def test_what_is_moved_is_durably_gone_from_where_it_was(tmp_path: Path, case: Case) -> None:
    seen = trace(tmp_path / "trace", *case(tmp_path / "place"))
    ((when, source, _),) = (move for move in seen.moves() if "/blobs/" in move[1])
    assert seen.synced({str(Path(source).parent)}, when) < seen.logged(when)


def test_a_name_that_another_gave_is_durable_before_the_catalogue_has_it(tmp_path: Path) -> None:
    arguments = a_model_is_added_whose_first_adder_died(tmp_path / "place")
    seen = trace(tmp_path / "trace", *arguments)
    (blob,) = (tmp_path / "place" / "store" / "blobs").glob("*/*")
    assert seen.synced({str(blob.parent)}, 0) < seen.logged(0) < len(seen.calls)


def test_an_original_goes_after_the_catalogue_has_its_model(tmp_path: Path) -> None:
    seen = trace(tmp_path / "trace", *a_model_is_moved_in(tmp_path / "place"))
    original = str(tmp_path / "place" / "in" / "a.gguf")
    gone = seen.first(0, lambda call: call.name in UNLINK and call.paths[-1] == original)
    seen.assert_catalogue_is_durable(gone)
    entered = seen.first(0, lambda call: call.name in RENAME and "/blobs/" in call.paths[-1])
    assert entered < seen.logged(entered) < gone
    assert seen.synced({str(tmp_path / "place" / "in")}, gone) < len(seen.calls)


def test_a_blob_goes_after_the_catalogue_has_forgotten_it(tmp_path: Path) -> None:
    with make_library(tmp_path) as library:
        (added,) = bring(library, write(tmp_path / "a.gguf", content("a")))
        with library.catalog.write():
            edit.forget(library.catalog, added.model)
    seen = trace(tmp_path / "trace", "gc", tmp_path / "store")
    gone = seen.first(0, lambda call: ON_ITS_WAY_OUT in call.paths[-1])
    assert gone < len(seen.calls)
    seen.assert_catalogue_is_durable(gone)
