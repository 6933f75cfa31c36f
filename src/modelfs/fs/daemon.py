"""The process behind a mount: prepares, mounts, follows the catalogue, and leaves cleanly.

It never touches a path below its own mount. SIGTERM, SIGINT and SIGHUP unmount; SIGKILL leaves a
dead mount that the next ``modelfs mount`` takes away.
"""

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyfuse3
import trio

from modelfs import durable, locks
from modelfs.errors import CatalogBusy, Failed, Refused
from modelfs.fs import duties, elsewhere, mountinfo
from modelfs.fs.connection import Connection, connect
from modelfs.fs.counting import UseCounter, write_uses
from modelfs.fs.following import Follower
from modelfs.fs.invalidation import Invalidator
from modelfs.fs.known import KnownInodes
from modelfs.fs.operations import Operations
from modelfs.fs.readahead import widen
from modelfs.fs.repeating import again_and_again
from modelfs.fs.sealing import Sealer
from modelfs.fs.state import write_note
from modelfs.library import Library, open_library
from modelfs.library.library import check_apart
from modelfs.paths import StorePaths
from modelfs.units import format_count
from modelfs.views import TreeDiff
from modelfs.views.inodes import file_inode, folder_inode

log = logging.getLogger(__name__)

_POLL_S = 0.2
_COUNT_S = 2.0
_SEAL_S = 1.0
_STOP_S = 2.0
_DEVICE = Path("/dev/fuse")
_TASKS = 99
"""How many requests may be under way. None of the tasks ends before: one that did would leave its
last reply for the relay's own task to find."""

_TURN_S = 0.0005
"""How long a thread may keep the interpreter when the loop wants it: a tenth of Python's own.

A request needs the interpreter several times, and would wait as often while a change is followed.
"""


def run(
    store: Path, *, links: bool, allow_other: bool = False, announce: Callable[[Path], None]
) -> None:
    """Mount the library in ``store`` and serve it until it is unmounted or told to stop.

    ``links`` and ``allow_other`` have that, whatever the settings say. ``announce`` is called once
    the kernel has the mount. Raises ModelfsError when it cannot be.
    """
    with ExitStack() as stack:
        library = stack.enter_context(open_library(store))
        lock = locks.hold(library.paths.mount_lock, exclusive=True, timeout_s=1.0)
        try:
            lock_fd = stack.enter_context(lock)
        except CatalogBusy as error:
            if not mountinfo.mounts_at(library.mountpoint) and elsewhere.keepers():
                raise elsewhere.kept() from error
            raise Failed("the library is mounted already", "modelfs status says where") from error
        settings = library.settings
        library.settings = replace(
            settings,
            read_path="links" if links else settings.read_path,
            allow_other=allow_other or settings.allow_other,
        )
        _mount(library, lock_fd, announce)


def _mount(library: Library, lock_fd: int, announce: Callable[[Path], None]) -> None:
    settings, mountpoint = library.settings, library.mountpoint
    prepare(library, mountpoint)
    sys.setswitchinterval(_TURN_S)
    follower = _first_view(library)
    operations = Operations(library.store, follower.tree, links=settings.read_path == "links")
    note = partial(write_note, lock_fd, mountpoint)
    note("", "it is just being mounted")
    connection = connect(
        operations,
        mountpoint,
        settings.read_path,
        allow_other=settings.allow_other,
    )
    try:
        note(connection.read_path, connection.told)
        log.info("mounted at %s, %d models", mountpoint, len(follower.tree.models))
        log.info("read path: %s (%s)", connection.read_path, connection.told)
        trio.run(
            _serve, operations, follower, connection, library.paths, mountpoint, note, announce
        )
    finally:
        connection.close()
        follower.close()
        write_uses(library.paths.catalog, operations.uses.take())


def _first_view(library: Library) -> Follower:
    """Read the whole catalogue, without looking for garbage among what is all to be kept.

    Python's collector would walk millions of objects again and again, while nobody is answered.
    """
    gc.disable()
    try:
        return Follower(library.paths.catalog, library.placer)
    finally:
        gc.freeze()
        gc.enable()


def prepare(library: Library, mountpoint: Path) -> None:
    """Make sure that a mount can be made: FUSE is there, nothing dead or full is in the way."""
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        raise Failed(
            f"{_DEVICE} is {'not ours to open' if _DEVICE.exists() else 'not there'}: no FUSE here",
            "load the fuse module (modprobe fuse); in a container give it --device /dev/fuse",
        )
    check_apart(library.paths.root, mountpoint)
    healed = mountinfo.heal(mountpoint)
    if healed:
        log.warning("took away %d dead mount(s) at %s", healed, mountpoint)
    try:
        durable.make_folder(mountpoint)
        occupied = any(mountpoint.iterdir())
    except OSError as error:
        raise Failed(f"{mountpoint} cannot be used as mountpoint: {error.strerror}") from error
    if occupied:
        raise Refused(
            f"there are files in {mountpoint}: mounting would hide them",
            "add them to the library and move them away, or choose an empty folder: "
            "modelfs init --mount DIR",
        )


async def _serve(
    operations: Operations,
    follower: Follower,
    connection: Connection,
    paths: StorePaths,
    mountpoint: Path,
    note: Callable[[str, str], None],
    announce: Callable[[Path], None],
) -> None:
    sealer = Sealer(paths.root)
    sealer.start()
    invalidator = Invalidator(*connection.forgetting())
    invalidator.start()
    follow = partial(_follow, operations, follower, invalidator, trio.Lock())
    operations.catch_up = follow

    def status() -> str:
        count = format_count(len(operations.tree.models), "model")
        return f"{count} at {mountpoint}, {connection.read_path}"

    async with trio.open_nursery() as nursery:
        stops = invalidator.stop, connection.relay.stop_pushing
        nursery.start_soon(_obey_signals, stops, mountpoint, nursery.cancel_scope)
        nursery.start_soon(_widen, operations.ready, mountpoint)
        nursery.start_soon(again_and_again, _POLL_S, follow)
        nursery.start_soon(again_and_again, _COUNT_S, _count, operations.uses, paths.catalog)
        nursery.start_soon(again_and_again, _SEAL_S, _want_seals, operations, sealer)
        nursery.start_soon(connection.relay.run)
        nursery.start_soon(_tell_trouble, connection, note, connection.told)
        nursery.start_soon(duties.attend, paths, mountpoint, status)
        announce(mountpoint)
        await pyfuse3.main(min_tasks=_TASKS, max_tasks=_TASKS)
        nursery.cancel_scope.cancel()
    for stop in stops:
        stop(0)
    sealer.stop(_STOP_S)


async def _tell_trouble(
    connection: Connection, note: Callable[[str, str], None], said: str
) -> None:
    """Keep the note true where files are served that were to be read directly."""
    while True:
        await trio.sleep(_COUNT_S)
        if connection.told != said:
            said = connection.told
            await trio.to_thread.run_sync(note, connection.read_path, said)


async def _widen(ready: trio.Event, mountpoint: Path) -> None:
    await ready.wait()
    await trio.to_thread.run_sync(widen, mountpoint)


async def _obey_signals(
    stops: Sequence[Callable[[float], None]], mountpoint: Path, scope: trio.CancelScope
) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for number in signals:
            log.info("%s: unmounting", signal.Signals(number).name)
            await duties.say_goodbye(mountpoint)
            # While requests are still answered: the kernel may hold a thread until one is.
            for stop in stops:
                await trio.to_thread.run_sync(stop, _STOP_S)
            pyfuse3.terminate()
            # Who waits for a disk that does not answer would keep the mount for ever.
            scope.deadline = trio.current_time() + _STOP_S
            return


async def _follow(
    operations: Operations, follower: Follower, invalidator: Invalidator, one_at_a_time: trio.Lock
) -> None:
    """Show what others have committed since the last look."""
    async with one_at_a_time:
        if follower.poll():
            operations.tree, diff = await trio.to_thread.run_sync(follower.refresh)
            # In a thread, for a diff may be large. What the kernel learns meanwhile is new already.
            await trio.to_thread.run_sync(_tell_kernel, operations.known, diff, invalidator)


def _tell_kernel(known: KnownInodes, diff: TreeDiff, invalidator: Invalidator) -> None:
    """Have the kernel forget what changed, of the things it knows."""
    inodes = {path: folder_inode(path) for path in diff.folders}
    names = [
        (inodes[path], name.encode()) for path, name in diff.names if known.holds(inodes[path])
    ]
    attributes = [inode for inode in inodes.values() if known.holds(inode)]
    attributes += [file_inode(file) for file in diff.files if known.holds(file_inode(file))]
    invalidator.forget(names, attributes)


async def _want_seals(operations: Operations, sealer: Sealer) -> None:
    """Have sealed what the tools' stores wait for; looked up when the tree has changed."""
    tree = operations.tree
    if tree is not sealer.looked_at:
        sealer.want(await trio.to_thread.run_sync(tree.unsealed, sealer.looked_at))
        sealer.looked_at = tree


async def _count(uses: UseCounter, catalog_file: Path) -> None:
    """Write who opened what."""
    taken = uses.take()
    if taken and not await trio.to_thread.run_sync(write_uses, catalog_file, taken):
        uses.give_back(taken)
