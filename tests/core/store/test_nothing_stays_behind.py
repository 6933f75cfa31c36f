"""What an addition or a sweep leaves behind: nothing in ``staging/``, and nothing open."""

import os
from pathlib import Path

import pytest

from core.conftest import bring, content, write
from modelfs.errors import NoSpace
from modelfs.library import Library
from modelfs.library.collect import collect, plan_collection


def descriptors() -> list[str]:
    """Return what this process has open."""
    return sorted(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("move", [False, True])
def test_an_addition_leaves_nothing_behind(library: Library, tmp_path: Path, move: bool) -> None:
    before = descriptors()
    bring(library, write(tmp_path / "a.gguf", content("a")), move=move)
    bring(library, write(tmp_path / "again.gguf", content("a")), move=move)
    assert descriptors() == before
    assert os.listdir(library.paths.staging) == []


def test_an_addition_that_fails_leaves_nothing_behind(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int, size_bytes: int) -> None:
        raise NoSpace("no space is left", "free some")

    monkeypatch.setattr("modelfs.durable.preallocate", fail)
    monkeypatch.setattr("modelfs.durable.clone", lambda source, target: False)
    before = descriptors()
    with pytest.raises(NoSpace):
        bring(library, write(tmp_path / "a.gguf", content("a")))
    assert descriptors() == before
    assert os.listdir(library.paths.staging) == []


@pytest.mark.timeout(20)
def test_what_is_no_file_does_not_keep_the_rest_of_staging_from_being_swept(
    library: Library, tmp_path: Path
) -> None:
    theirs = write(tmp_path / "theirs", b"theirs")
    (library.paths.staging / "0-link").symlink_to(theirs)
    (library.paths.staging / "0-folder").mkdir()
    os.mkfifo(library.paths.staging / "0-pipe")
    dead = write(library.paths.staging / "add-1-dead", b"half")
    before = descriptors()
    collect(library, plan_collection(library, 0))
    assert not dead.exists()
    assert descriptors() == before
    assert theirs.read_bytes() == b"theirs"
    assert (library.paths.staging / "0-folder").is_dir()
