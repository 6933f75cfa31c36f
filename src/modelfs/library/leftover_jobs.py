"""Clearing away what jobs left behind: partial files that nobody goes on with, and old rows.

A partial file goes only when every job that has it goes, and nobody is at it: that is looked at
again, under its lock, when it is removed.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from modelfs import locks
from modelfs.catalog import jobs
from modelfs.catalog.jobs import JobRecord
from modelfs.fetch.partial import PartialFiles, partials, remove_dead
from modelfs.library.jobs import Taken, held, state_now
from modelfs.library.library import Library

_OLD_S = 30 * 86400.0
"""So long the row of a job that is done is kept."""


@dataclass(frozen=True, slots=True)
class LeftPartial:
    """A partial file that would go."""

    files: PartialFiles
    name: str
    """What it is part of: its path at the source, else its key."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ClearingPlan:
    """What ``jobs clean`` would remove."""

    jobs: Sequence[JobRecord]
    """Whose rows go."""
    partials: Sequence[LeftPartial]

    @property
    def freed_bytes(self) -> int:
        """What removing all of it gives back."""
        return sum(partial.size_bytes for partial in self.partials)


def plan_clearing(
    library: Library, *, older_than_s: float | None = None, everything: bool = False
) -> ClearingPlan:
    """Say which jobs and partial files would go.

    Those of cancelled jobs and of no job at all; with ``older_than_s`` only what has lain for so
    long, of jobs that are paused or failed too; with ``everything`` these whatever their age. Rows
    of done jobs go after thirty days, or with the others when ``everything`` is asked for.
    """
    found = jobs.all_jobs(library.catalog)
    least_s = older_than_s or 0.0
    chosen = [
        job
        for job in found
        if _may_go(state_now(library, job), job, everything or older_than_s is not None)
        and _age_s(job) >= least_s
    ]
    done = [job for job in found if job.state == "done"]
    old = [job for job in done if _age_s(job) >= (least_s if everything else _OLD_S)]
    return ClearingPlan(
        tuple(sorted([*chosen, *old], key=lambda job: job.id)),
        tuple(_partials(library, found, chosen, least_s)),
    )


def _may_go(state: jobs.JobState, job: JobRecord, resumable_too: bool) -> bool:
    return state == "cancelled" or (resumable_too and state in ("paused", "failed"))


def _age_s(job: JobRecord) -> float:
    return max(0.0, time.time() - (job.ended_at or job.changed_at))


def _partials(
    library: Library, found: Sequence[JobRecord], going: Sequence[JobRecord], least_s: float
) -> Iterable[LeftPartial]:
    ids = {job.id for job in going}
    names: dict[str, str] = {}
    let_go: set[str] = set()
    wanted: set[str] = set()
    for job in found:
        paths = {file.key: file.path for file in jobs.files(library.catalog, job.id)}
        names |= paths
        if job.id in ids:
            let_go |= paths.keys()
        elif job.state != "done":
            wanted |= paths.keys()
    for files in partials(library.paths.staging):
        if files.key in wanted or locks.is_held(files.part):
            continue
        if files.key in let_go or _lain_s(files) >= least_s:
            yield LeftPartial(files, names.get(files.key) or files.key, files.size_bytes())


def _lain_s(files: PartialFiles) -> float:
    with suppress(FileNotFoundError):
        return max(0.0, time.time() - files.part.lstat().st_mtime)
    return max(0.0, time.time() - files.journal.lstat().st_mtime)


def clear(library: Library, plan: ClearingPlan) -> int:
    """Remove what a plan found and what still may go now; return the bytes that came free."""
    for job in plan.jobs:
        with suppress(Taken), held(library, job.id):
            if _is_unchanged(library, job):
                jobs.forget(library.catalog, job.id)
    wanted = jobs.keys(library.catalog)
    freed = 0
    for partial in plan.partials:
        # Safety: no job has it any more, and remove_dead leaves it when somebody is at it.
        if partial.files.key not in wanted:
            freed += remove_dead(library.store, partial.files)
    return freed


def _is_unchanged(library: Library, job: JobRecord) -> bool:
    now = jobs.get(library.catalog, job.id)
    return now is not None and (now.state, now.attempts) == (job.state, job.attempts)
