"""A power cut at any moment: every model that was reported as added is there, whole."""

import os
import random
import select
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from core.conftest import bring, content, make_library, write
from core.processes import start
from core.soundness import assert_sound, every_model, stored
from faults.power import SIZES_MIB, Disk, make_disk, mounted, shelf
from faults.tally import count
from modelfs.errors import NotFound
from modelfs.library import open_library

MODELS = 40
SIZE_BYTES = 150_000
Action = Literal["create-and-add", "add", "move"]

every_disk = pytest.mark.parametrize("kind", SIZES_MIB)


@dataclass(frozen=True)
class Cut:
    """A copy of the disk, and what had been reported before it was made."""

    image: Path
    promised: frozenset[str]


@pytest.fixture
def images(memory: Path) -> Iterator[Path]:
    folder = memory / "power"
    folder.mkdir()
    with shelf(folder) as where:
        yield where
    (folder / "shelf.img").unlink()
    (folder / "shelf").rmdir()
    folder.rmdir()


def data(name: str) -> bytes:
    return content(name, SIZE_BYTES)


def originals(folder: Path) -> list[Path]:
    names = [f"m{number:02}.gguf" for number in range(MODELS)]
    return [write(folder / name, data(name)) for name in names]


def cut_while_it_runs(disk: Disk, place: Path, action: Action, files: Sequence[Path]) -> list[Cut]:
    """Let a process bring model after model, cut at random moments, and once it is done."""
    chance = random.Random(f"{disk.image.name} {action}")
    cuts, promised = [], set()
    with start(action, place / "store", *files) as process:
        assert process.stdout is not None
        for line in process.stdout:
            promised.add(line.split()[1])
            if chance.random() < 0.3:
                # Until somewhere in the middle of the next model, and not only between two.
                select.select([process.stdout], [], [], chance.random() * 0.02)
                cuts.append(Cut(disk.cut(), frozenset(promised)))
        assert process.wait() == 0
    assert len(promised) == MODELS
    return [*cuts, Cut(disk.cut(), frozenset(promised))]


def check(cut: Cut, action: Action, files: Sequence[Path]) -> None:
    """Start from the copy, as after the power has come back."""
    with mounted(cut.image) as place:
        try:
            with open_library(place / "store") as library:
                found = {m.entry_name: stored(library, m) for m in every_model(library)}
        except NotFound:
            found = {}
        assert cut.promised <= found.keys(), "what was reported as added is gone"
        assert found == {name: {name: data(name)} for name in found}
        if action == "move":
            for file in files:
                here = place / "in" / file.name
                assert file.name in found or here.read_bytes() == data(file.name)
        with make_library(place) as library:  # opens it where it is there
            again = originals(place / "again")
            bring(library, *again)
            assert {m.name for m in every_model(library)} == {path.stem for path in files}
        assert_sound(place / "store")
    cut.image.unlink()


def cut_and_check(images: Path, kind: str, action: Action, checked: int) -> None:
    disk = make_disk(images, kind)
    with mounted(disk.image) as place:
        files = originals(place / "in" if action == "move" else images / "originals")
        if action != "create-and-add":
            make_library(place).close()
        if action == "move":
            os.sync()  # the originals are old, and have long been on the disk
        cuts = cut_while_it_runs(disk, place, action, files)
    chosen = cuts[:-1][:: max(1, len(cuts) // checked)][: checked - 1] + cuts[-1:]
    for cut in chosen:
        check(cut, action, files)
    count("power cut", f"{action} on {kind}", len(chosen))


@every_disk
def test_cut_while_model_after_model_is_added(images: Path, kind: str) -> None:
    cut_and_check(images, kind, "add", 3)


@pytest.mark.long
@every_disk
@pytest.mark.parametrize("action", ["create-and-add", "add", "move"])
def test_cut_at_many_moments(images: Path, kind: str, action: Action) -> None:
    cut_and_check(images, kind, action, 12)
