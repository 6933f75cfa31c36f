"""Mounting something for a while, by a process that stays and whose seconds can be counted."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.place import Failure, Place

_MOUNT_TIMEOUT_S = 30.0
_UNMOUNT_TIMEOUT_S = 15.0
_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Mounted:
    """A mount, and the process behind it."""

    mountpoint: Path
    pid: int
    device: int
    """The minor number of its device, which is also the name of its FUSE connection."""

    def read_ahead(self) -> Path:
        """Return the file that says how far the kernel reads ahead here, in KiB."""
        return Path(f"/sys/class/bdi/0:{self.device}/read_ahead_kb")


@contextmanager
def mounted(
    place: Place, command: Sequence[str | Path], mountpoint: Path, store: Path | None = None
) -> Iterator[Mounted]:
    """Run a command that mounts there and stays; unmount and wait for its end at the end.

    Raises Failure with what the command said when there is no mount in time.
    """
    mountpoint.mkdir(exist_ok=True)
    environment = place.library(store or place.store)
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, env=environment, cwd=place.root, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            if not _wait_for(mountpoint, process):
                process.terminate()
                said.seek(0)
                words = " ".join(map(str, command))
                raise Failure(f"{words} does not mount\n{said.read().strip()}")
            # Answered only when the process serves.
            device = os.minor(os.stat(mountpoint).st_dev)
            yield Mounted(mountpoint, process.pid, device)
        finally:
            _end(mountpoint, process)


def _is_mounted(mountpoint: Path) -> bool:
    """Look at the kernel's list: a mount whose process has died answers nothing."""
    true_name = mountpoint.parent.resolve() / mountpoint.name
    escaped = str(true_name).replace(" ", r"\040")
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split(" ")[4] == escaped for line in lines)


def _wait_for(mountpoint: Path, process: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + _MOUNT_TIMEOUT_S
    while not _is_mounted(mountpoint):
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _end(mountpoint: Path, process: "subprocess.Popen[bytes]") -> None:
    """Unmount, although somebody may look into it for another moment."""
    unmount = ["umount"] if os.geteuid() == 0 else ["fusermount3", "-u"]
    deadline = time.monotonic() + _UNMOUNT_TIMEOUT_S
    while _is_mounted(mountpoint):
        late = time.monotonic() > deadline
        options = ["-l" if os.geteuid() == 0 else "-z"] if late else []
        subprocess.run([*unmount, *options, mountpoint], capture_output=True, check=False)
        if late:
            process.terminate()
            break
        time.sleep(_POLL_S)
    try:
        process.wait(_UNMOUNT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
