"""Roles that use the mount while others change the library below it: read, probe, remount.

A read that fails is told with its errno and its moments, for the test to judge: only a remount
may take a mount away. Wrong bytes end the process.
"""

import errno
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from modelfs.errors import ModelfsError
from modelfs.fs.launch import start, stop
from modelfs.library import open_library
from mount.weights import number_of

ANCHOR = "by-category/language/llm/w1-anchor.safetensors"
"""A file that nobody touches."""

_PROBE_EVERY_S = 0.02
_REMOUNT_EVERY_S = 1.5
_REMOUNT_WITHIN_S = 20.0
_GONE = (errno.ENOENT, errno.ESTALE)
"""What reading a model that was just removed may answer."""

Trouble = tuple[float, float, str, str]
"""From when to when, the errno's name, and where."""


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "?")


def read(store: Path, seed: str, until: float) -> dict[str, object]:
    """Walk the mount again and again, and compare every byte with what its name promises."""
    mountpoint, pool = _mountpoint(store), store.parent / "pool"
    chance = random.Random(seed)
    done: Counter[str] = Counter()
    trouble: list[Trouble] = []
    while time.monotonic() < until:
        done["walk"] += 1
        seen = 0
        for path in _files(mountpoint, chance, trouble):
            seen += 1
            _read_one(path, pool, done, trouble)
            if time.monotonic() >= until:
                break
        if not seen:
            time.sleep(_PROBE_EVERY_S)
    return {"done": done, "trouble": trouble}


_MADE_UP = (".yaml", ".yml", ".kcpps", ".modelfs")
"""What the mount makes up for tools."""


def _files(mountpoint: Path, chance: random.Random, trouble: list[Trouble]) -> Iterator[str]:
    def note(error: OSError) -> None:
        now = time.monotonic()
        if error.errno not in _GONE:
            trouble.append((now, now, _name(error), str(error.filename)))

    for root, folders, files in os.walk(mountpoint, onerror=note):
        chance.shuffle(folders)
        for name in files:
            if not name.endswith(_MADE_UP):
                yield os.path.join(root, name)


def _read_one(path: str, pool: Path, done: Counter[str], trouble: list[Trouble]) -> None:
    started = time.monotonic()
    try:
        with open(path, "rb") as file:
            found = file.read()
    except OSError as error:
        if error.errno in _GONE:
            done["read: gone"] += 1
        else:
            trouble.append((started, time.monotonic(), _name(error), path))
        return
    if found != (pool / str(number_of(path))).read_bytes():
        raise AssertionError(f"{path} has wrong bytes")
    done["read: right"] += 1


def probe(store: Path, seed: str, until: float) -> dict[str, object]:
    """Time lookup, open and read of one file, and one listing, fifty times a second."""
    anchor = _mountpoint(store) / ANCHOR
    due = time.monotonic()
    done: Counter[str] = Counter()
    trouble: list[Trouble] = []
    waits: list[tuple[float, float]] = []
    while due < until:
        time.sleep(max(0.0, due - time.monotonic()))
        started = time.monotonic()
        try:
            with open(anchor, "rb") as file:
                file.read()
            os.listdir(anchor.parent)
            done["probe"] += 1
        except OSError as error:
            trouble.append((started, time.monotonic(), _name(error), str(anchor)))
        ended = time.monotonic()
        waits.append((started, ended))
        due = max(due + _PROBE_EVERY_S, ended)
    return {"done": done, "trouble": trouble, "waits": waits}


def remount(store: Path, seed: str, until: float) -> dict[str, object]:
    """Unmount and mount again and again: refused while somebody reads, then lazily."""
    done: Counter[str] = Counter()
    pauses: list[tuple[float, float]] = []
    with open_library(store) as library:
        due = time.monotonic()
        while due < until:
            time.sleep(max(0.0, due - time.monotonic()))
            started = time.monotonic()
            try:
                stop(library, lazy=False)
                done["umount"] += 1
            except ModelfsError:
                done["umount: in use"] += 1
                stop(library, lazy=True)
                done["umount --lazy"] += 1
            while True:
                try:
                    start(library, links=False)
                    break
                except ModelfsError:  # what was taken away lazily lives as long as its readers
                    done["mount: not yet"] += 1
                    if time.monotonic() - started > _REMOUNT_WITHIN_S:
                        raise
            done["mount"] += 1
            pauses.append((started, time.monotonic()))
            due = time.monotonic() + _REMOUNT_EVERY_S
    return {"done": done, "pauses": pauses}


def _mountpoint(store: Path) -> Path:
    with open_library(store) as library:
        return library.mountpoint
