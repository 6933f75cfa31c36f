"""What somebody else changed since we looked is what counts, not what we remember."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.conftest import bring, content, write
from modelfs.catalog import changes
from modelfs.catalog.records import ModelRecord
from modelfs.errors import NotFound, Refused
from modelfs.library import Library, categories, open_library, organise, removal, select
from modelfs.library.undo import undo


@pytest.fixture
def model(library: Library, tmp_path: Path) -> ModelRecord:
    return bring(library, write(tmp_path / "a.gguf", content("a")), tags=["first"])[0].model


@pytest.fixture
def other(library: Library) -> Iterator[Library]:
    """The same library, as another process has it open."""
    with open_library(library.paths.root) as opened:
        yield opened


def test_a_category_that_another_process_added_is_known(
    library: Library, other: Library, model: ModelRecord
) -> None:
    assert library.taxonomy.categories
    categories.add(other, "image/mine")
    organise.assign(library, model, {"category": "image/mine"})
    assert select.one(library, "a.gguf").category == "image/mine"


def test_a_model_that_was_pinned_after_the_plan_stays(
    library: Library, other: Library, model: ModelRecord
) -> None:
    plan = removal.plan_removal(library, [model])
    organise.pin(other, [model], pinned=True)
    with pytest.raises(Refused, match="pinned"):
        removal.remove(library, plan)
    assert select.one(library, "a.gguf").trashed_at is None


def test_undoing_the_addition_of_a_pinned_model_is_refused(
    library: Library, model: ModelRecord
) -> None:
    added = changes.latest(library.catalog, 1)[0]
    organise.pin(library, [model], pinned=True)
    with pytest.raises(Refused, match="pinned"):
        undo(library, added)
    assert select.one(library, "a.gguf").trashed_at is None


def test_a_tag_that_is_named_twice_is_taken_off_once(library: Library, model: ModelRecord) -> None:
    assert organise.untag(library, [model], ["first", "first"]) == 1


def test_undo_goes_back_to_what_stood_there_and_not_to_what_was_read_before(
    library: Library, other: Library, model: ModelRecord
) -> None:
    organise.assign(other, model, {"notes": "theirs"})
    organise.assign(library, model, {"notes": "ours"})
    undo(library, changes.latest(library.catalog, 1)[0])
    assert select.one(library, "a.gguf").notes == "theirs"


def test_a_model_that_went_to_the_trash_meanwhile_is_not_renamed(
    library: Library, other: Library, model: ModelRecord
) -> None:
    removal.remove(other, removal.plan_removal(other, [model]))
    with pytest.raises(NotFound):
        organise.assign(library, model, {"name": "b"})
    assert select.one(library, "a.gguf", trashed=True).name == "a"


def test_setting_what_is_set_already_changes_nothing(library: Library, model: ModelRecord) -> None:
    before = changes.newest(library.catalog)
    organise.assign(library, model, {"name": "a", "notes": "", "category": model.category})
    assert changes.newest(library.catalog) == before
