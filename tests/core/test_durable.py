"""Durable writes: the old bytes or the new ones, names without replacing, room before bytes."""

import errno
import os
import threading
from pathlib import Path

import pytest

from core.conftest import Disk, content, write
from modelfs import durable
from modelfs.errors import NoSpace


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = write(tmp_path / "f", b"old")
    durable.write_file(file, b"new", mode=0o600)
    assert file.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_what_a_killed_writer_left_is_taken_over(tmp_path: Path) -> None:
    write(tmp_path / ".f.tmp", b"half of something that was longer")
    durable.write_file(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_of_many_writers_each_writes_whole(tmp_path: Path) -> None:
    texts = [f"{number}".encode() * 50_000 for number in range(8)]
    writers = [
        threading.Thread(target=durable.write_file, args=(tmp_path / "f", text)) for text in texts
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (tmp_path / "f").read_bytes() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    file = write(tmp_path / "f", b"0" * 100_000)
    seen: set[bytes] = set()
    stop = threading.Event()

    def keep_reading() -> None:
        while not stop.is_set():
            seen.add(file.read_bytes())

    reader = threading.Thread(target=keep_reading)
    reader.start()
    try:
        for number in range(50):
            durable.write_file(file, f"{number % 10}".encode() * 100_000)
    finally:
        stop.set()
        reader.join()
    assert {(len(text), len(set(text))) for text in seen} == {(100_000, 1)}


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path, disk: Disk) -> None:
    place = disk("tmpfs", 1)
    file = write(place / "f", b"old")
    with pytest.raises(OSError, match="No space") as caught:
        durable.write_file(file, bytes(2 << 20))
    assert caught.value.errno == errno.ENOSPC
    assert file.read_bytes() == b"old"
    assert [path.name for path in place.iterdir()] == ["f"]


@pytest.mark.parametrize("has_call", [True, False])
def test_a_rename_never_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_call: bool
) -> None:
    if not has_call:
        monkeypatch.setattr(durable, "_renameat2", lambda: None)
    source, taken = write(tmp_path / "source", b"mine"), write(tmp_path / "taken", b"theirs")
    with pytest.raises(FileExistsError):
        durable.rename_without_replacing(source, taken)
    assert (source.read_bytes(), taken.read_bytes()) == (b"mine", b"theirs")
    durable.rename_without_replacing(source, tmp_path / "free")
    assert not source.exists()
    assert (tmp_path / "free").read_bytes() == b"mine"
    assert (tmp_path / "free").stat().st_nlink == 1
    with pytest.raises(FileNotFoundError):
        durable.rename_without_replacing(source, tmp_path / "other")


def test_of_many_at_once_one_rename_wins(tmp_path: Path) -> None:
    sources = [write(tmp_path / str(n), str(n).encode()) for n in range(8)]
    losers: list[Path] = []
    start = threading.Barrier(len(sources))

    def rename(source: Path) -> None:
        start.wait()
        try:
            durable.rename_without_replacing(source, tmp_path / "target")
        except FileExistsError:
            losers.append(source)

    threads = [threading.Thread(target=rename, args=(source,)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(losers) == 7
    assert all(path.exists() for path in losers)


def test_folders_are_made_with_their_parents_and_may_exist(tmp_path: Path) -> None:
    for _ in range(2):
        durable.make_folder(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_room_is_taken_before_the_bytes(disk: Disk) -> None:
    place = disk("tmpfs", 4)
    fd = os.open(place / "f", os.O_RDWR | os.O_CREAT)
    try:
        durable.preallocate(fd, 1 << 20)
        assert os.fstat(fd).st_blocks * 512 >= 1 << 20
        with pytest.raises(OSError, match="No space"):
            durable.preallocate(fd, 8 << 20)
        durable.preallocate(fd, 0)
    finally:
        os.close(fd)


def test_the_reserve_counts_as_taken(disk: Disk) -> None:
    place = disk("tmpfs", 4)
    durable.require_space(place, 3 << 20, 0)
    with pytest.raises(NoSpace, match="reserve"):
        durable.require_space(place, 3 << 20, 2 << 20)


@pytest.mark.parametrize("size_bytes", [0, 1, 4096, 3_000_001])
def test_a_range_is_copied_to_its_own_place(tmp_path: Path, disk: Disk, size_bytes: int) -> None:
    data = content("range", size_bytes)
    for target in (tmp_path / "target", disk("tmpfs", 8) / "target"):
        with write(tmp_path / "source", data).open("rb") as one, target.open("w+b") as other:
            half = size_bytes // 2
            for start, length in ((half, size_bytes - half), (0, half)):
                assert durable.copy_range(one.fileno(), other.fileno(), start, length) == length
            assert target.read_bytes() == data
            more = durable.copy_range(one.fileno(), other.fileno(), half, size_bytes)
            assert more == size_bytes - half, "the source ends early"


def test_files_that_the_kernel_does_not_copy_are_copied_by_hand(tmp_path: Path) -> None:
    with open("/proc/self/status", "rb") as one, (tmp_path / "target").open("w+b") as other:
        count = durable.copy_range(one.fileno(), other.fileno(), 0, 1 << 20)
    assert count == (tmp_path / "target").stat().st_size > 100
    assert (tmp_path / "target").read_bytes().startswith(b"Name:")


def test_where_nothing_can_be_reflinked_it_says_so(tmp_path: Path, disk: Disk) -> None:
    for place, able in ((disk("tmpfs", 4), False), (disk("btrfs", 128), True)):
        source = write(place / "source", content("clone"))
        with source.open("rb") as one, (place / "target").open("w+b") as other:
            assert durable.clone(one.fileno(), other.fileno()) is able
        assert (place / "target").read_bytes() == (content("clone") if able else b"")
