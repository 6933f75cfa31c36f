"""A small program over the library that tests run, kill and trace.

``driver.py ACTION STORE ARGUMENT…``; an error that a person would see goes to standard error by
its class, and its exit code is the process's.
"""

import fcntl
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from modelfs.catalog.database import Catalog
from modelfs.errors import Failed, ModelfsError
from modelfs.library import (
    Library,
    create_library,
    eviction,
    open_library,
    organise,
    rebuild,
    removal,
    select,
    settings,
    undo,
)
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.library.check import read
from modelfs.library.checked import CheckSummary
from modelfs.library.collect import collect, plan_collection
from modelfs.paths import StorePaths
from modelfs.store.trouble import explain


def say(text: str) -> None:
    """Tell the parent, at once."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        raise Failed(f"cannot say {text!r}: {error.strerror}") from error


def bring(library: Library, sources: list[str], **options: object) -> list[Path]:
    """Add sources and say what became of each model; return the originals that had to stay."""
    left: list[Path] = []
    plan = plan_add(library, sources, AddOptions(**options))  # type: ignore[arg-type]
    for added in add(library, plan):
        say(f"{added.outcome} {added.model.entry_name}")
        left += added.left_behind
    return left


def move_away(library: Library, rest: list[str]) -> None:
    """Move sources in; fail when an original could not be taken away."""
    if left := bring(library, rest, move=True):
        raise Failed(f"originals stay where they are: {left}")


def hold_catalog(file: Path) -> None:
    """Hold the catalogue's write lock until standard input closes."""
    catalog = Catalog.open(file)
    with catalog.write():
        say("held")
        sys.stdin.read()
    catalog.close()


def hold_file(file: Path) -> None:
    """Create a file and hold its lock until standard input closes."""
    fd = os.open(file, os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.write(fd, b"on its way in")
    say("held")
    sys.stdin.read()


def keep_adding(library: Library, rest: list[str]) -> None:
    """Add, check, remove and empty models over a few shared contents until the time is up."""
    pool, number, seconds = Path(rest[0]), rest[1], float(rest[2])
    chance = random.Random(number)
    files = sorted(pool.iterdir())
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        count += 1
        file = chance.choice(files)
        options = AddOptions(name=f"{file.stem}-{number}-{count}")
        (added,) = add(library, plan_add(library, [str(file)], options))
        (held,) = added.model.files
        if library.store.path(held.blob).read_bytes() != file.read_bytes():
            raise AssertionError(f"{held.blob} is not what was added")
        if chance.random() < 0.8:
            removal.remove(library, removal.plan_removal(library, [added.model]))
            removal.empty_trash(library, removal.plan_removal(library, [added.model]))
    say(str(count))


def keep_collecting(library: Library, rest: list[str]) -> None:
    """Collect without any grace until the time is up."""
    until = time.monotonic() + float(rest[0])
    count = 0
    while time.monotonic() < until:
        collect(library, plan_collection(library, 0))
        count += 1
    say(str(count))


def remove(library: Library, rest: list[str]) -> None:
    """Move models to the trash."""
    removal.remove(library, removal.plan_removal(library, select.several(library, rest)))


def empty_trash(library: Library, rest: list[str]) -> None:
    """Delete models of the trash for good."""
    chosen = select.several(library, rest, trashed=True)
    removal.empty_trash(library, removal.plan_removal(library, chosen))


def evict(library: Library, rest: list[str]) -> None:
    """Let go what can be fetched again."""
    chosen = select.several(library, rest)
    plan = eviction.plan_eviction(library, chosen, is_open=lambda _: False)
    eviction.evict(library, plan, is_open=lambda _: False)


def verify(library: Library, _: list[str]) -> None:
    """Read every blob and set damage aside."""
    for checked in read(library, CheckSummary(), seal=False):
        say(f"{checked.finding.kind} {', '.join(checked.models)}")


def rebuild_catalog(store: Path, _: list[str]) -> None:
    """Rebuild a lost catalogue, or end a rebuild that was cut off."""
    paths = StorePaths(store)
    if not rebuild.end_interrupted(paths):
        rebuild.rebuild(paths, rebuild.plan_rebuild(paths))


def pairs(rest: list[str]) -> dict[str, str]:
    """Read ``key=value`` arguments."""
    return dict(text.split("=", 1) for text in rest)


def become(uid: int) -> None:
    """Go on as another user, who may not be able to read where Python and this package lie."""
    with tempfile.TemporaryDirectory() as folder:
        # Do everything once, so that whatever is imported or read late has been.
        file = Path(folder, "warm.gguf")
        file.write_bytes(b"warm")
        os.environ["MODELFS_LIBRARY"] = folder + "/store"
        with create_library(None, None) as library:
            list(add(library, plan_add(library, [str(file)], AddOptions())))
        del os.environ["MODELFS_LIBRARY"]
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


Action = Callable[[Library, list[str]], object]
IN_A_LIBRARY: dict[str, Action] = {
    "add": bring,
    "move": lambda library, rest: bring(library, rest, move=True),
    "move-away": move_away,
    "tag": lambda library, rest: organise.tag(library, [select.one(library, rest[0])], rest[1:]),
    "set": lambda library, rest: organise.assign(
        library, select.one(library, rest[0]), pairs(rest[1:])
    ),
    "pin": lambda library, rest: organise.pin(library, select.several(library, rest), pinned=True),
    "rm": remove,
    "restore": lambda library, rest: removal.restore(
        library, select.several(library, rest, trashed=True)
    ),
    "empty-trash": empty_trash,
    "evict": evict,
    "gc": lambda library, _: collect(library, plan_collection(library, 0)),
    "verify": verify,
    "undo": lambda library, _: undo.undo(library, undo.history(library, 1)[0][0]),
    "config": lambda library, rest: settings.change(library, pairs(rest)),
    "keep-adding": keep_adding,
    "keep-collecting": keep_collecting,
}
ELSEWHERE: dict[str, Callable[[Path, list[str]], object]] = {
    "create": lambda store, rest: create_library(store, Path(rest[0]) if rest else None).close(),
    "rebuild": rebuild_catalog,
    "hold-catalog": lambda store, _: hold_catalog(store / "catalog.sqlite3"),
    "hold-file": lambda file, _: hold_file(file),
}


def give_up(error: ModelfsError) -> NoReturn:
    """Tell an error as a person would see it, and end."""
    sys.stderr.write(f"{type(error).__name__}: {error.message}\n")
    sys.exit(error.exit_code)


def main(action: str, store: Path, rest: list[str]) -> None:
    """Do what was asked."""
    if action in ELSEWHERE:
        ELSEWHERE[action](store, rest)
    elif action == "create-and-add":
        with create_library(store, None) as library:
            settings.change(library, {"reserve": "0"})  # the disks of tests are small
        with open_library(store) as library:
            bring(library, rest)
    else:
        with open_library(store) as library:
            IN_A_LIBRARY[action](library, rest)


if __name__ == "__main__":
    if "DRIVER_UID" in os.environ:
        become(int(os.environ["DRIVER_UID"]))
    try:
        main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
    except ModelfsError as error:
        give_up(error)
    except OSError as error:  # told at the edge, as the true program does
        give_up(explain(error, str(error.filename or "driver")))
