"""What ``add --move`` took can be put back where it was."""

import os
from pathlib import Path

import pytest

from core.conftest import bring, content, write
from core.soundness import assert_sound
from modelfs.errors import Refused
from modelfs.library import Library, undo


def _undo_latest(library: Library) -> str:
    return undo.undo(library, undo.history(library, 1)[0][0])


def test_originals_come_back_with_their_bytes_and_times(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "pipeline"
    files = [folder / "model_index.json", folder / "unet" / "w.safetensors"]
    for number, path in enumerate(files):
        write(path, content(number))
        os.utime(path, ns=(1_500_000_000_123_456_789, 1_500_000_000_123_456_789 + number))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    (added,) = bring(library, folder, move=True)
    assert not any(path.exists() for path in files)
    assert "put back" in _undo_latest(library)
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in files} == before
    for path in files:
        assert (path.stat().st_nlink, path.stat().st_mode & 0o777) == (1, 0o644)
    assert sorted(os.listdir(folder)) == ["model_index.json", "unet"], "and nothing else"
    files[1].write_bytes(b"edited: theirs again, and no blob notices")
    assert_sound(library.paths.root)
    assert added.model.files


def test_the_original_of_bytes_that_were_known_comes_back_too(
    library: Library, tmp_path: Path
) -> None:
    bring(library, write(tmp_path / "first.gguf", content(1)))
    second = write(tmp_path / "second.gguf", content(1))
    (added,) = bring(library, second, move=True)
    assert added.outcome == "already there" and not second.exists()
    _undo_latest(library)
    assert second.read_bytes() == content(1)


def test_what_lies_there_now_is_not_replaced(library: Library, tmp_path: Path) -> None:
    source = write(tmp_path / "a.gguf", content(1))
    bring(library, source, move=True)
    write(source, b"something new")
    with pytest.raises(Refused, match="something at the place"):
        _undo_latest(library)
    assert source.read_bytes() == b"something new"


def test_putting_back_is_logged_and_cannot_be_taken_back(library: Library, tmp_path: Path) -> None:
    source = write(tmp_path / "a.gguf", content(1))
    bring(library, source, move=True)
    _undo_latest(library)
    assert undo.history(library, 1)[0][0].action == "return"
    with pytest.raises(Refused):
        _undo_latest(library)
    assert source.read_bytes() == content(1)
