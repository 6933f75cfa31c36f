"""``--move``: the bytes are always under one name at least, and never open to change afterwards."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from core.conftest import Disk, bring, content, make_library, write
from core.processes import run, strace
from core.soundness import assert_sound, every_model, stored
from modelfs.errors import ModelfsError, Refused, SourceChanged
from modelfs.library import Library, open_library
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.progress import Progress

DATA = content("moved", 40_000)


def move(library: Library, source: Path) -> None:
    bring(library, source, move=True)


def assert_bytes_cannot_change_through(library: Library, path: Path) -> None:
    """Write to a name outside and look whether any blob noticed."""
    before = {m.id: stored(library, m) for m in every_model(library)}
    if path.exists():
        path.chmod(0o644)
        with path.open("r+b") as file:
            file.write(b"changed behind its back")
    assert {m.id: stored(library, m) for m in every_model(library)} == before


def test_a_moved_file_is_the_blob_without_a_copy(library: Library, tmp_path: Path) -> None:
    source = write(tmp_path / "a.gguf", DATA)
    inode = source.stat().st_ino
    (added,) = bring(library, source, move=True)
    path = library.store.path(added.model.files[0].blob)
    assert not source.exists()
    assert (path.stat().st_ino, path.stat().st_nlink) == (inode, 1)
    assert path.stat().st_mode & 0o777 == 0o444
    assert_sound(library.paths.root)


@pytest.mark.parametrize("call", ["linkat", "renameat2", "fdatasync"])
def test_killed_and_then_added_without_move_the_original_is_nobodys_blob(
    tmp_path: Path, call: str
) -> None:
    make_library(tmp_path).close()
    store, source = tmp_path / "store", write(tmp_path / "in" / "a.gguf", DATA)
    run("move", store, source, prefix=strace(call, "signal=KILL:when=1"))
    again = run("add", store, source)
    assert again.returncode == 0, again.stderr
    with open_library(store) as library:
        assert_bytes_cannot_change_through(library, source)


@pytest.mark.parametrize(
    ("call", "error"),
    [("fsync", "EIO"), ("renameat2", "EIO"), ("fdatasync", "EIO"), ("pwrite64", "ENOSPC")],
)
def test_a_failed_move_leaves_the_original(tmp_path: Path, call: str, error: str) -> None:
    make_library(tmp_path).close()
    store, source = tmp_path / "store", write(tmp_path / "in" / "a.gguf", DATA)
    done = run("move", store, source, prefix=strace(call, f"error={error}"))
    assert done.returncode in (1, 5), done.stderr
    assert source.read_bytes() == DATA
    assert_sound(store)


def with_second_name(tmp_path: Path, source: Path) -> Path:
    other = tmp_path / "other-name"
    os.link(source, other)
    return other


def with_other_owner(tmp_path: Path, source: Path) -> Path:
    os.chown(source, 4242, 4242)
    return source


@pytest.mark.parametrize("arrange", [with_second_name, with_other_owner])
def test_a_file_that_others_can_change_is_copied(
    library: Library, tmp_path: Path, arrange: Callable[[Path, Path], Path]
) -> None:
    source = write(tmp_path / "a.gguf", DATA)
    other = arrange(tmp_path, source)
    inode = source.stat().st_ino
    (added,) = bring(library, source, move=True)
    assert library.store.path(added.model.files[0].blob).stat().st_ino != inode
    assert not source.exists()
    assert_bytes_cannot_change_through(library, other)
    assert_sound(library.paths.root)


def test_a_file_open_for_writing_is_copied(library: Library, tmp_path: Path) -> None:
    source = write(tmp_path / "a.gguf", DATA)
    with source.open("r+b") as writer:
        (added,) = bring(library, source, move=True)
        writer.write(b"changed behind its back")
        writer.flush()
        assert stored(library, added.model) == {"a.gguf": DATA}


def test_a_file_opened_for_writing_while_it_is_hashed_is_not_taken(
    library: Library, tmp_path: Path
) -> None:
    source = write(tmp_path / "a.gguf", DATA)
    writers = []

    def open_it(progress: Progress) -> None:
        if progress.step == "hashing" and not writers:
            writers.append(source.open("r+b"))

    plan = plan_add(library, [str(source)], AddOptions(move=True))
    try:
        with pytest.raises(SourceChanged):
            list(add(library, plan, open_it))
    finally:
        assert writers, "it was never hashed in place"
        writers[0].write(b"changed behind its back")
        writers[0].close()
    assert source.exists()
    assert every_model(library) == []
    assert_sound(library.paths.root)


def test_a_file_that_gets_another_name_while_it_is_hashed_is_not_taken(
    library: Library, tmp_path: Path
) -> None:
    source = write(tmp_path / "a.gguf", DATA)
    other = tmp_path / "b.gguf"

    def link_it(progress: Progress) -> None:
        if progress.step == "hashing" and not other.exists():
            os.link(source, other)

    plan = plan_add(library, [str(source)], AddOptions(move=True))
    with pytest.raises(SourceChanged):
        list(add(library, plan, link_it))
    assert source.read_bytes() == other.read_bytes() == DATA
    assert_sound(library.paths.root)


def test_a_file_replaced_while_it_is_hashed_stays_where_it_is(
    library: Library, tmp_path: Path
) -> None:
    source = write(tmp_path / "a.gguf", DATA)

    def replace_it(progress: Progress) -> None:
        if progress.step == "hashing":
            os.replace(write(tmp_path / "new", b"somebody else's"), source)

    plan = plan_add(library, [str(source)], AddOptions(move=True))
    with pytest.raises(SourceChanged):
        list(add(library, plan, replace_it))
    assert source.read_bytes() == b"somebody else's"
    assert_sound(library.paths.root)


def test_a_link_is_refused(library: Library, tmp_path: Path) -> None:
    source = write(tmp_path / "a.gguf", DATA)
    link = tmp_path / "link.gguf"
    link.symlink_to(source)
    with pytest.raises(Refused, match="link"):
        move(library, link)
    assert source.read_bytes() == DATA


def test_files_behind_a_linked_folder_are_refused(library: Library, tmp_path: Path) -> None:
    """They belong to another place, which nobody named."""
    source = write(tmp_path / "elsewhere" / "a.gguf", DATA)
    write(tmp_path / "given" / "b.gguf", DATA)
    (tmp_path / "given" / "linked").symlink_to(source.parent)
    with pytest.raises(Refused, match="link"):
        move(library, tmp_path / "given")
    assert source.read_bytes() == DATA


def test_a_folder_below_a_link_may_be_moved(library: Library, tmp_path: Path) -> None:
    """Many a home lies behind a link; what counts is what was given."""
    source = write(tmp_path / "real" / "models" / "a.gguf", DATA)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    move(library, tmp_path / "link" / "models")
    assert not source.exists()


def test_from_another_disk_it_is_copied_and_then_removed(library: Library, disk: Disk) -> None:
    source = write(disk("tmpfs", 4) / "a.gguf", DATA)
    (added,) = bring(library, source, move=True)
    assert stored(library, added.model) == {"a.gguf": DATA}
    assert not source.exists()


def test_through_a_bind_mount_it_is_copied_and_then_removed(
    library: Library, tmp_path: Path
) -> None:
    """The same disk by its number, and yet no link is possible."""
    write(tmp_path / "in" / "a.gguf", DATA)
    bound = tmp_path / "bound"
    bound.mkdir()
    subprocess.run(["mount", "--bind", str(tmp_path / "in"), str(bound)], check=True)
    try:
        (added,) = bring(library, bound / "a.gguf", move=True)
    finally:
        subprocess.run(["umount", str(bound)], check=True)
    assert stored(library, added.model) == {"a.gguf": DATA}
    assert not (tmp_path / "in" / "a.gguf").exists()


def test_an_original_that_cannot_be_removed_is_named(tmp_path: Path, disk: Disk) -> None:
    place = disk("tmpfs", 4)
    source = write(place / "a.gguf", DATA)
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    with make_library(tmp_path) as library:
        (added,) = bring(library, source, move=True)
        assert added.left_behind == [source]
        assert stored(library, added.model) == {"a.gguf": DATA}


def test_moving_bytes_that_are_known_removes_the_original_only(
    library: Library, tmp_path: Path
) -> None:
    bring(library, write(tmp_path / "a.gguf", DATA))
    double = write(tmp_path / "double.gguf", DATA)
    (again,) = bring(library, double, move=True)
    assert again.outcome == "already there"
    assert not double.exists()
    assert stored(library, again.model) == {"a.gguf": DATA}


def test_without_move_no_original_is_touched(library: Library, tmp_path: Path) -> None:
    source = write(tmp_path / "a.gguf", DATA)
    source.chmod(0o640)
    before = source.stat()
    bring(library, source)
    after = source.stat()
    assert (before.st_mode, before.st_mtime_ns, before.st_ino, before.st_nlink) == (
        after.st_mode,
        after.st_mtime_ns,
        after.st_ino,
        after.st_nlink,
    )


def test_a_plan_changes_nothing(library: Library, tmp_path: Path) -> None:
    source = write(tmp_path / "a.gguf", DATA)
    plan = plan_add(library, [str(source)], AddOptions(move=True))
    assert (plan.size_bytes, plan.likely_new_bytes) == (40_000, 40_000)
    assert source.read_bytes() == DATA
    assert every_model(library) == []


def test_nothing_is_moved_when_one_of_several_fails(library: Library, tmp_path: Path) -> None:
    """A model of several files goes wholly or not at all."""
    for name in ("a", "b"):
        write(tmp_path / "m" / f"{name}.bin", content(name))
    plan = plan_add(library, [str(tmp_path / "m")], AddOptions(move=True, name="m"))
    write(tmp_path / "m" / "b.bin", b"")
    (tmp_path / "m" / "b.bin").unlink()
    with pytest.raises(ModelfsError):
        list(add(library, plan))
    assert (tmp_path / "m" / "a.bin").read_bytes() == content("a")
    assert every_model(library) == []
    assert_sound(library.paths.root)


def test_an_original_written_to_after_it_was_compared_stays(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its new bytes are in no blob, so they must not go."""
    bring(library, write(tmp_path / "first.gguf", DATA))
    source = write(tmp_path / "second.gguf", DATA)
    entering = library.store.entering

    def write_first() -> object:
        source.write_bytes(DATA + b"and more")
        return entering()

    monkeypatch.setattr(library.store, "entering", write_first)
    (added,) = bring(library, source, move=True)
    assert added.left_behind == [source]
    assert source.read_bytes() == DATA + b"and more"
