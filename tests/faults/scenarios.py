"""Every command that writes, as a value: where it starts, how it is run, what it changes in turn.

``steps`` are what a person may find after a crash: the old state, the state behind each step, and
nothing else. An operation of one transaction has one step.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import xxhash

from core.conftest import bring, content, make_library, write
from core.processes import command, environment
from modelfs.catalog import edit
from modelfs.library import Library, open_library, removal
from modelfs.library.check import read
from modelfs.library.checked import CheckSummary
from modelfs.library.select import one
from modelfs.library.snapshots import take_snapshot
from modelfs.types import BlobId

SIZE_BYTES = 30_000

Step = Mapping[str, str | None]
"""What changes in a state; None takes a line out of it."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One command that writes, and what may be found when it does not get to its end."""

    name: str
    prepare: Callable[[Path], None]
    """Make the place to start from, in an empty folder."""
    arguments: Sequence[str]
    """The driver's, or of the true program; what begins with ``in/`` lies in the place."""
    steps: Sequence[Step]
    repeatable: bool = True
    """Whether the command, once done, may be given again."""
    anew: bool = False
    """Whether each attempt is prepared anew: its catalogue holds absolute paths of the place."""
    true_program: bool = False
    """Whether ``modelfs`` itself is run, with all that a command line brings."""
    damaged: bool = False
    """Whether damage was planted, which the command finds or heals."""

    def command(self, place: Path) -> list[str]:
        """Return the command line for a place."""
        action, *rest = self.filled_in(place)
        if self.true_program:
            return [sys.executable, "-m", "modelfs", action, *rest]
        return command(action, place / "store", *rest)

    def filled_in(self, place: Path) -> list[str]:
        """Return the arguments with the paths of a place."""
        return [
            str(place / text) if text.startswith(("in/", "mount")) else text
            for text in self.arguments
        ]

    @property
    def needs_its_environment(self) -> bool:
        """Whether it reads or writes what belongs to the user and not to the library."""
        return self.true_program or self.prepare is nothing

    def environment(self, place: Path) -> dict[str, str]:
        """Return the environment of a place: a home of its own."""
        home = str(place / "home")
        xdg = {f"XDG_{kind}_HOME": home for kind in ("CONFIG", "DATA", "CACHE", "STATE")}
        library = {"MODELFS_LIBRARY": str(place / "store")} if self.true_program else {}
        return {**environment(), **xdg, **library, "HOME": home, "NO_COLOR": "1"}

    def states(self, old: Mapping[str, str]) -> list[dict[str, str]]:
        """Return the states that may be found, from the old one to the new one."""
        found = [dict(old)]
        for step in self.steps:
            merged = {**found[-1], **step}
            found.append({key: value for key, value in merged.items() if value is not None})
        return found


def bytes_of(seed: str) -> bytes:
    """Return the content that a state calls by this name."""
    return content(seed, SIZE_BYTES)


def _library(place: Path, *seeds: str) -> Library:
    """Make a library of single files; their originals are gone."""
    library = make_library(place)
    for seed in seeds:
        original = write(place / "in" / f"{seed}.gguf", bytes_of(seed))
        bring(library, original)
        original.unlink()
    return library


def nothing(place: Path) -> None:
    """Before there is a library."""


def one_model(place: Path) -> None:
    """A library of one model, and originals to bring in: a file, a folder of three, known bytes."""
    _library(place, "old").close()
    write(place / "in" / "new.gguf", bytes_of("new"))
    write(place / "in" / "known.gguf", bytes_of("old"))
    for seed in ("one", "two", "three"):
        write(place / "in" / "several" / f"{seed}.gguf", bytes_of(seed))


def one_in_the_trash(place: Path) -> None:
    """A library of two models, one of which is in the trash."""
    with _library(place, "old", "gone") as library:
        removal.remove(library, removal.plan_removal(library, [one(library, "gone")]))


def leftovers(place: Path) -> None:
    """What crashes leave: a row and a blob that nothing names, a blob without a row, staging."""
    with _library(place, "old", "gone", "other") as library:
        with library.catalog.write():
            edit.forget(library.catalog, one(library, "gone"))
            edit.forget(library.catalog, one(library, "other"))
        unknown = write(library.paths.staging / "unknown", bytes_of("unknown"))
        blob = library.store.path(BlobId(xxhash.xxh3_128_hexdigest(bytes_of("unknown"))))
        os.rename(unknown, blob)
        blob.chmod(0o444)
        write(library.paths.staging / "add-1-dead", bytes_of("half")[:1000])


def flipped(place: Path) -> None:
    """A library in which a bit of one of two blobs has changed, and the good file to heal it."""
    with _library(place, "old", "bad") as library:
        blob = library.store.path(one(library, "bad").files[0].blob)
        blob.chmod(0o644)
        with blob.open("r+b") as file:
            file.seek(20_000)
            file.write(bytes([bytes_of("bad")[20_000] ^ 1]))
        blob.chmod(0o444)
    write(place / "in" / "bad.gguf", bytes_of("bad"))


def set_aside(place: Path) -> None:
    """The same after a check: the damage is known and in quarantine."""
    flipped(place)
    with open_library(place / "store") as library:
        assert len(list(read(library, CheckSummary(), seal=False))) == 1


def moved(place: Path) -> None:
    """A library that has taken a model of two files from where it was."""
    with _library(place, "old") as library:
        for name in ("model_index.json", "unet/one.safetensors"):
            write(place / "in" / "pipe" / name, bytes_of(name))
        bring(library, place / "in" / "pipe", move=True)


def lost(place: Path) -> None:
    """A library whose catalogue is gone; its snapshot knows one of two models."""
    with _library(place, "old") as library:
        take_snapshot(library.store, library.catalog)
        original = write(place / "in" / "other.gguf", bytes_of("other"))
        bring(library, original)
        original.unlink()
    for path in (place / "store").glob("catalog.sqlite3*"):
        path.unlink()


def beheaded(place: Path) -> None:
    """A library whose catalogue has lost its first page; its snapshot knows everything."""
    with _library(place, "old", "gone") as library:
        take_snapshot(library.store, library.catalog)
    with (place / "store" / "catalog.sqlite3").open("r+b") as file:
        file.write(bytes(4096))


def _added(seed: str) -> Step:
    return {f"model {seed}.gguf": "other/unsorted", f"file {seed}.gguf/{seed}.gguf": f"ok {seed}"}


_BAD = "file bad.gguf/bad.gguf"

CREATE = Scenario(
    "create",
    nothing,
    ("create", "mount"),
    (
        {"library": "there"},
        {"history": "init"},
        {"mount": "mount", "reserve": "auto"},
        {"home": "points here"},
    ),
)
ADD = Scenario("add", one_model, ("add", "in/new.gguf"), (_added("new"),))
ADD_SEVERAL = Scenario(
    "add several",
    one_model,
    ("add", "in/several"),
    (_added("one"), _added("three"), _added("two")),
)
ADD_KNOWN = Scenario("add known bytes", one_model, ("add", "in/known.gguf"), ())
MOVE = Scenario(
    "move",
    one_model,
    ("move-away", "in/new.gguf"),
    ({**_added("new"), "history": "move"}, {"original new.gguf": None}),
    repeatable=False,
)
TAG = Scenario(
    "tag",
    one_model,
    ("tag", "old.gguf", "mine", "small"),
    ({"model old.gguf": "other/unsorted mine small", "history": "tag"},),
)
SET = Scenario(
    "set",
    one_model,
    ("set", "#1", "name=renamed", "category=image/lora", "notes=mine"),
    (
        {
            "model old.gguf": None,
            "file old.gguf/old.gguf": None,
            "model renamed.gguf": "image/lora",
            "file renamed.gguf/old.gguf": "ok old",
            "history": "set",
        },
    ),
)
PIN = Scenario(
    "pin",
    one_model,
    ("pin", "old"),
    ({"model old.gguf": "other/unsorted pinned", "history": "pin"},),
)
REMOVE = Scenario(
    "rm",
    one_model,
    ("rm", "old"),
    ({"model old.gguf": "other/unsorted trashed", "history": "rm"},),
    repeatable=False,
)
RESTORE = Scenario(
    "restore",
    one_in_the_trash,
    ("restore", "gone"),
    ({"model gone.gguf": "other/unsorted", "history": "restore"},),
    repeatable=False,
)
EMPTY = Scenario(
    "trash empty",
    one_in_the_trash,
    ("empty-trash", "gone"),
    ({"model gone.gguf": None, "file gone.gguf/gone.gguf": None, "history": "empty"},),
    repeatable=False,
)
COLLECT = Scenario("gc", leftovers, ("gc",), ())
VERIFY = Scenario(
    "verify",
    flipped,
    ("verify",),
    ({_BAD: "damaged strange", "history": "damage"}, {_BAD: "damaged nothing"}),
    damaged=True,
)
HEAL = Scenario(
    "heal",
    set_aside,
    ("add", "in/bad.gguf"),
    ({_BAD: "damaged bad"}, {_BAD: "ok bad", "history": "heal"}),
    damaged=True,
)
ADD_OVER_DAMAGE = Scenario(
    "add over damage",
    flipped,
    ("add", "in/bad.gguf"),
    ({_BAD: "ok nothing"}, {_BAD: "ok bad"}),
    damaged=True,
)
UNDO = Scenario(
    "undo of a move",
    moved,
    ("undo",),
    (
        {"original pipe/model_index.json": "model_index.json"},
        {"original pipe/unet/one.safetensors": "unet/one.safetensors"},
        {"history": "return"},
    ),
    repeatable=False,
    anew=True,
)
_RECOVERED = xxhash.xxh3_128_hexdigest(bytes_of("other"))
REBUILD = Scenario(
    "rebuild",
    lost,
    ("rebuild",),
    (
        {
            "catalogue": None,
            "library": "there",
            "history": "recover",
            "model old.gguf": "other/unsorted",
            "file old.gguf/old.gguf": "ok old",
            "model recovered files": "other/unsorted recovered",
            f"file recovered files/{_RECOVERED}": "ok other",
        },
    ),
    repeatable=False,
)
REBUILD_DAMAGED = Scenario(
    "rebuild of a damaged one",
    beheaded,
    ("rebuild",),
    (
        {
            "catalogue": None,
            "library": "there",
            "history": "recover",
            **{f"model {seed}.gguf": "other/unsorted" for seed in ("old", "gone")},
            **{f"file {seed}.gguf/{seed}.gguf": f"ok {seed}" for seed in ("old", "gone")},
        },
    ),
    repeatable=False,
)
CONFIG = Scenario("config", one_model, ("config", "reserve=1MB"), ({"reserve": "1MB"},))
PROGRAM = Scenario(
    "modelfs add", one_model, ("add", "in/new.gguf"), (_added("new"),), true_program=True
)

EVERY = (
    CREATE,
    ADD,
    ADD_SEVERAL,
    ADD_KNOWN,
    MOVE,
    TAG,
    SET,
    PIN,
    REMOVE,
    RESTORE,
    EMPTY,
    COLLECT,
    VERIFY,
    HEAL,
    ADD_OVER_DAMAGE,
    UNDO,
    REBUILD,
    REBUILD_DAMAGED,
    CONFIG,
    PROGRAM,
)
