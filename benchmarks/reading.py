"""Reading through the mount: at first, and again, beside the file itself and other mounts.

The blob is in memory for all sides. A mount is made anew before each first read, so that its own
cache is empty; the second read follows the first at once.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import peers
from benchmarks.library import Shelved, library
from benchmarks.mounting import mounted
from benchmarks.pair import OURS, Bar, Pair, Side
from benchmarks.place import Place, modelfs

_NATIVE = "native"
_OTHERS = ("bindfs", "mergerfs")


def _read(place: Place, file: Path) -> float:
    """Read a file from start to end with the same small program for all."""
    return place.run(["dd", f"if={file}", "of=/dev/null", "bs=1M", "status=none"])


def _through(
    place: Place, shelved: Shelved, command: Sequence[str | Path], file: Path, *, again: bool
) -> float:
    """Return the seconds of a first read through a new mount, or of the one behind it."""
    place.lay(shelved.blob)
    with mounted(place, command, place.root / "mount"):
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
    with library(place, place.make_source()) as (shelved,):
        mount, blob = place.root / "mount", shelved.blob
        through = partial(_through, place, shelved, again=again)
        others = {name: [name, "-f", blob.parent, mount] for name in _OTHERS if shutil.which(name)}
        yield [
            Side(OURS, partial(through, modelfs("mount", "--foreground"), shelved.shown)),
            *(
                Side(name, partial(through, command, mount / blob.name))
                for name, command in others.items()
            ),
            Side(_NATIVE, lambda: _natively(place, blob)),
        ]


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
