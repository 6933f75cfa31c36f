"""Copies of the catalogue beside it: what a lost one is rebuilt from.

Made when a library that was changed is closed and the last one is old: seconds for a small
catalogue, at most an hour for a large one, so that it costs a thousandth of the time. The last of
each of three days stay. A snapshot that fails fails nothing else: the next one tries again, and
``doctor`` says how old the last one is.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelfs import durable
from modelfs.catalog import changes, snapshot
from modelfs.catalog.database import Catalog
from modelfs.errors import ModelfsError
from modelfs.paths import StorePaths
from modelfs.store import BlobStore
from modelfs.store.staging import new_file
from modelfs.types import ChangeId

_MOST_S = 3600.0
_S_PER_BYTE = 60e-6
"""A minute for a megabyte, which takes some 30 ms to copy and to check."""
_DAY_S = 86400
_DAYS_KEPT = 3


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One copy of the catalogue."""

    path: Path
    change: ChangeId
    """The last change that it knows."""
    taken_at: float


def snapshots(paths: StorePaths) -> list[Snapshot]:
    """Return the snapshots of a store, the one that knows most first."""
    found = []
    for path in paths.snapshots.glob("catalog-*.sqlite3"):
        number = path.stem.removeprefix("catalog-")
        if number.isdecimal():
            found.append(Snapshot(path, ChangeId(int(number)), path.stat().st_mtime))
    return sorted(found, key=lambda snapshot: snapshot.change, reverse=True)


def keep_snapshot(store: BlobStore, catalog: Catalog) -> None:
    """Take a snapshot if one is due; never raises what the disk or the catalogue says."""
    try:
        if is_due(store.paths, catalog, time.time()):
            take_snapshot(store, catalog)
    except (ModelfsError, OSError):
        return  # what was asked for is done; doctor tells of snapshots that do not come


def is_due(paths: StorePaths, catalog: Catalog, now: float) -> bool:
    """Say whether there are changes that no snapshot has, and the last one is old enough."""
    last = next(iter(snapshots(paths)), None)
    if last is None:
        return True
    # A snapshot from the future says nothing of its age: the clock was set back.
    period_s = min(_MOST_S, os.stat(paths.catalog).st_size * _S_PER_BYTE)
    is_recent = 0 <= now - last.taken_at < period_s
    return not is_recent and changes.newest(catalog)[0] != last.change


def take_snapshot(store: BlobStore, catalog: Catalog) -> Path:
    """Take a snapshot now, durably, and drop those that it makes needless.

    Raises Damaged, and keeps all there are, when the catalogue is not sound.
    """
    durable.make_folder(store.paths.snapshots)
    draft, fd = new_file(store, "snapshot")
    try:
        number = changes.newest(catalog)[0]
        snapshot.write(catalog, draft)
        os.fsync(fd)
        target = store.paths.snapshots / f"catalog-{number}.sqlite3"
        os.replace(draft, target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    durable.fsync_folder(target.parent)
    for old in needless(snapshots(store.paths)):
        # Safety: a newer snapshot that was checked and is durable knows all that this one does.
        old.path.unlink(missing_ok=True)
    return target


def needless(found: Sequence[Snapshot]) -> list[Snapshot]:
    """Return which of these, newest first, may go: the last of each of three days stay."""
    days = {int(snapshot.taken_at // _DAY_S): snapshot for snapshot in reversed(found)}
    kept = sorted(days.values(), key=lambda snapshot: snapshot.change, reverse=True)[:_DAYS_KEPT]
    return [snapshot for snapshot in found if snapshot not in kept]
