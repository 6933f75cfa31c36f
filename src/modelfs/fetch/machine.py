"""How much this machine can hold: its disk, its memory, its largest graphics card."""

import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_SMI_TIMEOUT_S = 2.0
_WORKING_BYTES = 512 << 20
_OVERHEAD = 1.1
"""Weights are not all that runs: a context of 4096 tokens takes a tenth of what an 8-bit 7B model
takes, and a runtime its buffers, whatever the model."""

Fit = Literal["gpu", "memory", "disk", "no"]


@dataclass(frozen=True, slots=True)
class Room:
    """What a machine has; None where it cannot be told."""

    disk_bytes: int | None = None
    """Free, for new files."""
    memory_bytes: int | None = None
    """All of it: what is free now says little of when the model will run."""
    gpu_bytes: int = 0
    """Of the largest card; 0 where there is none, or none that says."""


def fits(variant_bytes: int, room: Room) -> Fit:
    """Say where a model can run: weights, a tenth more, and 512 MiB.

    ``disk`` when it can only be kept, ``no`` when not even that. What is not known counts as enough
    for the disk, and as too little to run.
    """
    if room.disk_bytes is not None and variant_bytes > room.disk_bytes:
        return "no"
    running_bytes = int(variant_bytes * _OVERHEAD) + _WORKING_BYTES
    if running_bytes <= room.gpu_bytes:
        return "gpu"
    if room.memory_bytes is not None and running_bytes <= room.memory_bytes:
        return "memory"
    return "disk"


def this_machine(
    folder: Path, *, proc: Path = Path("/proc"), sys: Path = Path("/sys"), smi: str = "nvidia-smi"
) -> Room:
    """Measure this machine; ``folder`` is where the files will be, or will be made.

    Takes at most two seconds, and only where there is an NVIDIA driver; nothing is raised.
    """
    cards = [*_amd(sys), *(_nvidia(smi) if (proc / "driver" / "nvidia").is_dir() else ())]
    return Room(_free(folder), _memory(proc), max(cards, default=0))


def _free(folder: Path) -> int | None:
    there = next((each for each in (folder, *folder.parents) if each.is_dir()), None)
    with suppress(OSError):
        return shutil.disk_usage(there).free if there is not None else None
    return None


def _memory(proc: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in (proc / "meminfo").read_text("ascii", "replace").splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1024
    return None


def _amd(sys: Path) -> list[int]:
    found = []
    for file in sys.glob("class/drm/card*/device/mem_info_vram_total"):
        with suppress(OSError, ValueError):
            found.append(int(file.read_text("ascii", "replace")))
    return found


def _nvidia(smi: str) -> list[int]:
    """Ask the driver's own program: its files in /proc do not say how much memory there is."""
    command = shutil.which(smi)
    if command is None:
        return []
    try:
        told = subprocess.run(
            [command, "--query-gpu=memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_SMI_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return []
    return [int(line) << 20 for line in told.stdout.split() if line.isdigit()]
