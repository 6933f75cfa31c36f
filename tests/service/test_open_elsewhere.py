"""Whether somebody has a blob open, asked of the kernel and not of processes."""

import os
import subprocess
import sys
from pathlib import Path

from modelfs import locks
from modelfs.library import eviction, select
from mount.conftest import Home, wait_for

ASK_FOREVER = """
import os, sys
from modelfs import locks
fd = os.open(sys.argv[1], os.O_RDONLY)
print("asking", flush=True)
while True:
    locks.is_open_elsewhere(fd)
"""


def is_open(path: Path) -> bool:
    fd = os.open(path, os.O_RDONLY)
    try:
        return locks.is_open_elsewhere(fd)
    finally:
        os.close(fd)


def test_a_file_is_open_while_another_descriptor_is(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert not is_open(path)
    with path.open("rb"):
        assert is_open(path)
    assert not is_open(path)
    with path.open("rb") as mine:
        sleeper = subprocess.Popen(["sleep", "60"], stdin=mine)
    assert is_open(path)
    sleeper.kill()
    sleeper.wait()
    assert not is_open(path)


def test_what_is_read_through_the_mount_is_open(home: Home) -> None:
    home.add("one.bin", b"one" * 5000, "other/unsorted")
    home.mount()
    model = select.one(home.library, "one.bin")
    blob = home.blob_path("one.bin")
    assert not is_open(blob)
    with open(home.mountpoint / "by-category" / "other" / "unsorted" / "one.bin", "rb"):
        assert is_open(blob)
        assert eviction.open_now(home.library)(model)
    wait_for(lambda: not is_open(blob), "the end of reading")
    assert not eviction.open_now(home.library)(model)


def test_who_asks_stands_in_nobodys_way_and_is_not_killed(home: Home) -> None:
    home.add("one.bin", b"one" * 5000, "other/unsorted")
    (file,) = select.one(home.library, "one.bin").files
    command = [sys.executable, "-c", ASK_FOREVER, str(home.blob_path("one.bin"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as asking:
        assert asking.stdout is not None and asking.stdout.readline()
        try:
            for _ in range(2000):
                os.close(home.library.store.open(file.blob))
            assert asking.poll() is None
        finally:
            asking.kill()
