"""Whether other users may be let into a mount: the kernel asks for ``allow_other``, which root, and
a process with CAP_SYS_ADMIN, may always give, and others where ``/etc/fuse.conf`` says so.
"""

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
