"""Who uses files of a mount, from ``/proc``: open files, working folders, mapped files."""

import os
from collections.abc import Iterator
from contextlib import suppress
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


def names_in_use(folder: Path) -> set[str]:
    """Return the names of files below a folder that other processes have open or mapped.

    Of the blobs of a store these are also those that are read through its mount, by whomever: the
    mount has them open. What processes of other users have is seen by root alone.
    """
    below = os.path.realpath(folder) + "/"
    found: set[str] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            used = (path for path in _used_paths(entry) if path.startswith(below))
            found.update(path.rpartition("/")[2] for path in used)
    return found


def _used_paths(process: Path) -> Iterator[str]:
    try:
        for link in (process / "fd").iterdir():
            with suppress(OSError):  # closed since it was listed
                yield os.readlink(link)
        maps = (process / "maps").read_text(errors="replace")
    except OSError:
        return
    for line in maps.splitlines():
        yield line.partition("/")[1] + line.partition("/")[2]


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
