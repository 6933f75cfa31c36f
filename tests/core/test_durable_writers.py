"""Durable writes when something is in the way: another writer, half a write, a disk that fails."""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.conftest import write
from modelfs import durable


@contextmanager
def waiting_for(draft: Path, writer: Callable[[], None]) -> Iterator[None]:
    """Hold a draft until ``writer`` waits for it; run the block; let the writer go on and end."""
    fd = os.open(draft, os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    thread = threading.Thread(target=writer)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not _is_waited_for(os.fstat(fd).st_ino):
            assert time.monotonic() < deadline
            thread.join(0.005)
        yield
    finally:
        os.close(fd)
        thread.join(10)


def _is_waited_for(inode: int) -> bool:
    lines = Path("/proc/locks").read_text().splitlines()
    return any("->" in line and f":{inode} " in line for line in lines)


@pytest.mark.parametrize("is_another_there", [False, True])
def test_who_waited_for_a_draft_that_became_the_file_makes_a_new_one(
    tmp_path: Path, is_another_there: bool
) -> None:
    """Or it would empty the finished file, in front of everybody who reads it."""
    file, draft = tmp_path / "f", tmp_path / ".f.tmp"
    with waiting_for(draft, lambda: durable.write_file(file, b"second")):
        draft.write_bytes(b"first")
        os.rename(draft, file)
        finished = file.open("rb")
        if is_another_there:
            draft.write_bytes(b"what a killed one left")
    with finished:
        assert finished.read() == b"first", "the finished file was written to"
    assert file.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["f"]


def test_nothing_is_written_through_a_link_in_the_place_of_a_draft(tmp_path: Path) -> None:
    theirs = write(tmp_path / "theirs", b"theirs")
    (tmp_path / ".f.tmp").symlink_to(theirs)
    with pytest.raises(OSError, match="symbolic links") as caught:
        durable.write_file(tmp_path / "f", b"ours")
    assert caught.value.errno == errno.ELOOP
    assert theirs.read_bytes() == b"theirs"


def test_nothing_of_a_longer_draft_stays_in_an_empty_file(tmp_path: Path) -> None:
    write(tmp_path / ".f.tmp", b"half of something that was longer")
    durable.write_file(tmp_path / "f", b"")
    assert (tmp_path / "f").read_bytes() == b""


def test_what_the_kernel_takes_in_pieces_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, several = os.write, os.pwritev
    monkeypatch.setattr(os, "write", lambda fd, view: one(fd, view[:7]))
    monkeypatch.setattr(
        os, "pwritev", lambda fd, views, offset: several(fd, [views[0][:7]], offset)
    )
    data = bytes(range(100))
    with (tmp_path / "f").open("wb") as file:
        durable.write_all(file.fileno(), data)
        durable.write_at(file.fileno(), memoryview(data), 200)
    assert (tmp_path / "f").read_bytes() == data + bytes(100) + data


@pytest.mark.parametrize(("number", "is_an_error"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_only_a_folder_that_cannot_be_synced_at_all_is_let_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_an_error: bool
) -> None:
    def fail(fd: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    if is_an_error:
        with pytest.raises(OSError, match=os.strerror(number)):
            durable.fsync_folder(tmp_path)
    else:
        durable.fsync_folder(tmp_path)


@pytest.mark.parametrize(("number", "is_an_error"), [(errno.EOPNOTSUPP, False), (errno.EIO, True)])
def test_a_reflink_that_fails_is_no_reflink(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_an_error: bool
) -> None:
    def fail(fd: int, request: int, argument: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "ioctl", fail)
    with write(tmp_path / "a", b"a").open("rb") as one, (tmp_path / "b").open("wb") as other:
        if is_an_error:
            with pytest.raises(OSError, match=os.strerror(number)):
                durable.clone(one.fileno(), other.fileno())
        else:
            assert not durable.clone(one.fileno(), other.fileno())


def test_folders_that_another_makes_at_the_same_time_are_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.mkdir

    def be_slower(self: Path, mode: int = 0o777) -> None:
        if not self.exists() and self.name == "a":
            real(self, mode)
        real(self, mode)

    monkeypatch.setattr(Path, "mkdir", be_slower)
    durable.make_folder(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    taken = write(tmp_path / "taken" / "file", b"in the way")
    linked = tmp_path / ".linked.tmp"
    os.link(write(tmp_path / "finished", b"finished"), linked)
    before = os.listdir("/proc/self/fd")
    durable.make_folder(tmp_path / "a" / "b")
    durable.write_file(tmp_path / "linked", b"new")
    with pytest.raises(IsADirectoryError):
        durable.write_file(taken.parent, b"a folder is not replaced")
    assert os.listdir("/proc/self/fd") == before
    assert (tmp_path / "finished").read_bytes() == b"finished"


@pytest.mark.parametrize(("number", "is_an_error"), [(errno.EOPNOTSUPP, False), (errno.EIO, True)])
def test_only_a_disk_that_cannot_reserve_room_at_all_is_let_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_an_error: bool
) -> None:
    def fail(fd: int, offset: int, size_bytes: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", fail)
    with (tmp_path / "f").open("wb") as file:
        if is_an_error:
            with pytest.raises(OSError, match=os.strerror(number)):
                durable.preallocate(file.fileno(), 10)
        else:
            durable.preallocate(file.fileno(), 10)
