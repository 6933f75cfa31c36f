"""Seconds of the processor, in user mode and in the kernel together."""

import os
import resource
from pathlib import Path


def of_children_s() -> float:
    """Return those of all programs that were run and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def of_process_s(pid: int) -> float:
    """Return those of a process that goes on, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
