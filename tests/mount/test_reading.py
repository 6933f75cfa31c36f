"""Bytes: right or EIO, never wrong and never an early end."""

import errno
import os
import random
import subprocess
from pathlib import Path

import pytest

from modelfs.library import check, select

from .conftest import BOTH_WAYS, Home, run_python, wait_for

READ_PATHS = BOTH_WAYS


def _forget_pages(home: Home) -> None:
    """Make the kernel drop what it cached, so that reads reach the blobs again."""
    home.umount()
    subprocess.run(["sync"], check=True)
    Path("/proc/sys/vm/drop_caches").write_text("3")
    home.mount()


def test_random_reads_of_a_cold_and_a_warm_file_are_right(furnished: Home) -> None:
    _forget_pages(furnished)
    expected = (furnished.originals / "big.gguf").read_bytes()
    path = furnished.mountpoint / "by-tag" / "fast" / "big.gguf"
    fd = os.open(path, os.O_RDONLY)
    chance = random.Random(7)
    try:
        for _ in range(300):
            offset = chance.randrange(0, len(expected) + 5000)
            size = chance.choice([1, 511, 4096, 65_537, 1 << 20])
            assert os.pread(fd, size, offset) == expected[offset : offset + size]
    finally:
        os.close(fd)


def test_several_processes_map_a_file_and_see_its_bytes(furnished: Home) -> None:
    _forget_pages(furnished)
    script = (
        "import hashlib, mmap, sys\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:\n"
        "        print(hashlib.sha256(mapped).hexdigest())\n"
    )
    mounted = furnished.mountpoint / "by-tag" / "fast" / "big.gguf"
    processes = [
        subprocess.Popen(["python3", "-c", script, str(mounted)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    digests = {process.communicate(timeout=60)[0] for process in processes}
    assert digests == {run_python(script, str(furnished.originals / "big.gguf")).stdout}


def test_a_missing_blob_is_eio_and_its_name_stays(furnished: Home) -> None:
    furnished.blob_path("big.gguf").unlink()
    _forget_pages(furnished)
    path = furnished.mountpoint / "by-tag" / "fast" / "big.gguf"
    assert path.stat().st_size == 3_000_001
    with pytest.raises(OSError) as failed:
        path.read_bytes()
    assert failed.value.errno == errno.EIO


def test_a_blob_cut_short_while_it_is_open_gives_no_wrong_bytes(
    furnished: Home, read_path: str
) -> None:
    """Served, it is EIO and never an early end; the kernel itself sees the end of the blob."""
    _forget_pages(furnished)
    path = furnished.mountpoint / "by-tag" / "fast" / "big.gguf"
    fd = os.open(path, os.O_RDONLY)
    try:
        assert len(os.pread(fd, 4096, 0)) == 4096
        os.truncate(furnished.blob_path("big.gguf"), 1_000_000)
        if read_path == "auto":
            assert os.pread(fd, 4096, 2_900_000) == b""
        else:
            with pytest.raises(OSError) as failed:
                os.pread(fd, 4096, 2_900_000)
            assert failed.value.errno == errno.EIO
    finally:
        os.close(fd)
    with pytest.raises(OSError) as failed:
        path.read_bytes()
    assert failed.value.errno == errno.EIO


def test_damage_that_verify_finds_is_eio_until_the_file_is_added_again(furnished: Home) -> None:
    blob = furnished.blob_path("big.gguf")
    blob.chmod(0o644)
    with open(blob, "r+b") as file:
        file.seek(2_000_000)
        file.write(b"\xff\x00\xff")
    blob.chmod(0o444)
    _forget_pages(furnished)
    path = furnished.mountpoint / "by-tag" / "fast" / "big.gguf"
    findings = list(check.read(furnished.library, check.CheckSummary(), seal=False))
    assert [found.models for found in findings] == [["big.gguf"]]
    assert select.one(furnished.library, "big.gguf").state == "damaged"

    def answers_eio() -> bool:
        try:
            path.read_bytes()
        except OSError as error:
            return error.errno == errno.EIO
        return False

    wait_for(answers_eio, "EIO for the damaged file")
    furnished.add_path(furnished.originals / "big.gguf", "language/llm")
    expected = (furnished.originals / "big.gguf").read_bytes()

    def is_whole() -> bool:
        try:
            return path.read_bytes() == expected
        except OSError:
            return False

    wait_for(is_whole, "the healed file")


def test_reads_leave_other_requests_unhindered(furnished: Home) -> None:
    """While cold bytes are read, lookups go on being answered."""
    _forget_pages(furnished)
    path = furnished.mountpoint / "by-tag" / "fast" / "big.gguf"
    reader = subprocess.Popen(["cat", str(path)], stdout=subprocess.DEVNULL)
    for _ in range(200):
        assert not (furnished.mountpoint / "by-tag" / "absent").exists()
    assert reader.wait(timeout=30) == 0


def test_a_program_can_copy_send_and_splice_from_the_mount(furnished: Home, tmp_path: Path) -> None:
    source = furnished.mountpoint / "by-tag" / "fast" / "big.gguf"
    expected = (furnished.originals / "big.gguf").read_bytes()
    with open(source, "rb") as file, open(tmp_path / "ranged", "wb") as target:
        with pytest.raises(OSError) as refused:  # as between any two kinds of file system
            os.copy_file_range(file.fileno(), target.fileno(), 1 << 20)
        assert refused.value.errno == errno.EXDEV
    with open(source, "rb") as file, open(tmp_path / "sent", "wb") as target:
        done = 0
        while count := os.sendfile(target.fileno(), file.fileno(), done, 1 << 20):
            done += count
    subprocess.run(["cp", "--reflink=auto", str(source), str(tmp_path / "copied")], check=True)
    for name in ("sent", "copied"):
        assert (tmp_path / name).read_bytes() == expected, name
