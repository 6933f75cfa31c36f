"""Two who ask for the same share one job: the second follows it, and is told what it brought."""

import time

from modelfs.catalog.jobs import JobId, JobRecord
from modelfs.errors import Cancelled, ModelfsError
from modelfs.library.add import Added
from modelfs.library.fetching import brought
from modelfs.library.jobs import Taken, find, is_alive
from modelfs.library.library import Library
from modelfs.library.watching import view
from modelfs.library.work import run
from modelfs.progress import Report, silent

_LOOK_S = 0.25


class _Relayed(ModelfsError):
    """What another process said of a job, with the exit code it had."""

    def __init__(self, message: str, hint: str, exit_code: int) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code  # type: ignore[misc]  # each class owns one; this one relays


def run_or_follow(library: Library, job: JobId, report: Report = silent) -> list[Added]:
    """Do a job, or wait for whoever does it and report on that; return the models it brought.

    Goes on with it when that process dies. Raises what ended it, here or there.
    """
    while True:
        record = find(library, job)
        if record.state == "done":
            return brought(library, record)
        try:
            return run(library, record, report)
        except Taken:
            ended = follow(library, job, report)
            if ended.attempts > record.attempts or record.state == "running":
                _raise_how_it_ended(ended)


def follow(library: Library, job: JobId, report: Report = silent) -> JobRecord:
    """Report on a job until nobody works on it; return its row then."""
    alive = True
    while alive:
        alive = is_alive(library, job)  # first, so that the row is read after its last change
        record = find(library, job)
        report(view(library, record).progress)
        if alive:
            time.sleep(_LOOK_S)
    return record


def _raise_how_it_ended(job: JobRecord) -> None:
    if job.state == "failed":
        raise _Relayed(job.error or "it failed elsewhere", job.hint or "", job.exit_code or 1)
    if job.state in ("paused", "cancelled"):
        raise Cancelled(
            f"job {job.id} was {job.state} elsewhere: {job.error}", f"modelfs jobs resume {job.id}"
        )
