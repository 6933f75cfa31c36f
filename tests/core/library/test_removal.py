"""Removing is two steps, and what it is said to free is what the disk shows afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.conftest import bring, content, write
from core.soundness import assert_sound, blob_files, disk_bytes, every_model, stored
from modelfs.catalog import edit, models
from modelfs.catalog.records import ModelRecord
from modelfs.errors import Refused
from modelfs.library import Library, organise, removal
from modelfs.library.check import CheckSummary, look
from modelfs.library.collect import collect, plan_collection
from modelfs.library.removal import RemovalPlan


@pytest.fixture
def three(library: Library, tmp_path: Path) -> Iterator[list[ModelRecord]]:
    """Models of 30, 30 and 10 kB: the first two share 10 kB, one has a file twice."""
    parts = {"one": "common own1 own1b", "two": "common own2 own2", "three": "own3"}
    for model, files in parts.items():
        for number, seed in enumerate(files.split()):
            write(tmp_path / model / f"{number}.bin", content(seed))
        bring(library, tmp_path / model, name=model)
    yield every_model(library)


def plan(library: Library, *chosen: ModelRecord) -> RemovalPlan:
    return removal.plan_removal(library, chosen)


def discard(library: Library, *chosen: ModelRecord) -> int:
    made = plan(library, *chosen)
    removal.remove(library, made)
    return removal.empty_trash(library, made)


@pytest.mark.parametrize(
    ("which", "freed", "shared"),
    [
        ([0], 20_000, 10_000),
        ([1], 10_000, 10_000),
        ([2], 10_000, 0),
        ([0, 1], 40_000, 0),
        ([0, 1, 2], 50_000, 0),
        ([], 0, 0),
    ],
)
def test_the_plan_frees_exactly_what_du_shows(
    library: Library, three: list[ModelRecord], which: list[int], freed: int, shared: int
) -> None:
    chosen = [three[number] for number in which]
    made = plan(library, *chosen)
    assert (made.freed_bytes, made.shared_bytes) == (freed, shared)
    before = disk_bytes(library.paths.blobs)
    removal.remove(library, made)
    assert disk_bytes(library.paths.blobs) == before, "the trash frees nothing"
    assert models.summary(library.catalog).trash_bytes == freed
    assert removal.empty_trash(library, made) == freed
    assert before - disk_bytes(library.paths.blobs) == freed
    assert_sound(library.paths.root)


def test_shared_bytes_stay_with_the_model_that_still_has_them(
    library: Library, three: list[ModelRecord]
) -> None:
    discard(library, three[0])
    (two,) = [model for model in every_model(library) if model.name == "two"]
    assert stored(library, two)["0.bin"] == content("common")
    assert discard(library, two) == 20_000


def test_a_model_in_the_trash_still_holds_its_bytes(
    library: Library, three: list[ModelRecord]
) -> None:
    removal.remove(library, plan(library, three[1]))
    assert plan(library, three[0]).freed_bytes == 20_000
    discard(library, three[0])
    removal.restore(library, three)
    (two,) = [model for model in every_model(library) if model.name == "two"]
    assert stored(library, two)["0.bin"] == content("common")


def test_the_summary_agrees_with_the_disk(library: Library, three: list[ModelRecord]) -> None:
    numbers = models.summary(library.catalog)
    assert numbers.logical_bytes == 70_000
    assert numbers.physical_bytes == disk_bytes(library.paths.blobs) == 50_000
    removal.remove(library, plan(library, three[2]))
    numbers = models.summary(library.catalog)
    assert (numbers.logical_bytes, numbers.physical_bytes, numbers.models) == (60_000, 50_000, 2)


def test_missing_bytes_are_not_promised_back(library: Library, three: list[ModelRecord]) -> None:
    library.store.path(three[2].files[0].blob).unlink()
    list(look(library, CheckSummary()))
    assert plan(library, three[2]).freed_bytes == 0
    removal.remove(library, plan(library, three[2]))
    assert models.summary(library.catalog).trash_bytes == 0
    assert removal.empty_trash(library, plan(library, three[2])) == 0


def test_a_pinned_model_goes_only_when_asked_for(
    library: Library, three: list[ModelRecord]
) -> None:
    organise.pin(library, three[:1], pinned=True)
    chosen = every_model(library)
    with pytest.raises(Refused, match="one"):
        removal.remove(library, plan(library, *chosen))
    assert all(model.trashed_at is None for model in every_model(library)), "all or nothing"
    removal.remove(library, plan(library, *chosen), pinned_too=True)
    assert all(model.trashed_at is not None for model in every_model(library))


def test_what_cannot_be_fetched_again_is_named(library: Library, three: list[ModelRecord]) -> None:
    assert [model.name for model in plan(library, *three).irreplaceable] == ["one", "two", "three"]


def test_a_restored_model_is_as_it_was(library: Library, three: list[ModelRecord]) -> None:
    organise.tag(library, three[:1], ["mine"])
    (before, *_) = every_model(library)
    removal.remove(library, plan(library, before))
    ((_, name),) = removal.restore(library, [before])
    (after,) = [model for model in every_model(library) if model.id == before.id]
    assert name == "one"
    assert (after.files, after.tags, after.category) == (before.files, before.tags, before.category)


def test_a_restored_model_whose_name_is_taken_gets_a_longer_one(
    library: Library, three: list[ModelRecord], tmp_path: Path
) -> None:
    removal.remove(library, plan(library, three[0]))
    for name in ("f", "g"):
        write(tmp_path / "x" / f"{name}.bin", content(name))
    bring(library, tmp_path / "x", name="one")
    ((_, name),) = removal.restore(library, three[:1])
    assert name == f"one-{three[0].short_id}"
    assert_sound(library.paths.root)


def test_a_model_restored_after_the_plan_is_not_emptied(
    library: Library, three: list[ModelRecord]
) -> None:
    """Somebody changes his mind in one window while another asks whether to empty the trash."""
    made = plan(library, *three)
    removal.remove(library, made)
    removal.restore(library, three[:1])
    assert removal.empty_trash(library, made) == 20_000
    assert [model.name for model in every_model(library)] == ["one"]
    assert_sound(library.paths.root)


def test_restoring_twice_changes_nothing(library: Library, three: list[ModelRecord]) -> None:
    removal.remove(library, plan(library, three[0]))
    removal.restore(library, three[:1])
    assert removal.restore(library, three[:1]) == []
    assert sorted(model.name for model in every_model(library)) == ["one", "three", "two"]


def test_what_was_emptied_cannot_be_restored(library: Library, three: list[ModelRecord]) -> None:
    discard(library, three[2])
    assert removal.restore(library, three[2:]) == []


def test_adding_again_after_removal_brings_the_bytes_back(
    library: Library, three: list[ModelRecord], tmp_path: Path
) -> None:
    discard(library, three[2])
    (added,) = bring(library, tmp_path / "three", name="three")
    assert (added.outcome, added.new_bytes) == ("added", 10_000)
    assert stored(library, added.model) == {"0.bin": content("own3")}


def test_a_collection_frees_exactly_what_du_shows(
    library: Library, three: list[ModelRecord]
) -> None:
    write(library.paths.staging / "add-1-dead", bytes(1234))
    write(library.paths.blobs / "ab" / ("ab" * 16), bytes(4321))
    with library.catalog.write():
        edit.forget(library.catalog, three[2])
    made = plan_collection(library, 0)
    assert made.freed_bytes == 1234 + 4321 + 10_000
    before = disk_bytes(library.paths.root / "blobs") + disk_bytes(library.paths.staging)
    assert collect(library, made) == made.freed_bytes
    after = disk_bytes(library.paths.root / "blobs") + disk_bytes(library.paths.staging)
    assert before - after == made.freed_bytes
    assert plan_collection(library, 0).leftovers == ()
    assert len(blob_files(library)) == 4
