"""Where a run happens: a folder of its own, the file that all sides take, and quiet before each.

A child gets a home and a library inside the folder, and an environment without what would slow
one Python down and not another's program.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from copy import copy
from pathlib import Path

_CHUNK_BYTES = 8 << 20
_XDG = ("CONFIG", "DATA", "CACHE", "STATE")
_UNWANTED = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "MODELFS_LIBRARY")


class Failure(Exception):
    """A command of a side failed: there is nothing to compare."""


class Place:
    """The folder, the size of the source and whether it is read from memory or from the disk."""

    def __init__(self, root: Path, size_bytes: int, *, cold: bool) -> None:
        self.root = root
        self.size_bytes = size_bytes
        self.cold = cold
        self.source = root / "weights.safetensors"
        self.store = root / "store"
        home = root / "home"
        home.mkdir()
        kept = {key: value for key, value in os.environ.items() if key not in _UNWANTED}
        places = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in _XDG}
        self.environment = {**kept, **places, "HOME": str(home), "LC_ALL": "C.UTF-8"}

    def cold_twin(self) -> "Place":
        """Return this place with files laid on disk only."""
        twin = copy(self)
        twin.cold = True
        return twin

    def library(self, store: Path) -> dict[str, str]:
        """Return an environment in which modelfs uses the library in ``store``."""
        return {**self.environment, "MODELFS_LIBRARY": str(store)}

    def run(self, command: Sequence[str | Path], *, store: Path | None = None) -> float:
        """Run a command to its end and return its seconds; raise Failure if it fails."""
        environment = self.library(store or self.store)
        begun = time.perf_counter()
        done = subprocess.run(
            command, env=environment, cwd=self.root, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - begun
        if done.returncode:
            words = " ".join(map(str, command))
            raise Failure(f"{words}: exit code {done.returncode}\n{done.stderr.strip()}")
        return seconds

    def settle(self) -> None:
        """Have everything written, so that no side pays for what the one before left."""
        os.sync()

    def lay(self, path: Path) -> None:
        """Bring a file into the state in which all sides find it: in memory, or on disk only."""
        with open(path, "rb", buffering=0) as file:
            if self.cold:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                return
            buffer = bytearray(_CHUNK_BYTES)
            while file.readinto(buffer):
                pass

    def make_source(self) -> Path:
        """Write the source unless it is there: a valid file of random weights."""
        if not self.source.exists():
            write_weights(self.source, self.size_bytes)
        return self.source


def write_weights(path: Path, size_bytes: int) -> None:
    """Write a safetensors file of about ``size_bytes`` random bytes, durably."""
    tensor = {"dtype": "U8", "shape": [size_bytes], "data_offsets": [0, size_bytes]}
    header = json.dumps({"weights": tensor}).encode()
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for offset in range(0, size_bytes, _CHUNK_BYTES):
            file.write(os.urandom(min(_CHUNK_BYTES, size_bytes - offset)))
        file.flush()
        os.fsync(file.fileno())


def modelfs(*arguments: str | Path) -> list[str | Path]:
    """Return the command that a person would type, of this Python's modelfs."""
    command = Path(sys.executable).with_name("modelfs")
    return [*([command] if command.exists() else [sys.executable, "-m", "modelfs"]), *arguments]


def available_memory_bytes() -> int:
    """Return what the kernel says new work may use."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
