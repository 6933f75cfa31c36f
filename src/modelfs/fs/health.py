"""What ``doctor`` looks at around the mount: FUSE itself, the mountpoint, who may read."""

import os
from collections.abc import Iterator
from pathlib import Path

from modelfs.fs import mountinfo
from modelfs.fs.launch import has_fusermount
from modelfs.fs.state import mount_state
from modelfs.library import Library
from modelfs.library.health import Check

_DEVICE = Path("/dev/fuse")
_FUSE_CONF = Path("/etc/fuse.conf")
_UPDATEDB_CONF = Path("/etc/updatedb.conf")


def check_mount(library: Library) -> Iterator[Check]:
    """Look at everything that a mount needs, and at the mount."""
    yield _fuse()
    yield _helper()
    yield _mounted(library)
    yield _other_users(library)
    yield _indexers()


def _fuse() -> Check:
    usable = os.access(_DEVICE, os.R_OK | os.W_OK)
    return Check(
        "fuse",
        "ok" if usable else "problem",
        f"{_DEVICE} can be opened" if usable else f"{_DEVICE} cannot be opened",
        "the mount is made with it",
        "" if usable else "modprobe fuse; in a container: --device /dev/fuse",
    )


def _helper() -> Check:
    needed = os.geteuid() != 0
    there = has_fusermount()
    return Check(
        "fusermount3",
        "ok" if there else "problem" if needed else "warning",
        "found" if there else "not on the PATH",
        "it mounts and unmounts for ordinary users",
        "" if there else "install fuse3 (Debian, Fedora and Arch call it so)",
    )


def _mounted(library: Library) -> Check:
    state = mount_state(library.paths)
    there = state.mounted or bool(mountinfo.mounts_at(library.mountpoint))
    return Check(
        "mount",
        "ok" if state.mounted else "problem" if state.problem or there else "warning",
        state.problem or (f"{state.mountpoint} answers" if state.mounted else "not mounted"),
        "programs find the models there",
        "" if state.mounted else "modelfs mount",
    )


def _other_users(library: Library) -> Check:
    wanted = library.settings.allow_other
    permitted = os.geteuid() == 0 or _has_line(_FUSE_CONF, "user_allow_other")
    return Check(
        "other users",
        "problem" if wanted and not permitted else "ok",
        "may read the mount" if wanted else "may not read the mount, as is usual",
        "services and containers often run as somebody else",
        f"put a line user_allow_other into {_FUSE_CONF}" if wanted and not permitted else "",
    )


def _indexers() -> Check:
    """Indexers that walk the mount read every model; updatedb is told by its own file."""
    relevant = _UPDATEDB_CONF.exists()
    told = not relevant or "fuse.modelfs" in _UPDATEDB_CONF.read_text(errors="replace")
    return Check(
        "indexers",
        "ok" if told else "warning",
        "updatedb leaves the mount alone" if told else "updatedb may walk the mount",
        "a nightly walk over many views costs time and tells nothing",
        "" if told else f"add fuse.modelfs to PRUNEFS in {_UPDATEDB_CONF}",
    )


def _has_line(file: Path, text: str) -> bool:
    try:
        return any(line.strip() == text for line in file.read_text().splitlines())
    except OSError:
        return False
