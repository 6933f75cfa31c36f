"""What is mounted where, from the kernel's own list; asks nothing of the mounts themselves."""

import errno
import os
import re
import shutil
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modelfs.errors import Failed

FILE_SYSTEM_TYPE = "fuse.modelfs"
_MAX_STACKED = 64
_CONNECTIONS = Path("/sys/fs/fuse/connections")
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
    is_shared: bool = False
    """Whether what is mounted below it also appears where it was bound to, as in a container."""
    options: frozenset[str] = frozenset()
    """Those of the file system, as ``allow_other``."""


def mounts_at(mountpoint: Path) -> list[Mount]:
    """Return what is mounted exactly there, the topmost last."""
    return [mount for mount in mounts_of() if mount.mountpoint == mountpoint]


def mount_of(path: Path) -> Mount:
    """Return the mount that a path lies in, there or not; asks only the folders above it."""
    place = Path(os.path.realpath(path))
    # The topmost of those at one place is listed last, and max() keeps the first of equals.
    around = [mount for mount in mounts_of() if place.is_relative_to(mount.mountpoint)]
    return max(reversed(around), key=lambda mount: len(mount.mountpoint.parts))


def lets_others_in(mountpoint: Path) -> bool:
    """Say whether what is mounted there is for all users."""
    return any("allow_other" in mount.options for mount in mounts_at(mountpoint)[-1:])


def mounts_of(process: str = "self") -> list[Mount]:
    """Return what is mounted where for a process; raises OSError for one not ours to see."""
    text = Path(f"/proc/{process}/mountinfo").read_bytes().decode(errors="surrogateescape")
    found = []
    for line in text.split("\n"):
        # proc(5): the third field is the device, the fifth the mount point, from the seventh on
        # come the tags of propagation; behind ' - ' the type, the source, the options.
        before, separator, after = line.partition(" - ")
        if separator:
            fields, (kind, _, options) = before.split(" "), after.split(" ", 2)
            shared = any(tag.startswith("shared:") for tag in fields[6:])
            place = Path(_unescape(fields[4]))
            found.append(Mount(place, kind, fields[2], shared, frozenset(options.split(","))))
    return found


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def answers(mountpoint: Path, timeout_s: float = 3.0) -> Answer:
    """Ask a mount for its free space: of a dead one the kernel still gives names and listings.

    The asking thread is left behind when nothing comes back, as a hung mount holds it.
    """
    result: list[Answer] = []

    def ask() -> None:
        try:
            os.statvfs(mountpoint)
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
        _abort(mounts[-1])
        if len(mounts_at(mountpoint)) == len(mounts):
            unmount(mountpoint, lazy=True)
        healed += 1
    return healed


def _abort(mount: Mount) -> None:
    """Have the kernel end a connection that nobody answers on, as far as it lets us.

    Whoever waits for an answer gets an error, and a process that was killed while the kernel held
    a thread of it for a request of its own can end.
    """
    minor = mount.device.partition(":")[2]
    with suppress(OSError):  # not ours, or nobody has mounted fusectl
        (_CONNECTIONS / minor / "abort").write_text("1")
        return
    if os.geteuid() == 0:
        command = ["umount", "-f", "-l", "--", str(mount.mountpoint)]
        subprocess.run(command, capture_output=True, check=False)


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
