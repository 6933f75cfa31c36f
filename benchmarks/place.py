"""Where a run happens: a folder of its own, the file that all sides take, and quiet before each.

A child gets a home and a library inside the folder, and an environment without what would slow
one Python down and not another's program.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path

from benchmarks.weights import write_weights

_CHUNK_BYTES = 8 << 20
_XDG = ("CONFIG", "DATA", "CACHE", "STATE")
_INTERRUPTED = 130
_UNWANTED = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "MODELFS_LIBRARY")


class Failure(Exception):
    """A command of a side failed: there is nothing to compare."""


@contextmanager
def taken(folder: Path | None, size_bytes: int, copies: int, *, cold: bool) -> "Iterator[Place]":
    """Make a place with room for so many copies of the source, and take it away at the end.

    Raises Failure when there is no room.
    """
    # However it ends, what is mounted and written must go with it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(_INTERRUPTED))
    with tempfile.TemporaryDirectory(prefix="modelfs-bench-", dir=folder) as root:
        if shutil.disk_usage(root).free < copies * size_bytes:
            raise Failure(f"{root} has no room for {copies} times {size_bytes} bytes")
        yield Place(Path(root), size_bytes, cold=cold)


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
        begun = time.perf_counter()
        self.output(command, store=store)
        return time.perf_counter() - begun

    def output(self, command: Sequence[str | Path], *, store: Path | None = None) -> str:
        """Run a command to its end and return what it wrote; raise Failure if it fails."""
        environment = self.library(store or self.store)
        done = subprocess.run(
            command, env=environment, cwd=self.root, capture_output=True, text=True, check=False
        )
        if done.returncode:
            words = " ".join(map(str, command))
            raise Failure(f"{words}: exit code {done.returncode}\n{done.stderr.strip()}")
        return done.stdout

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


def modelfs(*arguments: str | Path) -> list[str | Path]:
    """Return the command that a person would type, of this Python's modelfs."""
    command = Path(sys.executable).with_name("modelfs")
    return [*([command] if command.exists() else [sys.executable, "-m", "modelfs"]), *arguments]
