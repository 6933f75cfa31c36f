"""How far the kernel reads ahead through the mount.

A FUSE mount starts with 128 KiB, and a server can only ask for less. Root can set more; then each
wake-up of this process brings four times the bytes. For others the mount stays as it is.
"""

import logging
from pathlib import Path

from modelfs.fs import mountinfo

log = logging.getLogger(__name__)

READ_AHEAD_KIB = 512
"""Reading on, 1 and 2 MiB gain nothing over it. A fault at some random place of a mapped file
brings as much, and costs twice as much with each doubling."""


def widen(mountpoint: Path, settings: Path = Path("/sys/class/bdi")) -> bool:
    """Have the kernel read further ahead where it lets us; say whether it did.

    Call it once the kernel has had its first answer, which sets the mount back to 128 KiB. Asks
    nothing of the mount.
    """
    mounts = mountinfo.mounts_at(mountpoint)
    if not mounts:
        return False
    try:
        (settings / mounts[-1].device / "read_ahead_kb").write_text(str(READ_AHEAD_KIB))
    except OSError as error:
        # Not root, or /sys is read-only, as in a container.
        log.info("the mount reads ahead as mounts usually do: %s", error)
        return False
    return True
