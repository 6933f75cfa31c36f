"""What ``doctor`` says of store and catalogue."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.conftest import bring, content, write
from modelfs.library import Library, open_library
from modelfs.library.health import check_library


def _verdicts(library: Library) -> dict[str, str]:
    return {check.name: check.verdict for check in check_library(library)}


def test_a_sound_library_is_ok_everywhere(library: Library, tmp_path: Path) -> None:
    bring(library, write(tmp_path / "a.gguf", content(1)))
    assert set(_verdicts(library).values()) == {"ok"}


def test_a_missing_blob_a_second_name_and_leftovers_are_told(
    library: Library, tmp_path: Path
) -> None:
    first = bring(library, write(tmp_path / "a.gguf", content(1)))[0].model
    second = bring(library, write(tmp_path / "b.gguf", content(2)))[0].model
    os.link(library.store.path(second.files[0].blob), tmp_path / "other")
    assert _verdicts(library)["blobs"] == "warning"
    library.store.path(first.files[0].blob).unlink()
    verdicts = _verdicts(library)
    assert (verdicts["blobs"], verdicts["damage"]) == ("problem", "problem")


def test_damaged_pages_are_a_problem_and_the_other_checks_go_on(
    library: Library, tmp_path: Path
) -> None:
    for number in range(20):
        bring(library, write(tmp_path / f"{number}.gguf", content(number)))
    library.close()
    file = library.paths.catalog
    pages = file.stat().st_size // 4096
    with open(file, "r+b") as damaged:
        for page in range(pages // 2, pages * 3 // 4):  # of rows, not of the tables' names
            damaged.seek(page * 4096)
            damaged.write(os.urandom(4096))
    with open_library(library.paths.root) as reopened:
        checks = list(check_library(reopened))
    assert {check.name for check in checks} >= {"store", "free space", "catalogue", "leftovers"}
    assert next(check for check in checks if check.name == "catalogue").verdict == "problem"
    assert all(check.mend for check in checks if check.verdict == "problem")


def _orphan(library: Library) -> None:
    library.catalog.rows("PRAGMA foreign_keys = OFF")
    library.catalog.rows("DELETE FROM copy")
    library.catalog.rows("PRAGMA foreign_keys = ON")


def _stray(library: Library) -> None:
    write(library.paths.blobs / "ab" / "notes.txt", b"mine")


def _wrong_mode(library: Library) -> None:
    next(library.paths.blobs.glob("??/*")).chmod(0o644)


@pytest.mark.parametrize(
    ("plant", "check", "words"),
    [
        (_orphan, "catalogue", "nothing says where its bytes are"),
        (_stray, "blobs", "notes.txt: it lies where only blobs belong"),
        (_wrong_mode, "blobs", "mode 0644, should be 0444"),
    ],
)
def test_what_it_finds_is_named_and_mended_and_clean_the_second_time(
    library: Library, tmp_path: Path, plant: Callable[[Library], None], check: str, words: str
) -> None:
    bring(library, write(tmp_path / "a.gguf", content(1)))
    plant(library)
    found = {each.name: each for each in check_library(library)}[check]
    assert found.verdict == "warning" and words in found.found and found.mend
    assert set(_verdicts(library).values()) == {"ok"}
