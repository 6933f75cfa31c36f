"""Whether a library is mounted: the mount holds a lock for as long as it lives, and says where."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from modelfs import locks
from modelfs.fs import mountinfo
from modelfs.paths import StorePaths


@dataclass(frozen=True, slots=True)
class MountState:
    """What is known of a library's mount."""

    mounted: bool
    mountpoint: Path | None = None
    read_path: str | None = None
    """``passthrough``, ``served`` or ``links``."""
    read_path_reason: str = ""
    """Why it is that one, in the mount's words."""
    pid: int | None = None
    already: bool = False
    """For ``start``: it was mounted before."""
    problem: str = ""
    """Why it is not usable although something is there."""


_PROBLEMS: dict[mountinfo.Answer, str] = {
    "alive": "",
    "dead": "the mount's process has died: modelfs mount heals what it left",
    "hung": "the mount does not answer: modelfs umount --lazy takes it away",
}


def mount_state(paths: StorePaths) -> MountState:
    """Look at a library's mount without waiting for it for more than a moment."""
    note = read_note(paths)
    mountpoint = Path(str(note["mountpoint"])) if "mountpoint" in note else None
    if not locks.is_held(paths.mount_lock):
        stale = mountpoint is not None and any(
            mount.kind == mountinfo.FILE_SYSTEM_TYPE for mount in mountinfo.mounts_at(mountpoint)
        )
        return MountState(False, problem=_PROBLEMS["dead"] if stale else "")
    if mountpoint is None or not mountinfo.mounts_at(mountpoint):
        return MountState(False, problem="it is just being mounted or unmounted")
    answer = mountinfo.answers(mountpoint)
    return MountState(
        mounted=answer == "alive",
        mountpoint=mountpoint,
        read_path=str(note["read_path"]),
        read_path_reason=str(note.get("read_path_reason", "")),
        pid=int(str(note["pid"])),
        problem=_PROBLEMS[answer],
    )


def read_note(paths: StorePaths) -> dict[str, object]:
    """Return what the last mount said of itself; empty when there was none."""
    try:
        note = json.loads(paths.mount_lock.read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) and {"pid", "read_path"} <= note.keys() else {}


def write_note(lock_fd: int, mountpoint: Path, read_path: str, reason: str) -> None:
    """Say in the lock file that this process mounts there, and how it is read."""
    note = {"pid": os.getpid(), "mountpoint": str(mountpoint)}
    text = json.dumps({**note, "read_path": read_path, "read_path_reason": reason}).encode()
    # Never empty in between, and what a longer one left behind it is cut off.
    os.pwrite(lock_fd, text + b" " * 512, 0)
    os.ftruncate(lock_fd, len(text))
