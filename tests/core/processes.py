"""Running the library in a process of its own: to kill it, trace it or make it somebody else."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import modelfs

DRIVER = Path(__file__).with_name("driver.py")


def environment() -> dict[str, str]:
    """Return this environment, with the very package that this process tests."""
    return {
        **os.environ,
        "PYTHONPATH": str(Path(modelfs.__file__).parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of the driver."""
    return [sys.executable, "-W", "error", str(DRIVER), *map(str, arguments)]


def run(
    *arguments: str | Path, uid: int | None = None, prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the driver to its end."""
    return subprocess.run(
        [*prefix, *command(*arguments)],
        env=environment() | ({} if uid is None else {"DRIVER_UID": str(uid)}),
        capture_output=True,
        text=True,
        timeout=120,
    )


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start the driver with pipes to talk through."""
    return subprocess.Popen(
        command(*arguments),
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def strace(calls: str, fault: str, only: Path | None = None) -> list[str]:
    """Return the prefix that plants a fault: ``error=EIO:when=2``, ``signal=KILL:when=1``."""
    where = ["-P", str(only)] if only else []
    inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:{fault}"]
    return ["strace", "-f", "-qq", "-o", "/dev/null", *where, *inject]
