"""A disk that fills up in the middle: NoSpace, nothing left over, and the same again succeeds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.conftest import Disk, bring, content, make_library, write
from core.soundness import assert_sound, every_model, stored
from modelfs import durable
from modelfs.errors import NoSpace
from modelfs.hashing import CHUNK_BYTES
from modelfs.library import Library, open_library, removal
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.progress import Progress


@pytest.fixture
def small(disk: Disk) -> Iterator[tuple[Path, Library]]:
    place = disk("tmpfs", 24)
    with make_library(place) as library:
        yield place, library


def fill(place: Path, leave_bytes: int) -> Path:
    """Take all room but this."""
    return write(place / "ballast", bytes(max(0, durable.free_bytes(place) - leave_bytes)))


def test_room_that_somebody_else_takes_in_the_middle(
    small: tuple[Path, Library], tmp_path: Path
) -> None:
    place, library = small
    for name in ("a", "b"):
        write(tmp_path / "m" / f"{name}.bin", content(name, CHUNK_BYTES))

    def take_the_room(progress: Progress) -> None:
        if not (place / "ballast").exists():
            fill(place, 1 << 20)

    plan = plan_add(library, [str(tmp_path / "m")], AddOptions(name="m"))
    with pytest.raises(NoSpace):
        list(add(library, plan, take_the_room))
    assert every_model(library) == []
    assert list(library.paths.staging.iterdir()) == []
    (place / "ballast").unlink()
    (added,) = bring(library, tmp_path / "m", name="m")
    assert stored(library, added.model) == {
        f"{name}.bin": content(name, CHUNK_BYTES) for name in ("a", "b")
    }
    assert_sound(library.paths.root)


@pytest.mark.parametrize("leave_bytes", [0, 4096, 16384, 65536])
def test_no_room_for_the_catalogue_names_nothing(
    small: tuple[Path, Library], tmp_path: Path, leave_bytes: int
) -> None:
    place, library = small
    source = write(tmp_path / "a.gguf", content("a", 2000))
    fill(place, leave_bytes)
    try:
        bring(library, source)
    except NoSpace:
        assert every_model(library) == []
    else:
        assert leave_bytes > 4096, "it cannot have fitted"
    (place / "ballast").unlink()
    bring(library, source)
    assert len(every_model(library)) == 1
    assert_sound(library.paths.root)


def test_opening_on_a_full_disk_says_so(disk: Disk) -> None:
    place = disk("tmpfs", 4)
    make_library(place).close()
    ballast = fill(place, 0)
    with pytest.raises(NoSpace):
        open_library(place / "store")
    ballast.unlink()
    assert_sound(place / "store")


def test_models_that_were_given_stay_when_a_later_one_does_not_fit(
    small: tuple[Path, Library], tmp_path: Path
) -> None:
    place, library = small
    files = [write(tmp_path / f"{n}.gguf", content(n, 6 << 20)) for n in range(3)]
    plan = plan_add(library, list(map(str, files)), AddOptions())
    running = add(library, plan)
    first = next(running)
    fill(place, 1 << 20)
    with pytest.raises(NoSpace):
        next(running)
    assert [model.name for model in every_model(library)] == [first.model.name]
    (place / "ballast").unlink()
    assert_sound(library.paths.root)


def test_a_full_disk_can_be_emptied_again(small: tuple[Path, Library], tmp_path: Path) -> None:
    """Removing must not need the room that it is to give."""
    place, library = small
    (added,) = bring(library, write(tmp_path / "a.gguf", content("a", 8 << 20)))
    removal.remove(library, removal.plan_removal(library, [added.model]))
    fill(place, 256 << 10)
    assert removal.empty_trash(library, removal.plan_removal(library, [added.model])) == 8 << 20
    assert durable.free_bytes(place) > 8 << 20
    (place / "ballast").unlink()
    assert_sound(library.paths.root)
