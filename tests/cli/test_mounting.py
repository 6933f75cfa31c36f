"""``mount``, ``status``, ``path`` and ``umount`` as one story; ``tests/mount`` has the rest."""

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelfs.fs.launch import stop

from .conftest import SMALL, Program

pytestmark = pytest.mark.skipif(
    not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="/dev/fuse cannot be opened here"
)


@pytest.fixture
def mountable(shelf: Program) -> Iterator[Program]:
    yield shelf
    with shelf.open() as library:
        stop(library, lazy=True)


def test_a_model_is_read_where_path_says_it_is(mountable: Program) -> None:
    before = mountable.ok("path", SMALL)
    assert "modelfs mount" in before.stderr
    first = mountable.ok("mount")
    assert first.stdout == f"mounted at {mountable.mountpoint}\n"
    assert mountable.ok("mount").stdout.startswith("already mounted")
    status = mountable.json("status")
    assert status["mounted"] is True and status["read_path"] in ("passthrough", "served")
    told = mountable.ok("path", SMALL)
    assert told.stderr == ""
    original = (mountable.originals / SMALL).read_bytes()
    assert Path(told.stdout.rstrip("\n")).read_bytes() == original
    assert mountable.ok("umount").stdout.startswith("unmounted")
    assert "was not mounted" in mountable.ok("umount").stdout


def test_umount_names_who_is_in_the_way(mountable: Program) -> None:
    mountable.ok("mount")
    with open(mountable.ok("path", SMALL).stdout.rstrip("\n"), "rb"):
        busy = mountable("umount")
    assert busy.returncode == 1
    assert str(os.getpid()) in busy.stderr and "--lazy" in busy.stderr


def test_umount_dead_takes_what_a_kill_has_left_and_nothing_that_lives(mountable: Program) -> None:
    mountable.ok("mount")
    assert "no dead mount" in mountable.ok("umount", "--dead").stdout
    status = mountable.json("status")
    assert status["mounted"] is True
    process = os.pidfd_open(status["mount_pid"])
    signal.pidfd_send_signal(process, signal.SIGKILL)
    select.select([process], [], [], 10)
    os.close(process)
    assert mountable.ok("umount", "--dead").stdout.startswith("unmounted")
    assert os.listdir(mountable.mountpoint) == []
