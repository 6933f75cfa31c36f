"""How jobs look to whoever watches, from any process: their rows, and what is true of them now."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelfs.catalog import jobs
from modelfs.catalog.jobs import JobFile, JobRecord
from modelfs.fetch.partial import PartialFiles
from modelfs.library.jobs import DIED, state_now
from modelfs.library.library import Library
from modelfs.progress import Progress
from modelfs.units import format_time

RECENT_S = 86400.0
"""So long a job that is over is still shown."""


@dataclass(frozen=True, slots=True)
class JobView:
    """One job as it is now."""

    job: JobRecord
    """With the state it is in: paused, when the process died that worked on it."""
    files: Sequence[JobFile]
    kept_bytes: int
    """What its partial files take on the disk, those too that it shares with other jobs."""

    @property
    def is_active(self) -> bool:
        """Whether somebody works on it, or will without being asked."""
        return self.job.state in ("queued", "running")

    @property
    def percent(self) -> float | None:
        """How much is done, 0 to 100; None while that is not known."""
        job = self.job
        if job.state == "done":
            return 100.0
        return min(100.0, 100 * job.done_bytes / job.total_bytes) if job.total_bytes else None

    @property
    def progress(self) -> Progress:
        """The same in the shape in which work tells how far it is."""
        job = self.job
        parts = [
            Progress(file.stage, file.path, file.done_bytes, file.size_bytes or 0)
            for file in self.files
            if file.stage not in ("waiting", "here", "filed")
        ]
        done, total = job.done_bytes, job.total_bytes
        return Progress(job.stage, job.title, done, total, "bytes", job.per_s, tuple(parts))


def listed(library: Library, *, everything: bool = False) -> list[JobView]:
    """Return the jobs that are not over and those that ended in the last day, oldest first."""
    found = jobs.all_jobs(library.catalog)
    since = time.time() - RECENT_S
    shown = [
        job
        for job in found
        if everything or job.state not in jobs.OVER or (job.ended_at or 0) >= since
    ]
    return [view(library, job) for job in shown]


def active(library: Library) -> list[JobView]:
    """Return the jobs that somebody works on, or will without being asked."""
    found = jobs.all_jobs(library.catalog, over_too=False)
    views = (view(library, job) for job in found if job.state in ("queued", "running"))
    return [each for each in views if each.is_active]


def view(library: Library, job: JobRecord) -> JobView:
    """Return how one job looks now."""
    state = state_now(library, job)
    if state != job.state:
        hint = f"modelfs jobs resume {job.id}"
        job = replace(job, state=state, error=DIED, hint=hint, ended_at=job.changed_at)
    if job.state != "running":
        job = replace(job, per_s=None)
    files = jobs.files(library.catalog, job.id)
    return JobView(job, files, 0 if job.state == "done" else _kept_bytes(library, files))


def _kept_bytes(library: Library, files: Sequence[JobFile]) -> int:
    keys = {file.key for file in files}
    return sum(PartialFiles(library.paths.staging, key).size_bytes() for key in keys)


def document(seen: JobView) -> dict[str, object]:
    """Return the JSON of one job."""
    job = seen.job
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "source": job.request.get("source"),
        "state": job.state,
        "stage": job.stage or None,
        "done_bytes": job.done_bytes,
        "total_bytes": job.total_bytes or None,
        "percent": None if seen.percent is None else round(seen.percent, 1),
        "bytes_per_s": None if job.per_s is None else round(job.per_s),
        "left_s": None if job.left_s is None else round(job.left_s, 1),
        "attempts": job.attempts,
        "error": job.error,
        "hint": job.hint or None,
        "exit_code": job.exit_code,
        "created_at": format_time(job.created_at),
        "changed_at": format_time(job.changed_at),
        "ended_at": format_time(job.ended_at),
        "kept_bytes": seen.kept_bytes,
        "files": [
            {
                "path": file.path,
                "size_bytes": file.size_bytes,
                "done_bytes": file.done_bytes,
                "stage": file.stage,
            }
            for file in seen.files
        ],
    }
