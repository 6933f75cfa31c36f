"""Putting bytes back: only the very bytes that came in, and nothing that stays after a crash."""

import os
from pathlib import Path

import pytest

from core.conftest import bring, content, write
from modelfs.errors import Damaged
from modelfs.library import Library
from modelfs.store.outward import is_back, put_back
from modelfs.types import BlobId

DATA = content("out", 50_000)
MTIME_NS = 1_600_000_000_123_456_789


@pytest.fixture
def blob(library: Library, tmp_path: Path) -> BlobId:
    (added,) = bring(library, write(tmp_path / "a.gguf", DATA))
    return added.model.files[0].blob


def test_bytes_that_changed_in_the_store_are_never_put_back(
    library: Library, blob: BlobId, tmp_path: Path
) -> None:
    path = library.store.path(blob)
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(30_000)
        file.write(bytes([DATA[30_000] ^ 1]))
    with pytest.raises(Damaged, match="no longer has the bytes"):
        put_back(library.store, blob, tmp_path / "back" / "a.gguf", MTIME_NS)
    assert os.listdir(tmp_path / "back") == []


def test_what_a_killed_one_left_is_taken_over(
    library: Library, blob: BlobId, tmp_path: Path
) -> None:
    folder = tmp_path / "back"
    write(folder / f".modelfs-{blob}.tmp", DATA + b"and longer than it is")
    put_back(library.store, blob, folder / "a.gguf", MTIME_NS)
    assert os.listdir(folder) == ["a.gguf"]
    assert (folder / "a.gguf").read_bytes() == DATA


def test_a_draft_that_is_already_somebodys_file_is_not_written_to(
    library: Library, blob: BlobId, tmp_path: Path
) -> None:
    """Killed between the link and the unlink that stand for a rename where there is none."""
    folder = tmp_path / "back"
    first = write(folder / "first.gguf", b"a person's, and edited since")
    os.link(first, folder / f".modelfs-{blob}.tmp")
    put_back(library.store, blob, folder / "a.gguf", MTIME_NS)
    assert first.read_bytes() == b"a person's, and edited since"
    assert sorted(os.listdir(folder)) == ["a.gguf", "first.gguf"]
    assert (folder / "a.gguf").read_bytes() == DATA


def test_back_is_only_what_has_these_bytes_and_that_time(
    library: Library, blob: BlobId, tmp_path: Path
) -> None:
    target = tmp_path / "back.gguf"
    put_back(library.store, blob, target, MTIME_NS)
    assert is_back(library.store, blob, target, MTIME_NS)
    assert not is_back(library.store, blob, target, MTIME_NS + 1)
    target.write_bytes(bytes([DATA[0] ^ 1]) + DATA[1:])
    os.utime(target, ns=(MTIME_NS, MTIME_NS))
    assert not is_back(library.store, blob, target, MTIME_NS)
