"""Long work that is not a fetch becomes a job as well, once it has lasted for moments.

What is over at once leaves no row: nobody would look for it. The row is kept up by the work's own
reports, so work that reports seldom is told late that it shall stop.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from modelfs.catalog import jobs
from modelfs.catalog.jobs import JobKind, JobRecord
from modelfs.errors import Cancelled
from modelfs.library.jobs import Paused, find, running
from modelfs.library.library import Library
from modelfs.library.speed import Speed
from modelfs.progress import Progress, Report, silent

LONG_S = 2.0
"""Work that lasts for so long is a job."""
_WRITE_S = 1.0

Clock = Callable[[], float]


@contextmanager
def tracked(
    library: Library,
    kind: JobKind,
    title: str,
    request: Mapping[str, object],
    report: Report = silent,
    *,
    job: JobRecord | None = None,
    clock: Clock = time.monotonic,
) -> Iterator[Report]:
    """Give the block a report that passes on to ``report`` and keeps a job's row up to date.

    ``request`` is what running the job again needs, as JSON. ``job`` is the row of one that is
    being run again: it is taken at once. Raises Refused when another process is at that one; the
    given report raises Paused or Cancelled when another process asks for it. How the block ends is
    written into the row. The report must not be called inside a transaction of this library's.
    """
    with ExitStack() as stack:
        tracker = _Tracker(library, stack, report, clock)
        if job is not None:
            tracker.take(job)

        def follow(progress: Progress) -> None:
            report(progress)
            if tracker.is_long():
                tracker.take(_new(library, kind, title, request))
            tracker.write(progress)

        yield follow


def _new(library: Library, kind: JobKind, title: str, request: Mapping[str, object]) -> JobRecord:
    # Paused for the moment until it is taken: nobody who looks for queued work may be faster.
    return find(library, jobs.create(library.catalog, kind, title, request, state="paused"))


class _Tracker:
    """The row of one piece of work, once it has one."""

    def __init__(self, library: Library, stack: ExitStack, report: Report, clock: Clock) -> None:
        self._library = library
        self._stack = stack
        self._clock = clock
        self._began_at = clock()
        self._written_at = self._began_at - _WRITE_S
        self._job: JobRecord | None = None
        self._speed = Speed()
        self._sum = ("", 0)
        self._done = 0

    def is_long(self) -> bool:
        """Say whether it has lasted so long that it should have a row, and has none."""
        return self._job is None and self._clock() - self._began_at >= LONG_S

    def take(self, job: JobRecord) -> None:
        """Hold a job until the work ends."""
        self._stack.enter_context(running(self._library, job))
        self._job = job

    def write(self, progress: Progress) -> None:
        """Write how far it is, once a second; raises what is wished."""
        done, total = (progress.done, progress.total) if progress.unit == "bytes" else (0, 0)
        if (progress.step, total) != self._sum or done < self._done:
            self._sum, self._speed = (progress.step, total), Speed()  # another sum began
        self._done = done
        self._speed.add(done)
        if self._job is None or self._clock() - self._written_at < _WRITE_S:
            return
        self._written_at = self._clock()
        per_s = progress.per_s or self._speed.per_s
        catalog, job = self._library.catalog, self._job.id
        wish = jobs.report(catalog, job, progress.step, done, total, per_s, {})
        if wish == "pause":
            raise Paused("paused", f"modelfs jobs resume {job}")
        if wish == "cancel":
            raise Cancelled("cancelled", f"modelfs jobs resume {job} begins it again")
