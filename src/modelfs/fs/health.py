"""What ``doctor`` looks at around the mount: FUSE itself, the mountpoint, who may read."""

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from modelfs import locks
from modelfs.fs import elsewhere, mountinfo
from modelfs.fs.advice import REMOUNT, faster, look
from modelfs.fs.launch import has_fusermount
from modelfs.fs.permission import PERMIT, may_administer, permits_others
from modelfs.fs.state import MountState, mount_state
from modelfs.library import Library
from modelfs.library.health import Check

_DEVICE = Path("/dev/fuse")
_UPDATEDB_CONF = Path("/etc/updatedb.conf")
_ENGINES = ("docker", "podman")


def check_mount(library: Library) -> Iterator[Check]:
    """Look at everything that a mount needs, and at the mount."""
    state = mount_state(library.paths)
    yield _fuse()
    yield _helper()
    yield _mounted(library, state)
    yield _read_path(library, state)
    yield _other_users(library, state)
    yield _containers(library)
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


def _mounted(library: Library, state: MountState) -> Check:
    there = state.mounted or bool(mountinfo.mounts_at(library.mountpoint))
    if not there and locks.is_held(library.paths.mount_lock) and (kept := elsewhere.keepers()):
        return Check(
            "mount",
            "problem",
            f"unmounted, and containers keep it: {', '.join(kept)}",
            "no new one can be made before they let go",
            "stop these containers, and give them what modelfs connect TOOL --docker says",
        )
    return Check(
        "mount",
        "ok" if state.mounted else "problem" if state.problem or there else "warning",
        state.problem or (f"{state.mountpoint} answers" if state.mounted else "not mounted"),
        "programs find the models there",
        "" if state.mounted else "modelfs mount",
    )


def _read_path(library: Library, state: MountState) -> Check:
    """How bytes come to who reads; a slow way is worth a warning where there is a faster one."""
    facts = look(library, state)
    advice = faster(facts)
    reason = f": {state.read_path_reason}" if state.read_path_reason else ""
    return Check(
        "read path",
        "warning" if advice and facts.chosen != "served" else "ok",
        f"{state.read_path}{reason}" if state.mounted else "none without a mount",
        f"{advice.gain}; modelfs doctor --speed says what it costs" if advice else _COST,
        advice.command if advice else "",
    )


_COST = "modelfs doctor --speed says what it costs beside the disk itself"


def _other_users(library: Library, state: MountState) -> Check:
    """Whom the kernel lets in: without ``allow_other`` the mount's owner alone, not even root."""
    wanted = library.settings.allow_other
    permitted = may_administer(state.pid) or permits_others()
    here = state.mountpoint if state.mounted else None
    let_in = mountinfo.lets_others_in(here) if here else wanted and permitted
    found, mend = "may read the mount", ""
    if wanted and not permitted and not let_in:
        found, mend = "are to read the mount, which the machine does not permit", PERMIT
    elif wanted and not let_in:
        found, mend = "may read the mount from the next time on", REMOUNT
    elif not let_in:
        steps = ["modelfs config allow_other=true", REMOUNT]
        how = " && ".join(steps if permitted else [PERMIT, *steps])
        found = f"are kept out, root and its containers too; to let them in: {how}"
    return Check(
        "other users",
        "ok" if not mend else "warning" if permitted else "problem",
        found,
        "services, and containers whose user is not you, cannot even look into the mount without",
        mend,
    )


def _containers(library: Library) -> Check:
    """Whether a mount that is made later appears in a container that runs already."""
    folder = library.mountpoint.parent
    above = mountinfo.mount_of(folder)
    engine = next((name for name in _ENGINES if shutil.which(name)), None)
    where = "are" if above.is_shared else "are not"
    return Check(
        "containers",
        "warning" if engine and not above.is_shared else "ok",
        f"mounts in {folder} {where} passed on to those that run already",
        "docker refuses to bind the folder with rslave then, and podman keeps what was there",
        ""
        if above.is_shared
        else f"sudo mount --make-rshared {shlex.quote(str(above.mountpoint))}",
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
