"""What a reader who goes through a file finds in memory already; and that it is never wrong."""

import ctypes
import errno
import mmap
import os
import random
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelfs.fs import residency
from modelfs.fs.residency import drop, is_absent

from .conftest import Home, wait_for

MIB = 1 << 20
SIZE = 96 * MIB + 777
REQUEST_BYTES = 512 << 10
"""The largest that the kernel makes."""


@pytest.fixture
def read_path() -> str:
    return "served"


@pytest.fixture
def content() -> bytes:
    return random.Random(5).randbytes(MIB) * 96 + b"x" * 777


@pytest.fixture
def path(home: Home, content: bytes) -> Iterator[Path]:
    """A large model in a new mount, which has nothing of it in its pages."""
    home.add("large.gguf", content, "language/llm")
    home.mount()
    yield home.mountpoint / "by-category" / "language" / "llm" / "large.gguf"


def _resident_bytes(path: Path) -> int:
    where, counts = residency._Range(0, path.stat().st_size), residency._Counts()
    with open(path, "rb") as file:
        asked = (file.fileno(), ctypes.byref(where), ctypes.byref(counts), 0)
        assert not residency._libc.syscall(residency._CACHESTAT, *asked)
    return int(counts.cached) * mmap.PAGESIZE


def _make_cold(blob: Path) -> None:
    fd = os.open(blob, os.O_RDONLY)
    os.fsync(fd)
    drop(fd, 0, SIZE)
    assert is_absent(fd, 0, SIZE)
    os.close(fd)


def _make_warm(blob: Path) -> None:
    assert len(blob.read_bytes()) == SIZE == _resident_bytes(blob) - (-SIZE % mmap.PAGESIZE)


def _requests(home: Home) -> int:
    """How often the mount was asked for bytes; ends it."""
    home.umount()
    (said,) = re.findall(r"'READ': (\d+)", home.log())
    return int(said)


def test_who_goes_through_a_file_asks_for_little_of_it(
    home: Home, path: Path, content: bytes
) -> None:
    _make_warm(home.blob_path("large.gguf"))
    assert path.read_bytes() == content
    assert path.stat().st_size == SIZE
    assert _requests(home) < SIZE / REQUEST_BYTES / 2


def test_a_map_that_is_gone_through_is_right_to_its_last_byte(
    home: Home, path: Path, content: bytes
) -> None:
    _make_warm(home.blob_path("large.gguf"))
    script = (
        "import hashlib, mmap, sys\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "    assert mapped[:] == open(sys.argv[2], 'rb').read()\n"
        "    assert mapped[-777:] == b'x' * 777\n"
    )
    original = str(home.originals / "large.gguf")
    subprocess.run([sys.executable, "-c", script, str(path), original], check=True, timeout=60)


def test_random_reads_have_nothing_pushed(home: Home, path: Path, content: bytes) -> None:
    chance = random.Random(11)
    fd = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)  # the kernel's own read-ahead is not meant
        places = chance.sample(range(0, 95, 2), 12)
        for place in places:
            assert os.pread(fd, MIB, place * MIB) == content[:MIB]
    finally:
        os.close(fd)
    assert _resident_bytes(path) <= len(places) * (MIB + REQUEST_BYTES)


def test_what_was_read_from_the_disk_for_the_mount_is_not_kept_twice(
    home: Home, path: Path, content: bytes
) -> None:
    blob = home.blob_path("large.gguf")
    _make_cold(blob)
    assert path.read_bytes() == content
    wait_for(lambda: _resident_bytes(blob) < SIZE / 3, "the blob's own pages gone")
    assert _resident_bytes(path) > SIZE / 2, "the mount's stay"


def test_what_was_in_memory_before_stays(home: Home, path: Path, content: bytes) -> None:
    blob = home.blob_path("large.gguf")
    _make_warm(blob)
    assert path.read_bytes() == content
    assert _resident_bytes(blob) > SIZE


def test_a_blob_that_is_cut_short_ahead_of_its_reader_is_eio_and_never_wrong(
    home: Home, path: Path, content: bytes
) -> None:
    blob = home.blob_path("large.gguf")
    _make_warm(blob)
    got = bytearray()
    with open(path, "rb", buffering=0) as file:
        while len(got) < 40 * MIB:
            got += file.read(MIB)
        os.truncate(blob, 80 * MIB + 100)
        with pytest.raises(OSError) as failed:
            while piece := file.read(MIB):
                got += piece
    assert failed.value.errno == errno.EIO
    assert content.startswith(got) and len(got) <= 80 * MIB + 100
    assert path.stat().st_size == SIZE
    assert home.state().mounted


def test_nothing_holds_a_blob_whose_reader_has_gone(home: Home, path: Path) -> None:
    with open(path, "rb", buffering=0) as file:
        for _ in range(40):
            file.read(MIB)
    descriptors = Path(f"/proc/{home.state().pid}/fd")
    name = home.blob_path("large.gguf").name

    def is_held() -> bool:
        links = [os.readlink(link) for link in descriptors.iterdir() if link.is_symlink()]
        return any(name in link for link in links)

    wait_for(lambda: not is_held(), "every descriptor of the blob closed")


def test_a_signal_ends_the_mount_while_it_pushes(home: Home, path: Path) -> None:
    _make_warm(home.blob_path("large.gguf"))
    pid = home.state().pid
    assert pid is not None
    process = os.pidfd_open(pid)
    again = (
        "while :; do dd if=$0 of=/dev/null bs=1M status=none; dd if=$0 iflag=nocache count=0; done"
    )
    readers = [
        subprocess.Popen(["sh", "-c", again, str(path)], stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    try:
        wait_for(lambda: _resident_bytes(path) > SIZE / 3, "somebody reads")
        os.kill(pid, signal.SIGTERM)
        assert select.select([process], [], [], 8)[0], "it ends within seconds"
    finally:
        os.close(process)
        for reader in readers:
            reader.kill()
            reader.wait()
