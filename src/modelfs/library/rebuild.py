"""A lost or damaged catalogue made again: from its own remains, the last snapshot and the blobs.

The plan says what comes back and what does not. Applying it keeps the old catalogue in
``lost+found``; interrupted anywhere, the same command ends it. Nobody else may have the library
open meanwhile: what they wrote would go to the catalogue that is set aside.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelfs import config, durable, locks
from modelfs.catalog import blobs, changes, models, remains
from modelfs.catalog.database import Catalog
from modelfs.catalog.filters import Condition, Filter
from modelfs.catalog.records import DAMAGE
from modelfs.catalog.remains import Remains
from modelfs.errors import ModelfsError, Refused
from modelfs.library import rows
from modelfs.library.foundlings import Foundling, adopt, find
from modelfs.library.library import Library, require_store
from modelfs.library.snapshots import Snapshot, snapshots
from modelfs.paths import StorePaths
from modelfs.progress import Report, silent
from modelfs.store.strays import put_away
from modelfs.store.trouble import explained
from modelfs.types import ModelId
from modelfs.units import format_count, format_size, format_time


@dataclass(frozen=True, slots=True)
class RebuildPlan:
    """What a rebuilt catalogue would know, and what it would not."""

    why: str
    """What is wrong with the one that is there."""
    snapshot: Snapshot | None
    """The copy that fills what is lost; None when none is needed or there."""
    remains: Remains
    foundlings: Sequence[Foundling]
    """Blobs of which nobody knows the name any more."""
    losses: Sequence[str]
    """What does not come back, a line each."""

    @property
    def models(self) -> int:
        """How many models come back with their names, those in the trash included."""
        return len(self.remains.rows["model"])


def end_interrupted(paths: StorePaths) -> bool:
    """End a rebuild that was cut off while it exchanged the catalogues; say if there was one.

    Raises Refused when somebody has the library open.
    """
    if not paths.rebuilt_catalog.exists():
        return False
    with _alone(paths):
        if paths.catalog.exists():  # it may have changed since: what was made of it is forgotten
            _remove(paths.rebuilt_catalog)
            return False
        _put_in_place(paths)
    return True


def plan_rebuild(paths: StorePaths) -> RebuildPlan:
    """Say what can be had back of a lost or damaged catalogue.

    Raises Refused when the catalogue is sound or somebody has the library open, NotFound when
    there is no library.
    """
    require_store(paths)
    with _alone(paths):
        why = _what_is_wrong(paths.catalog)
        if why is None:
            raise Refused("the catalogue is sound", "modelfs verify mends what else can be mended")
        current = remains.read(paths.catalog) if paths.catalog.exists() else remains.nothing()
        snapshot, older = (None, Remains()) if current.is_whole else _newest_readable(paths)
        both = remains.merged(current, older)
        # Read whole, it says itself which blobs wait for gc; else nobody can tell them apart.
        foundlings = [] if current.is_whole else find(paths, both.column("file", 3))
        losses = tuple(_losses(paths, current, snapshot, both, foundlings))
        return RebuildPlan(why, snapshot, both, tuple(foundlings), losses)


def rebuild(paths: StorePaths, plan: RebuildPlan, report: Report = silent) -> list[str]:
    """Put a new catalogue in the place of the lost one; return the models that lack bytes.

    Raises Refused when somebody has the library open, or what the disk says; then the old
    catalogue, or its absence, is as it was. What others wrote to it between plan and rebuild stays
    in ``lost+found`` only: apply a plan at once.
    """
    with _alone(paths):
        draft = paths.root / "catalog.draft.sqlite3"
        _remove(draft)
        remains.write(draft, plan.remains)
        catalog = Catalog.open(draft)
        try:
            library = Library(paths, catalog, config.load_settings(paths.settings))
            list(rows.mend(library))
            adopt(library, plan.foundlings, report)
            missing = _settle_states(library)
            with catalog.write():
                changes.log(catalog, "recover", ModelId(0), None, {"why": plan.why})
            catalog.fold_journal()  # only the file itself takes the old one's place
        finally:
            catalog.close()
        _make_durable(draft)
        os.replace(draft, paths.rebuilt_catalog)
        durable.fsync_folder(paths.root)
        _put_in_place(paths)
    return missing


_ALONE_S = 1.0


@contextmanager
def _alone(paths: StorePaths) -> Iterator[None]:
    fd = os.open(paths.use_lock, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not locks.take_within(fd, exclusive=True, timeout_s=_ALONE_S):
            raise Refused(
                "the library is in use: its catalogue cannot be exchanged under others",
                "modelfs umount, and wait for other modelfs commands",
            )
        yield
    finally:
        os.close(fd)


def _what_is_wrong(file: Path) -> str | None:
    if not file.exists():
        return "the catalogue is gone"
    try:
        catalog = Catalog.open(file, read_only=True)
    except ModelfsError as error:
        return error.message
    try:
        return next(iter(catalog.problems()), None)
    except ModelfsError as error:
        return error.message
    finally:
        catalog.close()


def _newest_readable(paths: StorePaths) -> tuple[Snapshot | None, Remains]:
    for snapshot in snapshots(paths):
        with explained(f"{snapshot.path} cannot be read"):
            found = remains.read_snapshot(snapshot.path)
        if found is not None:
            return snapshot, found
    return None, Remains()


def _losses(
    paths: StorePaths,
    current: Remains,
    snapshot: Snapshot | None,
    both: Remains,
    foundlings: Sequence[Foundling],
) -> Iterator[str]:
    for table, why in current.lost.items():
        if paths.catalog.exists():
            yield f"not all rows of {table!r} can be read ({why})"
    if not current.is_whole:
        changed = "tags, names, categories and removals"
        if snapshot is None:
            yield f"{changed} of what cannot be read: there is no snapshot"
        else:
            since = format_time(snapshot.taken_at)
            yield f"{changed} of what cannot be read, changed after {since}"
    if foundlings:
        total = sum(foundling.size_bytes for foundling in foundlings)
        count = format_count(len(foundlings), "file")
        yield f"the names of {count} ({format_size(total)}): listed as recovered, by their bytes"


def _settle_states(library: Library) -> list[str]:
    """Record which blobs are there; return the models that lack some which nobody let go."""
    with library.catalog.write():
        for blob in list(blobs.everything(library.catalog)):
            there = library.store.has(blob.id, blob.size_bytes)
            if blob.state == "ok" and not there:
                blobs.set_state(library.catalog, blob.id, "missing")
            elif blob.state == "remote" and there:
                blobs.set_state(library.catalog, blob.id, "ok")
    lacking = Filter([Condition("state", DAMAGE)])
    return [model.entry_name for model in models.find(library.catalog, lacking)]


def _make_durable(file: Path) -> None:
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _remove(draft: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        # Safety: only our own draft, which nobody has open while we are alone.
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _put_in_place(paths: StorePaths) -> None:
    """Set the old catalogue aside and give its place to the new one, durably."""
    aside = paths.lost_found / time.strftime("catalog-%Y%m%dT%H%M%SZ", time.gmtime())
    # The main file first: without it nobody takes the journal beside it for the new one's.
    for suffix in ("", "-wal"):
        old = paths.catalog.with_name(paths.catalog.name + suffix)
        if old.exists():
            put_away(old, aside)
    paths.catalog.with_name(f"{paths.catalog.name}-shm").unlink(missing_ok=True)
    durable.rename_without_replacing(paths.rebuilt_catalog, paths.catalog)
    durable.fsync_folder(paths.root)
