"""Doing what waits: one job by what it is, and all that are queued, by the one worker of a library.

Nothing here knows of commands: a service may work in its own process.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelfs import durable, locks, paths
from modelfs.catalog import jobs
from modelfs.catalog.jobs import JobRecord
from modelfs.errors import ModelfsError
from modelfs.library.add import Added
from modelfs.library.fetching import run_job
from modelfs.library.jobs import Paused, Taken
from modelfs.library.library import Library, open_library
from modelfs.library.local_work import add_again, verify_again
from modelfs.progress import Progress, Report, silent

log = logging.getLogger(__name__)

_LOOKERS_S = 0.3
"""Who only looks whether the lock is held has it for less."""
_TAKEN_S = 0.1
_LOG_BYTES = 1 << 20
"""A longer log is begun anew."""


def run(library: Library, job: JobRecord, report: Report = silent) -> list[Added]:
    """Do a job, or go on with it; return the models it brought.

    Raises Taken when another process is at it, and what ended it, which is in its row too.
    """
    if job.kind == "add":
        return add_again(library, job, report)
    if job.kind == "verify":
        verify_again(library, job, report)
        return []
    return run_job(library, job, report)


def _never() -> bool:
    return False


def work(store: Path, report: Report = silent, stopping: Callable[[], bool] = _never) -> None:
    """Do the queued jobs of a library one after the other, until none is left.

    Returns at once when another worker is at it. A job that fails is said to, and the next one
    begun. Once ``stopping`` says so, the one that is done pauses and the rest stays queued; an
    exception that is no Exception, such as a signal's SystemExit, does the same and is raised.
    """
    with open_library(store) as library:
        # Looked at again when the lock is free: who queued just before sees a worker, starts none.
        while not stopping() and jobs.next_queued(library.catalog) is not None:
            with _being_the_worker(library) as alone:
                if not alone:
                    return
                _do_queued(library, report, stopping)


def _do_queued(library: Library, report: Report, stopping: Callable[[], bool]) -> None:
    def checked(progress: Progress) -> None:
        report(progress)
        if stopping():
            raise Paused("its worker was told to end", "modelfs jobs resume")

    while not stopping() and (job := jobs.next_queued(library.catalog)) is not None:
        log.info("job %d begins: %s", job.id, job.title)
        try:
            run(library, job, checked)
            log.info("job %d is done", job.id)
        except Exception as error:
            log.warning("job %d ended: %s", job.id, error)
            _see_that_it_left(library, job, error)


def _see_that_it_left(library: Library, job: JobRecord, error: Exception) -> None:
    """Take a job out of the queue that could not even begin, so that it is not taken for ever."""
    now = jobs.get(library.catalog, job.id)
    if now is None or now.state != "queued" or now.attempts != job.attempts:
        return
    if isinstance(error, Taken):
        time.sleep(_TAKEN_S)  # whoever has it is about to begin it, or to let it go
    elif isinstance(error, ModelfsError):
        jobs.end(library.catalog, job.id, "failed", error.message, error.hint, error.exit_code)
    else:
        jobs.end(library.catalog, job.id, "failed", repr(error), None, 1)


def worker_lock(library: Library) -> Path:
    """Return the file whose lock the worker of a library holds."""
    return library.paths.jobs / "worker.lock"


def worker_log(library: Library) -> Path:
    """Return what a worker in a process of its own has to say."""
    return library.paths.jobs / "worker.log"


@contextmanager
def _being_the_worker(library: Library) -> Iterator[bool]:
    durable.make_folder(library.paths.jobs)
    fd = os.open(worker_lock(library), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield locks.take_within(fd, exclusive=True, timeout_s=_LOOKERS_S)
    finally:
        os.close(fd)


def start_worker(library: Library) -> bool:
    """Have a process of its own do what is queued; False when there is one already.

    Returns at once. The process lives on when this one ends, and ends when the queue is empty.
    """
    if locks.is_held(worker_lock(library)):
        return False
    durable.make_folder(library.paths.jobs)
    file = worker_log(library)
    is_long = file.exists() and file.stat().st_size > _LOG_BYTES
    with open(file, "wb" if is_long else "ab") as output:
        subprocess.run(
            # The shell leaves at once: the worker is no child that we would have to wait for.
            ["/bin/sh", "-c", '"$@" &', "sh", sys.executable, "-m", "modelfs", "jobs", "work"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",  # so that no disk stays busy because of it
            env={**os.environ, paths.LIBRARY_VARIABLE: str(library.paths.root)},
            start_new_session=True,
            check=True,
        )
    return True
