"""Who keeps a mount busy, from ``/proc``: open files, working folders, mapped files."""

import os
from pathlib import Path

_LINKS = ("cwd", "root", "exe")


def holders(mountpoint: Path) -> list[str]:
    """Return ``name (pid)`` of each process that we may look at and that uses the mount."""
    found = []
    for entry in Path("/proc").iterdir():
        if (
            entry.name.isdigit()
            and int(entry.name) != os.getpid()
            and _uses(entry, str(mountpoint))
        ):
            found.append(f"{_program(entry)} ({entry.name})")
    return sorted(found)


def _uses(process: Path, mountpoint: str) -> bool:
    try:
        links = [process / name for name in _LINKS] + list((process / "fd").iterdir())
    except OSError:
        return False
    for link in links:
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target == mountpoint or target.startswith(mountpoint + "/"):
            return True
    try:
        return f" {mountpoint}/" in (process / "maps").read_text(errors="replace")
    except OSError:
        return False


def _program(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "?"
