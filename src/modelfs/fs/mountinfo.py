"""What is mounted where, from the kernel's own list; asks nothing of the mounts themselves."""

import errno
import os
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modelfs.errors import Failed

FILE_SYSTEM_TYPE = "fuse.modelfs"
_MAX_STACKED = 64
_ESCAPE = re.compile(r"\\([0-7]{3})")

Answer = Literal["alive", "dead", "hung"]


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of ``/proc/self/mountinfo``."""

    mountpoint: Path
    kind: str
    """The type of the file system."""
    device: str
    """Its device number, ``major:minor``."""


def mounts_at(mountpoint: Path) -> list[Mount]:
    """Return what is mounted exactly there, the topmost last."""
    return [mount for mount in _all_mounts() if mount.mountpoint == mountpoint]


def _all_mounts() -> list[Mount]:
    found = []
    for line in (
        Path("/proc/self/mountinfo").read_bytes().decode(errors="surrogateescape").split("\n")
    ):
        # proc(5): the third field is the device, the fifth the mount point; the type is the first
        # behind ' - '.
        before, separator, after = line.partition(" - ")
        if separator:
            fields = before.split(" ")
            found.append(Mount(Path(_unescape(fields[4])), after.split(" ")[0], fields[2]))
    return found


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def answers(mountpoint: Path, timeout_s: float = 3.0) -> Answer:
    """Ask a mount for a listing: only that tells a dead one, whose attributes are still cached.

    The asking thread is left behind when nothing comes back, as a hung mount holds it.
    """
    result: list[Answer] = []

    def ask() -> None:
        try:
            os.listdir(mountpoint)
            result.append("alive")
        except OSError as error:
            result.append(
                "dead" if error.errno in (errno.ENOTCONN, errno.ECONNABORTED) else "alive"
            )

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout_s)
    return result[0] if result else "hung"


def heal(mountpoint: Path) -> int:
    """Take away mounts of ours that nobody answers for any more; return how many there were.

    A new mount over a dead one would be stacked on it, so all of them go. Raises Failed when
    something that lives is mounted there.
    """
    healed = 0
    while mounts := mounts_at(mountpoint):
        if mounts[-1].kind != FILE_SYSTEM_TYPE:
            raise Failed(
                f"something else is mounted at {mountpoint} ({mounts[-1].kind})",
                "choose another mountpoint: modelfs init --mount DIR",
            )
        if answers(mountpoint) == "alive":
            raise Failed(
                f"another library is mounted at {mountpoint}",
                "unmount it first, or choose another mountpoint: modelfs init --mount DIR",
            )
        if healed >= _MAX_STACKED:
            raise Failed(f"the dead mount at {mountpoint} does not go away", "reboot, or ask root")
        unmount(mountpoint, lazy=True)
        healed += 1
    return healed


def unmount(mountpoint: Path, *, lazy: bool) -> None:
    """Unmount; raise Failed with the system's own words."""
    program = shutil.which("fusermount3")
    if program is not None:
        command = [program, "-u", *(["-z"] if lazy else []), "--", str(mountpoint)]
    else:
        command = ["umount", *(["-l"] if lazy else []), "--", str(mountpoint)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip() or f"exit {done.returncode}").splitlines()[-1]
        raise Failed(f"{mountpoint} cannot be unmounted: {reason}")
