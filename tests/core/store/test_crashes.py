"""Single calls that fail in a way of their own: what is said about it, and what is done instead.

Killed and failed at every call of every command: ``tests/faults``.
"""

import shutil
from pathlib import Path

import pytest

from core.conftest import bring, content, make_library, write
from core.processes import run, strace
from core.soundness import assert_sound, every_model, stored
from modelfs.library import Library, open_library

SIZE_BYTES = 30_000


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


ERRORS = [
    ("pwritev2", "ENOSPC", "NoSpace"),
    ("pwritev2", "EIO", "Damaged"),
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


@pytest.mark.parametrize("errno", ["ENOSYS", "EIO"])
def test_where_writing_cannot_be_started_early_the_fsync_does_it_all(
    stage: Stage, errno: str
) -> None:
    store, source = stage.again()
    log = stage.folder / "calls"
    prefix = [*strace("sync_file_range", f"error={errno}"), "-o", str(log)]
    done = run("add", store, source / "a.gguf", prefix=prefix)
    assert done.returncode == 0, done.stderr
    assert f"{errno}" in log.read_text(), "it was never asked for"
    with open_library(store) as library:
        assert names(library) == {"old.gguf", "a.gguf"}
    assert_sound(store)


def test_an_interrupted_rename_is_done_again(stage: Stage) -> None:
    """Python's own calls go on after a signal; renameat2 is called past them."""
    store, source = stage.again()
    fault = "error=EINTR:when=1"
    done = run("add", store, source / "a.gguf", prefix=strace("renameat2", fault))
    assert done.returncode == 0, done.stderr
    assert_old_or_new(store)


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
    calls = "read,pread64,preadv,preadv2"
    done = run("add", store, broken, prefix=strace(calls, "error=EIO", only=broken))
    assert done.returncode == 1
    assert "a.gguf" in done.stderr, done.stderr
    assert_old_or_new(store)
