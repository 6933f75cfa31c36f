"""Long work under way: who runs it, how it is stopped from elsewhere, and what is left of it.

A job is alive while the lock of its file in ``jobs/`` is held. One whose process died is found so,
and can be resumed like one that was paused.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from modelfs import durable, locks
from modelfs.catalog import jobs
from modelfs.catalog.jobs import JobId, JobRecord, JobState
from modelfs.errors import Cancelled, ModelfsError, NoSpace, NotFound, Refused
from modelfs.library.library import Library

DIED = "its process ended before it was done"
ENDED = "its process was told to end"
STOPPED = "you stopped it"
_LOOKERS_S = 0.3
"""Who only looks whether a lock is held has it for less: held for longer, it has an owner."""
_POLL_S = 0.05
_NEW_S = 30.0
"""More than SQLite is waited for."""


class Paused(Cancelled):
    """Another process asked for a pause."""


class Taken(Refused):
    """Another process is at the job, or was since the caller looked."""


def lock_file(library: Library, job: JobId) -> Path:
    """Return the file whose lock says that a job is alive."""
    return library.paths.jobs / f"{job}.lock"


def is_alive(library: Library, job: JobId) -> bool:
    """Say whether a process works on this job."""
    return locks.is_held(lock_file(library, job))


def state_now(library: Library, job: JobRecord) -> JobState:
    """Return the state that a job is in: paused, when the process died that worked on it."""
    dead = job.state == "running" and not is_alive(library, job.id)
    return "paused" if dead else job.state


def find(library: Library, job: int) -> JobRecord:
    """Return one job; raises NotFound."""
    found = jobs.get(library.catalog, JobId(job))
    if found is None:
        raise NotFound(f"there is no job {job}", "modelfs jobs lists them")
    return found


@contextmanager
def running(library: Library, job: JobRecord) -> Iterator[None]:
    """Hold a job while the block works on it, and write how that ended.

    Raises Taken when another process is at it, or has been since the caller looked. What ends the
    block is raised again: a full disk, Ctrl-C and a wish to pause leave the job paused, a wish
    to cancel cancelled, an error failed.
    """
    with held(library, job.id):
        if find(library, job.id).state != job.state:
            raise Taken(f"job {job.id} has changed meanwhile", "modelfs jobs")
        jobs.begin(library.catalog, job.id)
        try:
            yield
        except BaseException as error:
            _ended(library, job.id, error)
        jobs.end(library.catalog, job.id, "done")


@contextmanager
def held(library: Library, job: JobId) -> Iterator[None]:
    """Hold a job: nobody else begins to work on it. Raises Taken when somebody does."""
    durable.make_folder(library.paths.jobs)
    path = lock_file(library, job)
    fd = _locked(path)
    if fd is None:
        raise Taken(f"job {job} is being worked on already", "modelfs jobs --watch")
    try:
        yield
    finally:
        # Safety: it is empty and locked by us; who waits for it looks whether it is still there.
        path.unlink(missing_ok=True)
        os.close(fd)


def _locked(path: Path) -> int | None:
    """Return the locked file at ``path``; None when another has it."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not locks.take_within(fd, exclusive=True, timeout_s=_LOOKERS_S):
                os.close(fd)
                return None
            with suppress(FileNotFoundError):
                if os.path.samestat(os.lstat(path), os.fstat(fd)):
                    return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # its last holder has removed it while we waited


def _ended(library: Library, job: JobId, error: BaseException) -> NoReturn:
    state: JobState = "failed"
    if isinstance(error, Paused | NoSpace) or not isinstance(error, Exception):
        state = "paused"
    elif isinstance(error, Cancelled):
        state = "cancelled"
    if isinstance(error, ModelfsError):
        jobs.end(library.catalog, job, state, error.message, error.hint, error.exit_code)
    else:
        stopped = not isinstance(error, Exception)
        reason = ENDED if stopped else repr(error)
        reason = STOPPED if isinstance(error, KeyboardInterrupt) else reason
        jobs.end(library.catalog, job, state, reason, None, 130 if stopped else 1)
    raise error


@contextmanager
def creating(library: Library) -> Iterator[None]:
    """Be the only one who writes a new job down: two who ask for the same then make one."""
    durable.make_folder(library.paths.jobs)
    with locks.hold(library.paths.jobs / "new.lock", exclusive=True, timeout_s=_NEW_S):
        yield


def requeue(library: Library, job: JobId) -> bool:
    """Put a job into the queue for whoever works on it; False when it is being worked on."""
    try:
        with held(library, job):
            jobs.queue(library.catalog, job)
    except Taken:
        return False
    return True


def cancel(library: Library, job: JobRecord) -> bool:
    """Cancel a job: its runner is asked to, or it is said at once. False when it was over."""
    return _wish(library, job.id, "cancel", "cancelled")


def pause(library: Library, job: JobRecord) -> bool:
    """Pause a job: its runner is asked to, or it is said at once. False when it was over."""
    return _wish(library, job.id, "pause", "paused")


def _wish(library: Library, job: JobId, what: jobs.Wish, state: JobState) -> bool:
    while True:
        now = find(library, job)
        if now.state in jobs.OVER or (what == "pause" and now.state == "failed"):
            return False
        if is_alive(library, job) and jobs.wish(library.catalog, job, what):
            return True
        # Held, so that it is not begun while it is said to be over.
        with suppress(Taken), held(library, job):
            if find(library, job).state == now.state:
                jobs.end(library.catalog, job, state, STOPPED, None, 130)
                return True


def settled(library: Library, job: JobId, within_s: float) -> JobRecord:
    """Wait until nobody works on a job, at most so long; return it as it is then."""
    until = time.monotonic() + within_s
    while is_alive(library, job) and time.monotonic() < until:
        time.sleep(_POLL_S)
    return find(library, job)
