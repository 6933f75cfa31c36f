"""Killed or failed at any system call: the old state or the new one, and nothing that stays.

The counter of strace is per system call, so each call's own counter is swept until a run completes.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.conftest import Disk, bring, content, make_library, write
from core.processes import run, strace
from core.soundness import assert_named_bytes_are_there, assert_sound, every_model, stored
from modelfs.catalog import edit
from modelfs.library import Library, open_library

SIZE_BYTES = 30_000
KILL = -9


class Stage:
    """An old library, and a folder of files to bring in; each attempt starts from a copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.old = write(folder / "old.gguf", content("old", SIZE_BYTES))
        with make_library(folder / "first") as library:
            bring(library, self.old)
        self.attempts = 0

    def again(self) -> tuple[Path, Path]:
        """Return a fresh store and a fresh source: a model of two files, one of them known."""
        self.attempts += 1
        place = self.folder / str(self.attempts)
        shutil.copytree(self.folder / "first" / "store", place / "store", symlinks=True)
        write(place / "new" / "a.gguf", content("new", SIZE_BYTES))
        write(place / "new" / "b.gguf", content("old", SIZE_BYTES))
        return place / "store", place / "new"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def sweep(calls: list[tuple[str, int]], fault: str) -> Iterator[tuple[str, int, str]]:
    """Give every call and number with the fault to plant there."""
    for call, count in calls:
        for number in range(1, count + 1):
            yield call, number, f"{fault}:when={number}"


def names(library: Library) -> set[str]:
    return {model.entry_name for model in every_model(library)}


def assert_old_or_new(store: Path) -> None:
    """Nothing between: the new model is wholly there, or not at all; the old one always is."""
    with open_library(store) as library:
        assert names(library) in ({"old.gguf"}, {"old.gguf", "a.gguf"})
    assert_sound(store)


def bring_again(store: Path, source: Path) -> None:
    """The same command succeeds afterwards, and the bytes are right."""
    again = run("add", store, source / "a.gguf")
    assert again.returncode == 0, again.stderr
    with open_library(store) as library:
        (new,) = (model for model in every_model(library) if model.entry_name == "a.gguf")
        assert stored(library, new) == {"a.gguf": content("new", SIZE_BYTES)}
    assert_sound(store)


def kill_sweep(stage: Stage, calls: list[tuple[str, int]]) -> None:
    for call, _, fault in sweep(calls, "signal=KILL"):
        store, source = stage.again()
        done = run("add", store, source / "a.gguf", prefix=strace(call, fault))
        assert done.returncode in (KILL, 128 + 9), f"{call} {fault}: {done.stderr}"
        assert_old_or_new(store)
        bring_again(store, source)


def test_killed_at_the_calls_that_order_an_addition(stage: Stage) -> None:
    kill_sweep(
        stage,
        [
            ("copy_file_range", 1),
            ("fallocate", 1),
            ("fchmod", 1),
            ("fsync", 2),
            ("renameat2", 1),
            ("fdatasync", 2),
            ("pwrite64", 2),
        ],
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("call", "step"), [("pwrite64", 4), ("flock", 1), ("fsync", 1), ("fdatasync", 1), ("unlink", 1)]
)
def test_killed_at_every_call_of_an_addition(stage: Stage, call: str, step: int) -> None:
    """Of the many small writes of SQLite only every fourth."""
    for number in range(1, 500, step):
        store, source = stage.again()
        fault = f"signal=KILL:when={number}"
        done = run("add", store, source / "a.gguf", prefix=strace(call, fault))
        if done.returncode == 0:
            assert number > 1, f"{call} never happened"
            return
        assert_old_or_new(store)
        bring_again(store, source)
    pytest.fail(f"{call}: no run completed")


@pytest.mark.parametrize(
    ("call", "number"),
    [("mkdir", 2), ("mkdir", 100), ("fdatasync", 1), ("pwrite64", 9), ("rename", 1)],
)
def test_killed_while_a_library_is_created(tmp_path: Path, call: str, number: int) -> None:
    store = tmp_path / "store"
    source = write(tmp_path / "a.gguf", content("a"))
    fault = f"signal=KILL:when={number}"
    done = run("create", store, prefix=strace(call, fault))
    assert done.returncode in (KILL, 128 + 9), done.stderr
    again = run("create-and-add", store, source)
    assert again.returncode == 0, again.stderr
    assert_sound(store)


ERRORS = [
    ("copy_file_range", "ENOSPC", "NoSpace"),
    ("copy_file_range", "EIO", "Damaged"),
    ("fallocate", "ENOSPC", "NoSpace"),
    ("fsync", "EIO", "Damaged"),
    ("fsync", "EDQUOT", "NoSpace"),
    ("renameat2", "ENOSPC", "NoSpace"),
    ("fdatasync", "EIO", "Failed"),
    ("pwrite64", "ENOSPC", "NoSpace"),
    ("pwrite64", "EIO", "Failed"),
]


@pytest.mark.parametrize(("call", "error", "said"), ERRORS)
def test_a_failing_call_is_explained_and_harms_nothing(
    stage: Stage, call: str, error: str, said: str
) -> None:
    store, source = stage.again()
    first = 12 if call == "pwrite64" else 1  # past the shared memory, which any reader makes
    fault = f"error={error}:when={first}+"
    done = run("add", store, source / "a.gguf", prefix=strace(call, fault))
    assert done.stderr.startswith(f"{said}: "), done.stderr
    assert "Traceback" not in done.stderr
    assert_old_or_new(store)
    bring_again(store, source)


def test_an_fsync_that_fails_once_fails_the_addition_and_not_the_next(stage: Stage) -> None:
    """A second fsync would say that all is well, and the bytes would be gone."""
    store, source = stage.again()
    done = run("add", store, source / "a.gguf", prefix=strace("fsync", "error=EIO:when=1"))
    assert done.returncode == 1, done.stderr
    assert_old_or_new(store)
    bring_again(store, source)


def test_the_second_fsync_failing_leaves_no_name_without_bytes(stage: Stage) -> None:
    """It is the folder's: the blob may be there, but nothing may name it."""
    store, source = stage.again()
    done = run("add", store, source / "a.gguf", prefix=strace("fsync", "error=EIO:when=2"))
    assert done.returncode == 1, done.stderr
    with open_library(store) as library:
        assert names(library) == {"old.gguf"}
    assert_sound(store)


@pytest.mark.parametrize("errno", ["EXDEV", "ENOSYS", "EOPNOTSUPP", "EINVAL"])
def test_without_a_copy_in_the_kernel_the_bytes_are_copied_by_hand(
    stage: Stage, errno: str
) -> None:
    store, source = stage.again()
    done = run("add", store, source / "a.gguf", prefix=strace("copy_file_range", f"error={errno}"))
    assert done.returncode == 0, done.stderr
    with open_library(store) as library:
        assert names(library) == {"old.gguf", "a.gguf"}
    assert_sound(store)


@pytest.mark.parametrize("errno", ["EINVAL", "ENOSYS"])
def test_without_renameat2_a_link_enters_the_blob(stage: Stage, errno: str) -> None:
    store, source = stage.again()
    done = run("add", store, source / "a.gguf", prefix=strace("renameat2", f"error={errno}"))
    assert done.returncode == 0, done.stderr
    assert_sound(store)


def test_without_fallocate_the_bytes_are_written_all_the_same(stage: Stage) -> None:
    store, source = stage.again()
    done = run("add", store, source / "a.gguf", prefix=strace("fallocate", "error=EOPNOTSUPP"))
    assert done.returncode == 0, done.stderr
    assert_sound(store)


def test_a_source_that_cannot_be_read_is_named(stage: Stage) -> None:
    store, source = stage.again()
    broken = source / "a.gguf"
    calls = "read,pread64,preadv,preadv2,copy_file_range"
    done = run("add", store, broken, prefix=strace(calls, "error=EIO", only=broken))
    assert done.returncode == 1
    assert "a.gguf" in done.stderr, done.stderr
    assert_old_or_new(store)


def test_killed_while_collecting_loses_nothing_and_the_next_one_ends_it(stage: Stage) -> None:
    for call in ("fdatasync", "rename", "unlink"):
        store, source = stage.again()
        with open_library(store) as library:
            (gone,) = bring(library, write(source / "gone.gguf", content("gone")))
            with library.catalog.write():
                edit.forget(library.catalog, gone.model)
        done = run("gc", store, prefix=strace(call, "signal=KILL:when=1"))
        assert done.returncode in (KILL, 128 + 9), f"{call}: {done.stderr}"
        assert_old_or_new(store)
        bring_again(store, source)


def test_killed_while_recovering_from_a_kill(stage: Stage) -> None:
    store, source = stage.again()
    for call, number in (("fdatasync", 1), ("fdatasync", 1), ("renameat2", 1), ("pwrite64", 3)):
        fault = f"signal=KILL:when={number}"
        run("add", store, source / "a.gguf", prefix=strace(call, fault))
        with open_library(store) as library:
            assert_named_bytes_are_there(library)
    bring_again(store, source)


def test_what_was_added_survives_a_power_cut(tmp_path: Path, disk: Disk) -> None:
    """The disk as it is on the platter right after ``add`` returned, without any later sync."""
    place = disk("ext4", 48)
    image = place.with_suffix(".img")
    with make_library(place) as library:
        (added,) = bring(library, write(tmp_path / "a.gguf", content("a", 3 << 20)))
        cut = tmp_path / "cut.img"
        subprocess.run(["cp", "--sparse=always", str(image), str(cut)], check=True)
    after = tmp_path / "after"
    after.mkdir()
    subprocess.run(["mount", "-o", "loop", str(cut), str(after)], check=True)
    try:
        with open_library(after / "store") as library:
            (model,) = every_model(library)
            assert model.name == added.model.name
            assert stored(library, model) == {"a.gguf": content("a", 3 << 20)}
        assert_sound(after / "store")
    finally:
        subprocess.run(["umount", "-l", str(after)], check=True)
