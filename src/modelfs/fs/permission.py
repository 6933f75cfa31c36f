"""What the machine permits: letting other users in, reading past the mount.

The kernel asks for ``allow_other``, which root, and a process with CAP_SYS_ADMIN, may always give,
and others where ``/etc/fuse.conf`` says so.
"""

import platform
import re
from pathlib import Path

FUSE_CONF = Path("/etc/fuse.conf")

PERMIT = f"echo user_allow_other | sudo tee -a {FUSE_CONF}"
"""The command that lets ordinary users give it."""


def permits_others(file: Path = FUSE_CONF) -> bool:
    """Say whether fusermount3 lets ordinary users let others in, reading the file as it does."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any(line.partition("#")[0].strip() == "user_allow_other" for line in lines)


PASSTHROUGH_SINCE = (6, 9)
"""The first kernel that reads from a blob without asking the mount."""

_CAP_SYS_ADMIN = 21  # linux/capability.h


def may_administer(pid: int | None = None) -> bool:
    """Say whether a process has CAP_SYS_ADMIN; without one, whether this process has."""
    try:
        status = Path(f"/proc/{pid or 'self'}/status").read_text()
    except OSError:
        return False
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return effective is not None and bool(int(effective[1], 16) >> _CAP_SYS_ADMIN & 1)


def kernel_version(release: str | None = None) -> tuple[int, int]:
    """Return the first two numbers of a kernel's version, of this one's; zeros without such."""
    numbers = re.match(r"(\d+)\.(\d+)", release or platform.release())
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
