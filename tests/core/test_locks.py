"""Locks between processes: shared, exclusive, gone with their holder, never waited for forever."""

import os
import time
from pathlib import Path

import pytest

from core import processes
from core.conftest import write
from modelfs import locks
from modelfs.errors import CatalogBusy


def test_readers_share_and_a_writer_is_alone(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with (
        locks.hold(lock, exclusive=False, timeout_s=0),
        locks.hold(lock, exclusive=False, timeout_s=0),
        pytest.raises(CatalogBusy),
        locks.hold(lock, exclusive=True, timeout_s=0),
    ):
        pass
    with (
        locks.hold(lock, exclusive=True, timeout_s=0),
        pytest.raises(CatalogBusy),
        locks.hold(lock, exclusive=False, timeout_s=0),
    ):
        pass


def test_a_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locks.hold(tmp_path / "l", exclusive=True, timeout_s=0):
        raise ZeroDivisionError
    with locks.hold(tmp_path / "l", exclusive=True, timeout_s=0):
        pass


def test_waiting_ends_at_the_deadline(tmp_path: Path) -> None:
    with locks.hold(tmp_path / "l", exclusive=True, timeout_s=0):
        started = time.monotonic()
        with (
            pytest.raises(CatalogBusy),
            locks.hold(tmp_path / "l", exclusive=True, timeout_s=0.2),
        ):
            pass
        assert 0.2 <= time.monotonic() - started < 5


def test_a_lock_goes_with_its_holder(tmp_path: Path) -> None:
    with processes.start("hold-file", tmp_path / "l") as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        assert locks.is_held(tmp_path / "l")
        holder.kill()
        holder.wait(10)
    assert not locks.is_held(tmp_path / "l")


def test_nobody_holds_what_is_not_there(tmp_path: Path) -> None:
    assert not locks.is_held(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_shared_lock_is_not_held_exclusively(tmp_path: Path) -> None:
    with locks.hold(tmp_path / "l", exclusive=False, timeout_s=0):
        assert not locks.is_held(tmp_path / "l")


def test_an_open_writer_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"a")
    fd = os.open(path, os.O_RDONLY)
    try:
        assert not locks.open_for_writing_elsewhere(fd)
        with path.open("rb"):
            assert not locks.open_for_writing_elsewhere(fd), "a reader is no writer"
        with path.open("ab"):
            assert locks.open_for_writing_elsewhere(fd)
        assert not locks.open_for_writing_elsewhere(fd)
        with path.open("ab"):
            pass  # no lease is left that a writer would have to wait for
    finally:
        os.close(fd)
