"""The process behind a mount: prepares, mounts, follows the catalogue, and leaves cleanly.

It never touches a path below its own mount. SIGTERM, SIGINT and SIGHUP unmount; SIGKILL leaves a
dead mount that the next ``modelfs mount`` takes away.
"""

import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pyfuse3
import trio

from modelfs import durable, locks
from modelfs.errors import CatalogBusy, Failed, ModelfsError, Refused
from modelfs.fs import mountinfo
from modelfs.fs.counting import UseCounter, write_uses
from modelfs.fs.following import Follower
from modelfs.fs.invalidation import Invalidator
from modelfs.fs.known import KnownInodes
from modelfs.fs.operations import Operations
from modelfs.fs.readahead import widen
from modelfs.fs.requests import take_quickly
from modelfs.fs.sealing import Sealer
from modelfs.fs.state import write_note
from modelfs.library import Library, open_library
from modelfs.library.library import check_apart
from modelfs.paths import StorePaths
from modelfs.views import TreeDiff
from modelfs.views.inodes import file_inode, folder_inode

log = logging.getLogger(__name__)

_POLL_S = 0.2
_COUNT_S = 2.0
_SEAL_S = 1.0
_STOP_S = 2.0
_AFTER_A_BUG_S = 5.0
_DEVICE = Path("/dev/fuse")

_TURN_S = 0.0005
"""How long a thread may keep the interpreter when the loop wants it: a tenth of Python's own.

A request needs the interpreter several times, and would wait as often while a change is followed.
"""


def run(store: Path, *, links: bool, announce: Callable[[Path], None]) -> None:
    """Mount the library in ``store`` and serve it until it is unmounted or told to stop.

    ``announce`` is called once the kernel has the mount. Raises ModelfsError when it cannot be.
    """
    with ExitStack() as stack:
        library = stack.enter_context(open_library(store))
        lock = locks.hold(library.paths.mount_lock, exclusive=True, timeout_s=1.0)
        try:
            lock_fd = stack.enter_context(lock)
        except CatalogBusy as error:
            raise Failed("the library is mounted already", "modelfs status says where") from error
        _mount(library, lock_fd, links, announce)


def _mount(library: Library, lock_fd: int, links: bool, announce: Callable[[Path], None]) -> None:
    mountpoint = library.mountpoint
    prepare(library, mountpoint)
    sys.setswitchinterval(_TURN_S)
    take_quickly()
    follower = _first_view(library)
    operations = Operations(library.store, follower.tree, links=links)
    write_note(lock_fd, mountpoint, "links" if links else "served")
    options = {"default_permissions", "ro", "fsname=modelfs", "subtype=modelfs"}
    if library.settings.allow_other:
        options.add("allow_other")
    try:
        pyfuse3.init(operations, str(mountpoint), options)
    except RuntimeError as error:
        raise Failed(
            f"FUSE does not mount {mountpoint}: {error}",
            f"its own words are in {library.paths.mount_log}",
        ) from error
    log.info("mounted at %s, %d models", mountpoint, len(follower.tree.models))
    try:
        trio.run(_serve, operations, follower, library.paths, mountpoint, announce)
    finally:
        pyfuse3.close(unmount=True)
        follower.close()
        write_uses(library.paths.catalog, operations.uses.take())
        log.info("unmounted")


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
    paths: StorePaths,
    mountpoint: Path,
    announce: Callable[[Path], None],
) -> None:
    sealer = Sealer(paths.root)
    sealer.start()
    invalidator = Invalidator(
        pyfuse3.invalidate_entry, lambda inode: pyfuse3.invalidate_inode(inode, attr_only=True)
    )
    invalidator.start()
    follow = partial(_follow, operations, follower, invalidator, trio.Lock())
    operations.catch_up = follow
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_obey_signals, invalidator)
        nursery.start_soon(_widen, operations.ready, mountpoint)
        nursery.start_soon(_again_and_again, _POLL_S, follow)
        nursery.start_soon(_again_and_again, _COUNT_S, _count, operations.uses, paths.catalog)
        nursery.start_soon(_again_and_again, _SEAL_S, _want_seals, operations, sealer)
        announce(mountpoint)
        await pyfuse3.main()
        nursery.cancel_scope.cancel()
    invalidator.stop(0)
    sealer.stop(_STOP_S)


async def _widen(ready: trio.Event, mountpoint: Path) -> None:
    await ready.wait()
    await trio.to_thread.run_sync(widen, mountpoint)


async def _again_and_again(
    period_s: float, step: Callable[..., Awaitable[None]], *arguments: Any
) -> None:
    """Repeat a step for as long as the mount lives, whatever becomes of one."""
    while True:
        await trio.sleep(period_s)
        try:
            await step(*arguments)
        except ModelfsError as error:
            log.warning("%s", error.message)
        except Exception:
            # The guard that keeps the mount alive: an old view is better than none.
            log.exception("what the mount repeats has failed; it will try again")
            await trio.sleep(_AFTER_A_BUG_S)


async def _obey_signals(invalidator: Invalidator) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for number in signals:
            log.info("%s: unmounting", signal.Signals(number).name)
            # While requests are still answered: the kernel may hold the thread until one is.
            await trio.to_thread.run_sync(invalidator.stop, _STOP_S)
            pyfuse3.terminate()
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
