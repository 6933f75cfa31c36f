"""What is below the paths that a person gives: regular files, and why the rest is left out."""

import os
import stat
from collections.abc import Iterator, Sequence
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


def look(source: str, own: Sequence[Path] = ()) -> Found:
    """Find the files of one source: itself, or everything below it; nothing of the folders ``own``.

    Raises NotFound, Failed or BadInput when the source itself cannot be taken.
    """
    if not source or "\0" in source:
        raise BadInput("a path is not empty and has no NUL in it")
    root = paths.absolute(source)
    _refuse_own(own, root, source)
    with explained(f"{source} cannot be read"):
        status = os.stat(root)
    if not stat.S_ISDIR(status.st_mode):
        check_regular(root, status)
        return Found(root.parent, False, {root.name: root}, [])
    with explained(f"{source} cannot be read"):
        os.scandir(root).close()
    found = Found(root, True, {}, [])
    walk = _Walk(own, found.skipped)
    found.files.update(walk.files(root, "", {(status.st_dev, status.st_ino)}))
    return found


def _refuse_own(own: Sequence[Path], path: Path, shown: str) -> None:
    """Raise BadInput for a path in the store or the mount: that is in the library already."""
    real = Path(os.path.realpath(path))
    for folder in own:
        for candidate in (path, real):
            if paths.is_within(candidate, folder):
                raise BadInput(
                    f"{shown} is part of the library itself ({folder})",
                    "give the folder where the model came from",
                )


def own_folders(library: Library) -> tuple[Path, ...]:
    """Return the folders of the library itself, of which nothing is added."""
    named = (library.paths.root, library.mountpoint)
    return (*named, *(Path(os.path.realpath(folder)) for folder in named))


class _Walk:
    """A way through folders, following links, but never in a circle and never into the library."""

    def __init__(self, own: Sequence[Path], skipped: list[Skipped]) -> None:
        self._own = own
        self._skipped = skipped

    def files(
        self, folder: Path, prefix: str, above: set[tuple[int, int]]
    ) -> Iterator[tuple[str, Path]]:
        """Give regular files in the order of their names; note what is left out."""
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._skip(prefix.rstrip("/"), explain(error, "folder").message)
            return
        for entry in listed:
            relative = prefix + entry.name
            if self._is_own(entry):
                self._skip(relative, "part of the library itself")
                continue
            try:
                status = entry.stat()
            except OSError as error:
                reason = "a link that leads nowhere" if entry.is_symlink() else str(error.strerror)
                self._skip(relative, reason)
                continue
            identity = (status.st_dev, status.st_ino)
            if stat.S_ISREG(status.st_mode):
                yield relative, Path(entry.path)
            elif not stat.S_ISDIR(status.st_mode):
                self._skip(relative, "neither a file nor a folder")
            elif identity in above:
                self._skip(relative, "a link back to a folder above it")
            else:
                yield from self.files(Path(entry.path), relative + "/", above | {identity})

    def _is_own(self, entry: os.DirEntry[str]) -> bool:
        # Invariant: nobody but the catalogue opens its file, or SQLite's locks are gone.
        if not (entry.is_symlink() or entry.is_dir(follow_symlinks=False)):
            return False
        real = Path(os.path.realpath(entry.path))
        return any(paths.is_within(real, folder) for folder in self._own)

    def _skip(self, relative: str, reason: str) -> None:
        self._skipped.append(Skipped(relative, reason))
