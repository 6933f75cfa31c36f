"""What goes back where it came from: the very bytes, the very mode, and nothing else is touched."""

import os
import shutil
from pathlib import Path

import pytest

from core.conftest import Disk, bring, content, write
from modelfs.errors import Failed, NoSpace
from modelfs.library import Library
from modelfs.library.check import CheckSummary, read
from modelfs.store.outward import is_back, put_back
from modelfs.types import BlobId

DATA = content("out", 3_001)
MTIME_NS = 1_600_000_000_123_456_789


@pytest.fixture
def blob(library: Library, tmp_path: Path) -> BlobId:
    (added,) = bring(library, write(tmp_path / "a.gguf", DATA))
    return added.model.files[0].blob


def test_a_link_to_the_same_bytes_is_not_what_was_put_back(
    library: Library, blob: BlobId, tmp_path: Path
) -> None:
    put_back(library.store, blob, tmp_path / "back.gguf", MTIME_NS)
    link = tmp_path / "link.gguf"
    link.symlink_to("./" * ((len(DATA) - len("back.gguf")) // 2) + "back.gguf")
    assert link.lstat().st_size == len(DATA), "it even has its size"
    os.utime(link, ns=(MTIME_NS, MTIME_NS), follow_symlinks=False)
    assert not is_back(library.store, blob, link, MTIME_NS)


def test_nothing_is_back_once_its_blob_is_gone(
    library: Library, blob: BlobId, tmp_path: Path
) -> None:
    put_back(library.store, blob, tmp_path / "back.gguf", MTIME_NS)
    library.store.path(blob).unlink()
    assert not is_back(library.store, blob, tmp_path / "back.gguf", MTIME_NS)


def test_putting_back_leaves_nothing_open(library: Library, blob: BlobId, tmp_path: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    put_back(library.store, blob, tmp_path / "back.gguf", MTIME_NS)
    assert is_back(library.store, blob, tmp_path / "back.gguf", MTIME_NS)
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_what_does_not_fit_is_not_begun(library: Library, blob: BlobId, disk: Disk) -> None:
    place = disk("tmpfs", 1)
    write(place / "filler", bytes(1 << 20))
    with pytest.raises(NoSpace, match="are needed"):
        put_back(library.store, blob, place / "back.gguf", MTIME_NS)
    assert os.listdir(place) == ["filler"]


def test_a_move_that_fails_gives_the_original_its_mode_back(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = write(tmp_path / "b.gguf", content("b"))
    original.chmod(0o640)
    real = os.fsync

    def fail(fd: int) -> None:
        if os.fstat(fd).st_ino == original.stat().st_ino:
            raise OSError(5, "Input/output error")
        real(fd)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Failed):
        bring(library, original, move=True)
    assert original.stat().st_mode & 0o777 == 0o640
    assert original.read_bytes() == content("b")
    assert os.listdir(library.paths.staging) == []


@pytest.mark.parametrize("kind", ["other size", "link", "folder"])
def test_only_a_blob_that_strayed_goes_to_its_place(
    library: Library, blob: BlobId, tmp_path: Path, kind: str
) -> None:
    """What only has its name goes to lost+found: the blob is missing, not wrong."""
    place = library.store.path(blob)
    stray = place.parents[1] / ("00" if place.parent.name != "00" else "01") / blob
    if kind == "other size":
        place.rename(stray)
        stray.chmod(0o644)
        os.truncate(stray, 10)
    elif kind == "link":
        shutil.move(place, tmp_path / "kept")
        stray.symlink_to("x" * len(DATA))  # of the same size, too
    else:
        place.unlink()
        stray.mkdir()
    found = {checked.finding.kind for checked in read(library, CheckSummary(), seal=False)}
    assert found == {"stray", "missing"}
    assert not os.path.lexists(place)
    assert os.listdir(library.paths.lost_found) == [blob]
