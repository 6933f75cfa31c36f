"""What a machine holds is read from the kernel and the drivers, and their silence is borne."""

from pathlib import Path

import pytest

from modelfs.fetch.machine import Room, fits, this_machine

GIB = 1 << 30


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    folder = tmp_path / "proc"
    folder.mkdir()
    (folder / "meminfo").write_text("MemTotal:       16384000 kB\nMemFree: 1 kB\n")
    return folder


@pytest.fixture
def sys(tmp_path: Path) -> Path:
    for card, size in ("card0", "8573157376"), ("card1", "536870912"), ("card2", "?"):
        device = tmp_path / "sys/class/drm" / card / "device"
        device.mkdir(parents=True)
        (device / "mem_info_vram_total").write_text(f"{size}\n")
    return tmp_path / "sys"


def driver(proc: Path, script: str) -> str:
    """Pretend that NVIDIA's driver and its program are there."""
    (proc / "driver" / "nvidia").mkdir(parents=True)
    program = proc / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_memory_disk_and_the_largest_card_are_read(proc: Path, sys: Path) -> None:
    room = this_machine(proc / "not" / "yet", proc=proc, sys=sys)
    assert room.memory_bytes == 16384000 * 1024
    assert room.gpu_bytes == 8573157376
    assert room.disk_bytes is not None
    assert room.disk_bytes > 0


def test_nvidia_is_asked_where_its_driver_is(proc: Path, tmp_path: Path) -> None:
    program = driver(proc, "echo 24564; echo 12288; echo '[N/A]'")
    assert this_machine(proc, proc=proc, sys=tmp_path, smi=program).gpu_bytes == 24564 << 20
    (proc / "driver" / "nvidia").rmdir()
    assert this_machine(proc, proc=proc, sys=tmp_path, smi=program).gpu_bytes == 0


def test_driver_that_fails_or_hangs_counts_as_no_card(
    proc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelfs.fetch.machine._SMI_TIMEOUT_S", 0.1)
    program = driver(proc, "exec sleep 30")
    assert this_machine(proc, proc=proc, sys=tmp_path, smi=program).gpu_bytes == 0
    assert this_machine(proc, proc=proc, sys=tmp_path, smi="no-such-program").gpu_bytes == 0


def test_machine_that_says_nothing_is_unknown(tmp_path: Path) -> None:
    room = this_machine(tmp_path, proc=tmp_path, sys=tmp_path)
    assert (room.memory_bytes, room.gpu_bytes) == (None, 0)


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        (4 * GIB, "gpu"),
        (7 * GIB, "memory"),  # the tenth more and the half GiB no longer fit the card
        (14 * GIB, "memory"),
        (15 * GIB, "disk"),
        (100 * GIB, "disk"),
        (101 * GIB, "no"),
    ],
)
def test_model_fits_with_room_to_work(size_bytes: int, expected: str) -> None:
    room = Room(disk_bytes=100 * GIB, memory_bytes=16 * GIB, gpu_bytes=8 * GIB)
    assert fits(size_bytes, room) == expected


def test_unknown_room_is_enough_to_keep_and_too_little_to_run() -> None:
    assert fits(GIB, Room()) == "disk"
