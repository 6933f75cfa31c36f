"""Adding a file: by moving it, by reflink, by copying it, and what others take for the same."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import disk, peers
from benchmarks.pair import OURS, Bar, Pair, Side
from benchmarks.place import Place, modelfs

_BARE = Path(__file__).with_name("bare_pass.py")
_BARE_NAME = "bare XXH3 pass"


def _pass(place: Place, file: Path) -> float:
    """Hash a file and do nothing else."""
    place.lay(file)
    return place.run([sys.executable, _BARE, file])


def _fresh_store(place: Place, store: Path) -> None:
    if store.exists():
        shutil.rmtree(store)
    place.run(modelfs("init", "--mount", place.root / "mount"), store=store)
    place.settle()


def _add(place: Place, file: Path, store: Path, *options: str) -> float:
    """Add a file to a new library and take the library away again."""
    _fresh_store(place, store)
    place.lay(file)
    seconds = place.run(modelfs("add", file, *options), store=store)
    _take_back(store / "blobs", file)
    shutil.rmtree(store)
    return seconds


def _take_back(objects: Path, file: Path) -> None:
    """Make a file that was moved in what it was, without a copy: it is the only big one there."""
    if os.path.isfile(file) and not file.is_symlink():
        return
    (inside,) = (p for p in objects.rglob("*") if p.is_file() and p.stat().st_size > 4096)
    inside.parent.chmod(0o755)  # git annex write-protects the folder too
    os.replace(inside, file)
    file.chmod(0o644)


@contextmanager
def _move(place: Place) -> Iterator[Sequence[Side]]:
    file = place.make_source()
    yield (
        Side(OURS, lambda: _add(place, file, place.store, "--move", "--yes")),
        Side(_BARE_NAME, lambda: _pass(place, file)),
    )


@contextmanager
def _reflink(place: Place) -> Iterator[Sequence[Side]]:
    """Both sides on xfs, and both from the disk: a clone has no page in memory yet."""
    peers.need("mkfs.xfs")
    peers.need_root()
    with disk.xfs(place) as folder:
        file = folder / place.source.name
        shutil.copyfile(place.make_source(), file)
        place = place.cold_twin()
        yield (
            Side(OURS, lambda: _add(place, file, folder / "store")),
            Side(_BARE_NAME, lambda: _pass(place, file)),
        )


@contextmanager
def _copy(place: Place) -> Iterator[Sequence[Side]]:
    file = place.make_source()
    yield (
        Side(OURS, lambda: _add(place, file, place.store)),
        Side("cp + sync + pass", lambda: _cp(place, file) + _pass(place, file)),
    )


def _cp(place: Place, file: Path) -> float:
    copy = place.root / "copy"
    place.lay(file)
    seconds = place.run(["sh", "-c", 'cp "$0" "$1" && sync "$1"', file, copy])
    copy.unlink()
    return seconds


_Annex = Callable[[Place, Path, Path], float]


@contextmanager
def _annex(place: Place, add: _Annex, *options: str) -> Iterator[Sequence[Side]]:
    """``add`` is how git annex does what modelfs does with these options."""
    peers.need("git", "git-annex")
    file = place.make_source()
    yield (
        Side(OURS, lambda: _add(place, file, place.store, *options)),
        Side("git annex", lambda: _in_repository(place, file, add)),
    )


def _in_repository(place: Place, file: Path, add: _Annex) -> float:
    """Run ``add`` in a new repository and take the repository away again."""
    repository = place.root / "annex"
    place.run(["git", "init", "--quiet", repository])
    for key, value in (("user.name", "Benchmark"), ("user.email", "benchmark@localhost")):
        place.run(["git", "-C", repository, "config", key, value])
    place.run(["git", "-C", repository, "annex", "init", "--quiet"])
    seconds = add(place, repository, file)
    _take_back(repository / ".git/annex/objects", file)
    for folder in (repository / ".git/annex/objects").glob("*/*/*"):
        folder.chmod(0o755)
    shutil.rmtree(repository)
    return seconds


def _annex_copy(place: Place, repository: Path, file: Path) -> float:
    """Copy a file into the repository and add the copy: the original stays, as with ours."""
    place.settle()
    place.lay(file)
    script = 'cp "$0" "$1/" && git -C "$1" annex add --quiet "${0##*/}"'
    return place.run(["sh", "-c", script, file, repository])


def _annex_move(place: Place, repository: Path, file: Path) -> float:
    """Add a file that is in the repository: git annex renames it into its own folder."""
    inside = repository / file.name
    os.rename(file, inside)
    place.settle()
    place.lay(inside)
    return place.run(["git", "-C", repository, "annex", "add", "--quiet", file.name])


PAIRS = [
    Pair("move", "add --move", Bar("time", 1.5), [_BARE_NAME], _move),
    Pair("reflink", "add, reflinked on xfs", Bar("time", 1.5), [_BARE_NAME], _reflink),
    Pair("copy", "add", Bar("time", 1.3), ["cp + sync + pass"], _copy),
    Pair(
        "annex-copy",
        "add, beside cp + git annex add",
        Bar("speed", 2),
        ["git annex"],
        partial(_annex, add=_annex_copy),
    ),
    Pair(
        "annex-move",
        "add --move, beside git annex add",
        Bar("speed", 5),
        ["git annex"],
        lambda place: _annex(place, _annex_move, "--move", "--yes"),
    ),
]
