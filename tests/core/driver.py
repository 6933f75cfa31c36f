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
from pathlib import Path

from modelfs.catalog.database import Catalog
from modelfs.errors import ModelfsError
from modelfs.library import Library, create_library, open_library, removal
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.library.collect import collect, plan_collection


def say(text: str) -> None:
    """Tell the parent, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def bring(library: Library, sources: list[str], **options: object) -> None:
    """Add sources and say what became of each model."""
    plan = plan_add(library, sources, AddOptions(**options))  # type: ignore[arg-type]
    for added in add(library, plan):
        say(f"{added.outcome} {added.model.entry_name}")


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


def keep_adding(library: Library, pool: Path, number: str, seconds: float) -> None:
    """Add, check, remove and empty models over a few shared contents until the time is up."""
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


def keep_collecting(library: Library, seconds: float) -> None:
    """Collect without any grace until the time is up."""
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        collect(library, plan_collection(library, 0))
        count += 1
    say(str(count))


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


def main(action: str, store: Path, rest: list[str]) -> None:
    """Do what was asked."""
    if action == "create":
        create_library(store, None).close()
    elif action == "hold-catalog":
        hold_catalog(store / "catalog.sqlite3")
    elif action == "hold-file":
        hold_file(store)
    elif action == "create-and-add":
        with create_library(store, None) as library:
            bring(library, rest)
    else:
        with open_library(store) as library:
            if action == "add":
                bring(library, rest)
            elif action == "move":
                bring(library, rest, move=True)
            elif action == "gc":
                collect(library, plan_collection(library, 0))
            elif action == "keep-adding":
                keep_adding(library, Path(rest[0]), rest[1], float(rest[2]))
            elif action == "keep-collecting":
                keep_collecting(library, float(rest[0]))
            else:
                raise SystemExit(f"no such action: {action}")


if __name__ == "__main__":
    if "DRIVER_UID" in os.environ:
        become(int(os.environ["DRIVER_UID"]))
    try:
        main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
    except ModelfsError as error:
        sys.stderr.write(f"{type(error).__name__}: {error.message}\n")
        sys.exit(error.exit_code)
