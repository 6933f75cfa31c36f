"""Reading through the mount: at first, and again, beside the file itself and other mounts.

The blob is in memory for all sides. A mount is made anew before each first read, so that its own
cache is empty; the second read follows the first at once.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from benchmarks import peers
from benchmarks.pair import OURS, Bar, Pair, Side
from benchmarks.place import Place, modelfs

_NATIVE = "native"
_OTHERS = ("bindfs", "mergerfs")


def _read(place: Place, file: Path) -> float:
    """Read a file from start to end with the same small program for all."""
    return place.run(["dd", f"if={file}", "of=/dev/null", "bs=1M", "status=none"])


Mounting = Callable[[Place, Path, Path], AbstractContextManager[Path]]
"""Shows a blob below a mountpoint, and gives the path to read."""


@contextmanager
def _ours(place: Place, blob: Path, mountpoint: Path) -> Iterator[Path]:
    place.run(modelfs("mount"))
    try:
        found = (mountpoint / "by-category").rglob("*")
        yield next(path for path in found if path.is_file())
    finally:
        place.run(modelfs("umount"))


@contextmanager
def _other(program: str, place: Place, blob: Path, mountpoint: Path) -> Iterator[Path]:
    place.run([program, blob.parent, mountpoint])
    try:
        yield mountpoint / blob.name
    finally:
        subprocess.run(["fusermount3", "-u", mountpoint], check=True)


def _through(place: Place, blob: Path, mounting: Mounting, *, again: bool) -> float:
    """Return the seconds of a first read, or of the one behind it."""
    mountpoint = place.root / "mount"
    mountpoint.mkdir(exist_ok=True)
    place.lay(blob)
    with mounting(place, blob, mountpoint) as file:
        seconds = _read(place, file)
        return _read(place, file) if again else seconds


def _natively(place: Place, blob: Path) -> float:
    place.lay(blob)
    return _read(place, blob)


@contextmanager
def _sides(place: Place, *, again: bool) -> Iterator[Sequence[Side]]:
    peers.need_fuse()
    if not again:
        peers.need(*_OTHERS)
    with _library(place) as blob:
        ways: dict[str, Mounting] = {OURS: _ours}
        ways |= {name: partial(_other, name) for name in _OTHERS if shutil.which(name)}
        through = {
            name: partial(_through, place, blob, way, again=again) for name, way in ways.items()
        }
        yield [
            *(Side(name, run) for name, run in through.items()),
            Side(_NATIVE, lambda: _natively(place, blob)),
        ]


@contextmanager
def _library(place: Place) -> Iterator[Path]:
    """Make a library of one model; give the path of its blob."""
    file = place.make_source()
    place.run(modelfs("init", "--mount", place.root / "mount"))
    place.run(modelfs("add", file))
    size_bytes = os.stat(file).st_size
    (blob,) = (
        path for path in (place.store / "blobs").glob("*/*") if path.stat().st_size == size_bytes
    )
    try:
        yield blob
    finally:
        shutil.rmtree(place.store)


PAIRS = [
    Pair(
        "first-read",
        "first read through the mount",
        Bar("speed", 0.8),
        _OTHERS,
        partial(_sides, again=False),
    ),
    Pair(
        "second-read",
        "second read through the mount",
        Bar("speed", 0.75),
        [_NATIVE],
        partial(_sides, again=True),
    ),
]
