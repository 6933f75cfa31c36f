"""What the mount's process does beside the mount: speaks to who runs it, and has work done.

The work itself goes on in processes of its own: this one's interpreter is for the readers. The
children end with the mount, but for the worker of the jobs, which ends with its queue.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import trio

from modelfs.catalog import jobs
from modelfs.catalog.database import Catalog
from modelfs.fs.repeating import again_and_again
from modelfs.holders import holders
from modelfs.library import open_library, upkeep
from modelfs.library.work import start_worker
from modelfs.paths import LIBRARY_VARIABLE, StorePaths
from modelfs.service import notify
from modelfs.service.standing import is_scrubbed_by_timer

log = logging.getLogger(__name__)

_ANSWER_S, _LISTING_S = 0.2, 0.02
_STATUS_S = 5.0
_JOBS_S = 5.0
"""Whoever queues a job starts the worker too, and by then that one is there."""
_QUOTA_S = 60.0
_QUOTA_AGAIN_S = 600.0
"""So long after it could not be held: by then a file may be closed, or a seal computed."""
_SCRUB_S = 3600.0
_LOOK_ANYWAY_S = 60.0
_HOLDERS_S = 2.0


async def attend(store: StorePaths, mountpoint: Path, status: Callable[[], str]) -> None:
    """Do all of it until cancelled; ``status`` says in a line how the mount is."""
    open_catalog = partial(Catalog.open, store.catalog, read_only=True)
    with closing(await trio.to_thread.run_sync(open_catalog)) as catalog:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_speak, mountpoint, status)
            nursery.start_soon(again_and_again, _JOBS_S, _Queue(store, catalog).look)
            nursery.start_soon(again_and_again, _QUOTA_S, _Quota(store, catalog).look)
            nursery.start_soon(again_and_again, _SCRUB_S, _scrub, store)


async def say_goodbye(mountpoint: Path) -> None:
    """Tell that the mount ends, and who still uses it."""
    await _tell("STOPPING=1", "STATUS=unmounting")
    users: list[str] = []
    with trio.move_on_after(_HOLDERS_S):
        users = await trio.to_thread.run_sync(holders, mountpoint, abandon_on_cancel=True)
    if users:
        log.warning("taken away from %s", ", ".join(users))
        await _tell(f"STATUS=unmounting, taken away from {', '.join(users)}")


async def _tell(*lines: str) -> None:
    """Say it from a thread, as a manager that is swamped may keep us waiting."""
    await trio.to_thread.run_sync(notify.tell, *lines)


async def _speak(mountpoint: Path, status: Callable[[], str]) -> None:
    """Keep the service manager told, if one listens."""
    if not notify.is_wanted():
        return
    await _until_it_answers(mountpoint)
    said = status()
    await _tell("READY=1", f"STATUS={said}")
    watchdog_s = notify.watchdog_period_s()
    while True:
        await trio.sleep(min(_STATUS_S, watchdog_s or _STATUS_S))
        if watchdog_s is not None:
            await _tell("WATCHDOG=1")
        if status() != said:
            said = status()
            await _tell(f"STATUS={said}")


async def _until_it_answers(mountpoint: Path) -> None:
    """Wait until a listing of the mount succeeds.

    Another process asks: one that waits for a mount that it serves itself cannot even be killed.
    """
    while True:
        try:
            if await _lists(mountpoint):
                return
        except OSError as error:
            log.warning("nobody can be sent to look at the mount: %s", error)
        await trio.sleep(_ANSWER_S)


async def _lists(mountpoint: Path) -> bool:
    start = partial(
        subprocess.Popen,
        ["ls", "-A", "--", str(mountpoint)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=_environment(),
    )
    asking = await trio.to_thread.run_sync(start)
    try:
        while asking.poll() is None:
            await trio.sleep(_LISTING_S)
    finally:
        # Never waited for when the mount ends: it may itself be waiting for an answer of ours.
        asking.kill()
    return asking.returncode == 0


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in notify.VARIABLES}


async def _child(command: list[str], store: Path) -> "subprocess.CompletedProcess[bytes]":
    """Run a process that asks nothing of the mount; it ends when we are cancelled."""
    return await trio.run_process(
        command,
        stdin=subprocess.DEVNULL,
        capture_stdout=True,
        check=False,
        cwd="/",  # so that no disk stays busy because of it
        env={**_environment(), LIBRARY_VARIABLE: str(store)},
        start_new_session=True,  # Ctrl-C is for us alone, and we end it
    )


async def _modelfs(store: StorePaths, *arguments: str) -> str:
    """Run a command of ours on this library; return what it said."""
    done = await _child([sys.executable, "-m", "modelfs", *arguments], store.root)
    return done.stdout.decode(errors="replace").strip()


class _Watch:
    """Says when it is worth looking: the catalogue has changed, or nobody looked for a minute."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._seen = -1
        self._at = 0.0

    def is_due(self) -> bool:
        """Cheap: costs microseconds."""
        version, now = self._catalog.data_version(), trio.current_time()
        due = version != self._seen or now - self._at >= _LOOK_ANYWAY_S
        if due:
            self._seen, self._at = version, now
        return due


class _Queue:
    """The queue of jobs: one that waits without a worker gets one, as after a reboot."""

    def __init__(self, store: StorePaths, catalog: Catalog) -> None:
        self._store = store
        self._watch = _Watch(catalog)

    async def look(self) -> None:
        """Start a worker if there is something to do and nobody does it."""
        if self._watch.is_due() and await trio.to_thread.run_sync(self._start_worker):
            log.info("jobs were waiting and nobody worked on them: begun")

    def _start_worker(self) -> bool:
        with open_library(self._store.root, read_only=True) as library:
            return jobs.next_queued(library.catalog) is not None and start_worker(library)


class _Quota:
    """The quota: kept by a process that is begun when the library has become too large."""

    def __init__(self, store: StorePaths, catalog: Catalog) -> None:
        self._store = store
        self._watch = _Watch(catalog)
        self._left_over = 0
        """What was too much and stayed, as of ``_tried_at``."""
        self._tried_at = -_QUOTA_AGAIN_S
        self._told = ""

    async def look(self) -> None:
        """Have things let go of, if there is too much. No sooner than a while after the last."""
        over = await trio.to_thread.run_sync(self._over) if self._watch.is_due() else 0
        patience_s = _QUOTA_AGAIN_S if over == self._left_over else 0.0
        if not over or trio.current_time() - self._tried_at < patience_s:
            return
        said = await _modelfs(self._store, "service", "quota")
        if said != self._told:
            for line in said.splitlines():
                log.info("%s", line)
        self._told = said
        # One that said nothing has failed, and is begun again at the next look.
        self._left_over = await trio.to_thread.run_sync(self._over) if said else 0
        self._tried_at = trio.current_time()

    def _over(self) -> int:
        with open_library(self._store.root, read_only=True) as library:
            return upkeep.over_quota_bytes(library)


async def _scrub(store: StorePaths) -> None:
    """Have a slice of the bytes checked, unless the service's timer does that."""
    if await trio.to_thread.run_sync(is_scrubbed_by_timer):
        return
    for line in (await _modelfs(store, "service", "scrub")).splitlines():
        log.info("%s", line)
