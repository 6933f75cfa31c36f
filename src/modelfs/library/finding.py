"""What is below the paths that a person gives: regular files, and why the rest is left out."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelfs import paths
from modelfs.errors import BadInput
from modelfs.library.library import Library
from modelfs.store.source import check_regular
from modelfs.store.trouble import explain, explained


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something below a given folder that is not added, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """Regular files by their path below the folder, and what was left out."""

    root: Path
    is_folder: bool
    """Whether a folder was given; else a file was, and ``root`` is where it lies."""
    files: dict[str, Path]
    skipped: list[Skipped]


def look(library: Library, source: str) -> Found:
    """Find the files of one source: itself, or everything below it.

    Raises NotFound, Failed or BadInput when the source itself cannot be added.
    """
    root = paths.absolute(source)
    refuse_own(library, root, source)
    with explained(f"{source} cannot be added"):
        status = os.stat(root)
    if not stat.S_ISDIR(status.st_mode):
        check_regular(root, status)
        return Found(root.parent, False, {root.name: root}, [])
    with explained(f"{source} cannot be read"):
        os.scandir(root).close()
    found = Found(root, True, {}, [])
    for relative, path in _walk(root, "", {(status.st_dev, status.st_ino)}, found.skipped):
        found.files[relative] = path
    return found


def refuse_own(library: Library, path: Path, shown: str) -> None:
    """Raise BadInput for a path in the store or the mount: that is in the library already."""
    real = Path(os.path.realpath(path.parent)) / path.name
    for folder in (library.paths.root, library.mountpoint):
        for candidate in (path, real):
            if paths.is_within(candidate, folder) or paths.is_within(folder, candidate):
                raise BadInput(
                    f"{shown} is part of the library itself ({folder})",
                    "give the folder where the model came from",
                )


def _walk(
    folder: Path, prefix: str, above: set[tuple[int, int]], skipped: list[Skipped]
) -> Iterator[tuple[str, Path]]:
    """Give regular files in the order of their names, following links but never in a circle."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        skipped.append(Skipped(prefix.rstrip("/"), explain(error, "folder").message))
        return
    for entry in listed:
        relative = prefix + entry.name
        try:
            status = entry.stat()
        except OSError as error:
            reason = "a link that leads nowhere" if entry.is_symlink() else str(error.strerror)
            skipped.append(Skipped(relative, reason))
            continue
        identity = (status.st_dev, status.st_ino)
        if stat.S_ISREG(status.st_mode):
            yield relative, Path(entry.path)
        elif not stat.S_ISDIR(status.st_mode):
            skipped.append(Skipped(relative, "neither a file nor a folder"))
        elif identity in above:
            skipped.append(Skipped(relative, "a link back to a folder above it"))
        else:
            yield from _walk(Path(entry.path), relative + "/", above | {identity}, skipped)
