"""Who keeps a mount that is gone here: containers that were given it without ``rslave``.

Each holds a copy of its own. For as long as it runs, the mount's process goes on, and with it the
lock that a new mount needs.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from modelfs.errors import Failed
from modelfs.fs import mountinfo
from modelfs.fs.counting import program_name


def keepers() -> list[str]:
    """Return ``name (pid)``, one for each mount namespace with a mount of ours that is not here.

    Those of other users are seen by root alone.
    """
    here = set(_devices("self"))
    return [
        f"{program_name(pid)} ({pid})"
        for pid in _first_of_each_namespace()
        if not here.issuperset(_devices(str(pid)))
    ]


def kept() -> Failed:
    """Say that a mount which is gone here lives on, and for whom."""
    who = ", ".join(keepers()) or "somebody"
    return Failed(
        f"the last mount is gone here, but {who} has it still, and its process lives on for them",
        "end what holds it; a container is to be given the folder above it, see docs/containers.md",
    )


def _devices(process: str) -> Iterator[str]:
    try:
        mounts = mountinfo.mounts_of(process)
    except OSError:  # it has ended, or is not ours to see
        return
    yield from (mount.device for mount in mounts if mount.kind == mountinfo.FILE_SYSTEM_TYPE)


def _first_of_each_namespace() -> Iterator[int]:
    seen = set()
    for pid in sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        try:
            namespace = os.readlink(f"/proc/{pid}/ns/mnt")
        except OSError:
            continue
        if namespace not in seen:
            seen.add(namespace)
            yield pid
