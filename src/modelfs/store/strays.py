"""What lies among the blobs and is none: found, and moved out of the way without losing it."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from modelfs import durable
from modelfs.store.blobs import BlobStore, fanout
from modelfs.types import BlobId

_ID = re.compile(r"[0-9a-f]{32}(~[1-9][0-9]*)?")


def is_blob_name(name: str) -> bool:
    """Say whether a name is shaped as a blob's id."""
    return _ID.fullmatch(name) is not None


def strays(store: BlobStore) -> Iterator[Path]:
    """Give what is in ``blobs/`` under a name or in a folder where no blob can be.

    A regular file with a blob's name in its right folder is none, whether anybody names it or not.
    """
    folders = set(fanout())
    for entry in sorted(store.paths.blobs.iterdir()):
        if entry.name not in folders or entry.is_symlink() or not entry.is_dir():
            yield entry
            continue
        for name in sorted(os.listdir(entry)):
            if not is_blob_name(name) or name[:2] != entry.name:
                yield entry / name


def home_of(store: BlobStore, stray: Path, size_bytes: int) -> Path | None:
    """Return the free place in which a stray blob of that size belongs, or None."""
    status = stray.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size != size_bytes:
        return None
    place = store.path(BlobId(stray.name))
    return None if os.path.lexists(place) else place


def put_home(stray: Path, place: Path) -> None:
    """Move a stray blob to its place, durably."""
    durable.rename_without_replacing(stray, place)
    durable.fsync_folder(place.parent)
    durable.fsync_folder(stray.parent)


def put_away(path: Path, folder: Path) -> Path:
    """Move something, file or folder, durably into ``folder``; return where it is now.

    Nothing is replaced: a number is put behind a name that is taken.
    """
    durable.make_folder(folder)
    number = 0
    while True:
        target = folder / (f"{path.name}.{number}" if number else path.name)
        try:
            durable.rename_without_replacing(path, target)
        except FileExistsError:
            number += 1
            continue
        durable.fsync_folder(folder)
        durable.fsync_folder(path.parent)
        return target


def set_aside(store: BlobStore, blob: BlobId) -> Path:
    """Move a damaged blob to the quarantine, where it is kept until the blob is whole again."""
    return put_away(store.path(blob), store.paths.quarantine)
