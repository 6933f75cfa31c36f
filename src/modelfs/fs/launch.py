"""Starting and stopping the mount: a process of its own, which this one waits for."""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from modelfs import locks
from modelfs.errors import Failed, ModelfsError
from modelfs.fs import elsewhere, mountinfo
from modelfs.fs.state import MountState, mount_state, read_note
from modelfs.holders import holders
from modelfs.library import Library

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 15.0
_LAZY_TIMEOUT_S = 2.0
_POLL_S = 0.02


class _DaemonError(ModelfsError):
    """What the mount's process said before it ended, with the exit code it chose."""

    def __init__(self, message: str, hint: str, exit_code: int) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code  # type: ignore[misc]  # each class owns one; this one relays


def _nobody(_: Path) -> None:
    """Announce to nobody."""


def serve(
    store: Path,
    links: bool,
    announce: Callable[[Path], None] = _nobody,
    *,
    allow_other: bool = False,
) -> None:
    """Mount in this process and return when it is unmounted or told to stop.

    ``announce`` is called once the kernel has the mount.
    """
    try:
        from modelfs.fs.daemon import run
    except ImportError as error:
        raise Failed(
            f"the mount's library cannot be loaded: {error}",
            "install fuse3 (Debian: apt install fuse3 libfuse3-3) and run install.sh again",
        ) from error
    run(store, links=links, allow_other=allow_other, announce=announce)


def start(library: Library, links: bool, *, allow_other: bool = False) -> MountState:
    """Mount in a process of its own; return once the mount answers.

    Mounted already, it says so. Raises what the process could not do.
    """
    state = mount_state(library.paths)
    if state.mounted:
        if state.mountpoint != library.mountpoint:
            raise Failed(
                f"the library is mounted at {state.mountpoint}, not at {library.mountpoint}",
                "modelfs umount, then mount it again",
            )
        return replace(state, already=True)
    _spawn(library, (["--links"] if links else []) + (["--allow-other"] if allow_other else []))
    return _wait_until_alive(library)


def _spawn(library: Library, options: list[str]) -> None:
    """Start the process and wait for its word: mounted, or why not."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "modelfs.fs.process", str(library.paths.root), str(writing)]
    try:
        with open(library.paths.mount_log, "ab") as log:
            subprocess.run(
                command + options,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[writing],
                check=True,
            )
    except subprocess.CalledProcessError as error:
        raise _ended(library) from error
    finally:
        os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.readline()
    word = json.loads(said) if said else {}
    if "error" in word:
        raise _DaemonError(word["error"], word["hint"], word["exit_code"])
    if "mounted" not in word:
        raise _ended(library)


def _ended(library: Library) -> Failed:
    return Failed("the mount's process ended at once", f"see {library.paths.mount_log}")


def _wait_until_alive(library: Library) -> MountState:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        state = mount_state(library.paths)
        if state.mounted:
            return state
        if not locks.is_held(library.paths.mount_lock):
            break
        time.sleep(_POLL_S)
    raise Failed("the mount does not answer", f"see {library.paths.mount_log}")


def stop(library: Library, lazy: bool) -> bool:
    """Unmount and wait for the process to end; return whether there was something to unmount.

    Raises Failed that names who uses the mount, unless ``lazy`` takes it away from them.
    """
    note = read_note(library.paths)
    mountpoint = Path(str(note.get("mountpoint", library.mountpoint)))
    mounts = mountinfo.mounts_at(mountpoint)
    if not mounts or mounts[-1].kind != mountinfo.FILE_SYSTEM_TYPE:
        return False
    gone = not locks.is_held(library.paths.mount_lock)
    if gone or (lazy and mountinfo.answers(mountpoint) != "alive"):
        return mountinfo.heal(mountpoint) > 0
    try:
        process = os.pidfd_open(int(str(note["pid"])))
    except ProcessLookupError:
        return mountinfo.heal(mountpoint) > 0
    try:
        _unmount_or_name_users(mountpoint, lazy)
        # Lazily unmounted and still read from, it ends with its last reader: not waited for.
        ended, _, _ = select.select([process], [], [], _LAZY_TIMEOUT_S if lazy else _STOP_TIMEOUT_S)
        if not ended and not lazy:
            raise elsewhere.kept()
    finally:
        os.close(process)
    return True


def stop_dead(library: Library) -> bool:
    """Take away what a crash has left; False, and nothing is done, while the process lives."""
    return not locks.is_held(library.paths.mount_lock) and stop(library, lazy=True)


def _unmount_or_name_users(mountpoint: Path, lazy: bool) -> None:
    try:
        mountinfo.unmount(mountpoint, lazy=lazy)
    except Failed as error:
        users = holders(mountpoint)
        if not users:
            raise
        raise Failed(
            f"{mountpoint} is in use by {', '.join(users)}",
            "close these programs, or take it away from them: modelfs umount --lazy",
        ) from error


def has_fusermount() -> bool:
    """Say whether the program that mounts for ordinary users is there."""
    return shutil.which("fusermount3") is not None
