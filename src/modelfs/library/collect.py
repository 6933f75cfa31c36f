"""Collecting what nothing names: blobs without a model, and what died on its way in."""

import os
import stat
import time
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modelfs import locks
from modelfs.catalog import blobs, jobs
from modelfs.fetch.partial import PartialFiles, partial_of, remove_dead
from modelfs.library.library import Library, require_store
from modelfs.progress import Progress, Report, silent
from modelfs.store import sweep
from modelfs.store.strays import is_blob_name
from modelfs.types import BlobId

_BATCH = 64
"""Deletions for which the store's lock is held at a time: milliseconds."""

Measure = Callable[[os.stat_result], int]
Reason = Literal["unnamed", "unknown", "left over", "quarantined"]


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing on disk that nothing names."""

    reason: Reason
    size_bytes: int
    blob: BlobId | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """What ``gc`` would remove."""

    leftovers: Sequence[Leftover]

    @property
    def freed_bytes(self) -> int:
        """What removing all of it gives back."""
        return sum(leftover.size_bytes for leftover in self.leftovers)


def plan_collection(library: Library, grace_s: float | None = None) -> CollectionPlan:
    """Find what nothing names and is older than the grace (the library's, unless given)."""
    require_store(library.paths)
    grace = library.settings.grace_s if grace_s is None else grace_s
    found = [*_blobs(library, grace), *_staging(library, grace), *_quarantine(library)]
    return CollectionPlan(tuple(found))


def _blobs(library: Library, grace_s: float) -> list[Leftover]:
    """Blobs without a model, with a row ('unnamed') or without one ('unknown')."""
    with library.catalog.read():
        known = blobs.all_ids(library.catalog)
        unnamed = blobs.unnamed(library.catalog)
        now = time.time()
        old = [b for b in unnamed if now - blobs.added_at(library.catalog, b.id) >= grace_s]
    found = [Leftover("unnamed", blob.size_bytes, blob=blob.id) for blob in old]
    for blob, status in library.store.listed():
        if stat.S_ISDIR(status.st_mode) or not is_blob_name(blob):
            continue  # not made here, so not ours to remove: verify moves it to lost+found
        if blob not in known and sweep.age_s(status) >= grace_s:
            found.append(Leftover("unknown", sweep.freed_bytes(status), blob=blob))
    return found


def _staging(library: Library, grace_s: float) -> list[Leftover]:
    with library.store.deleting():
        dead = list(sweep.dead_staging(library.store, grace_s))
    wanted = jobs.keys(library.catalog)
    return [
        Leftover("left over", size_bytes, path=path)
        for path, size_bytes in dead
        if not _is_wanted(partial_of(path), wanted)
    ]


def _is_wanted(files: PartialFiles | None, wanted: Set[str]) -> bool:
    """Say whether a transfer goes on, or a job may go on with it."""
    return files is not None and (files.key in wanted or locks.is_held(files.part))


def _quarantine(library: Library) -> list[Leftover]:
    """Damaged bytes whose blob has been healed or is named by nothing any more."""
    found = []
    for path in sorted(library.paths.quarantine.iterdir()):
        name = path.name.partition(".")[0]
        if not is_blob_name(name) or (path.is_dir() and not path.is_symlink()):
            continue
        blob = blobs.get(library.catalog, BlobId(name))
        if blob is None or blob.state == "ok":
            with suppress(FileNotFoundError):  # collected by another since it was listed
                found.append(Leftover("quarantined", path.lstat().st_size, path=path))
    return found


def collect(library: Library, plan: CollectionPlan, report: Report = silent) -> int:
    """Remove what a plan found and what is still unnamed now; return the bytes that came free."""
    freed = delete_blobs(
        library, [leftover.blob for leftover in plan.leftovers if leftover.blob], report
    )
    for leftover in plan.leftovers:
        partial = partial_of(leftover.path) if leftover.path is not None else None
        if partial is not None:
            freed += remove_dead(library.store, partial)
        elif leftover.path is not None:
            # Safety: staging without a living owner, or a damaged copy that has been replaced.
            freed += unlink(leftover.path)
    return freed


def delete_blobs(library: Library, chosen: Sequence[BlobId], report: Report = silent) -> int:
    """Delete those of these blobs that nothing names, in short batches; return the bytes freed."""
    freed = 0
    for start in range(0, len(chosen), _BATCH):
        report(Progress("deleting", "blobs", start, len(chosen), "things"))
        for path in _withdraw_batch(library, chosen[start : start + _BATCH]):
            freed += unlink(path)
    return freed


def unlink(path: Path, measure: Measure = sweep.freed_bytes) -> int:
    """Remove one name and return what came free; nothing when another ``gc`` was faster."""
    try:
        freed = measure(path.lstat())
        path.unlink()
    except FileNotFoundError:
        return 0
    return freed


def _withdraw_batch(library: Library, batch: Sequence[BlobId]) -> list[Path]:
    with library.store.deleting():
        with library.catalog.write():
            gone = [blob for blob in batch if blobs.forget_unnamed(library.catalog, blob)]
        paths = [sweep.withdraw(library.store, blob) for blob in gone]
    return [path for path in paths if path is not None]
