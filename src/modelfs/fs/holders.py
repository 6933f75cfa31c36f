"""Who uses files of a mount, from ``/proc``: open files, working folders, mapped files."""

import os
from pathlib import Path

_LINKS = ("cwd", "root", "exe")


def holders(*paths: Path) -> list[str]:
    """Return ``name (pid)`` of each other process that uses something at or below these paths.

    Looks at no file, only at what the kernel says that processes have; those of other users are
    seen by root alone.
    """
    wanted = tuple(str(path) for path in paths)
    found = []
    for entry in Path("/proc").iterdir() if wanted else ():
        other = entry.name.isdigit() and int(entry.name) != os.getpid()
        if other and _uses(entry, wanted):
            found.append(f"{_program(entry)} ({entry.name})")
    return sorted(found)


def _uses(process: Path, wanted: tuple[str, ...]) -> bool:
    below = tuple(path + "/" for path in wanted)
    try:
        links = [process / name for name in _LINKS] + list((process / "fd").iterdir())
    except OSError:
        return False
    for link in links:
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target in wanted or target.startswith(below):
            return True
    try:
        maps = (process / "maps").read_text(errors="replace")
    except OSError:
        return False
    return any(f" {path}\n" in maps or f" {path}/" in maps for path in wanted)


def _program(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "?"
