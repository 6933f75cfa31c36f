"""The machine that measures, as far as it explains the figures."""

import os
import platform
from pathlib import Path

from benchmarks import peers


def facts() -> dict[str, object]:
    """Return what is told above a table and in its document."""
    return {
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "peers": peers.versions(),
    }


def available_memory_bytes() -> int:
    """Return what the kernel says new work may use."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
