"""Every change can be taken back, unless a later one stands on it; undoing is a change itself."""

from pathlib import Path

import pytest

from core.conftest import bring, content, write
from core.soundness import every_model
from modelfs.catalog import changes
from modelfs.catalog.records import Change, ModelRecord
from modelfs.errors import NotFound, Refused
from modelfs.library import Library, organise, removal
from modelfs.library.undo import history, undo


@pytest.fixture
def model(library: Library, tmp_path: Path) -> ModelRecord:
    (added,) = bring(library, write(tmp_path / "a.gguf", content("a")), tags=("first",))
    return added.model


def now(library: Library) -> ModelRecord:
    (model,) = every_model(library)
    return model


def last(library: Library) -> Change:
    return changes.latest(library.catalog, 1)[0]


def log_length(library: Library) -> int:
    return len(changes.latest(library.catalog, 1000))


def content_of(model: ModelRecord) -> tuple[object, ...]:
    named = (model.name, model.category, model.category_by, model.notes)
    return (*named, model.pinned, tuple(model.tags), model.trashed_at is None, tuple(model.files))


EDITS = {
    "tag": lambda library, model: organise.tag(library, [model], ["x", "y"]),
    "untag": lambda library, model: organise.untag(library, [model], ["first"]),
    "set": lambda library, model: organise.assign(library, model, {"name": "renamed"}),
    "pin": lambda library, model: organise.pin(library, [model], pinned=True),
    "rm": lambda library, model: removal.remove(library, removal.plan_removal(library, [model])),
}


@pytest.mark.parametrize("action", EDITS)
def test_undo_takes_back_a_change_and_undo_of_that_brings_it_again(
    library: Library, model: ModelRecord, action: str
) -> None:
    before = content_of(now(library))
    EDITS[action](library, model)
    changed = content_of(now(library))
    assert last(library).action == action
    assert changed != before
    length = log_length(library)
    undo(library, last(library))
    assert content_of(now(library)) == before
    assert log_length(library) == length + 1, "an undo is one change"
    undo(library, last(library))
    assert content_of(now(library)) == changed


@pytest.mark.parametrize(
    "values", [{"category": "image/lora"}, {"notes": "from a friend"}, {"name": "other"}]
)
def test_undo_takes_back_each_thing_that_can_be_set(
    library: Library, model: ModelRecord, values: dict[str, str]
) -> None:
    before = content_of(now(library))
    organise.assign(library, model, values)
    assert content_of(now(library)) != before
    undo(library, last(library))
    assert content_of(now(library)) == before


def test_undo_of_an_addition_puts_it_into_the_trash(library: Library, model: ModelRecord) -> None:
    undo(library, last(library))
    assert now(library).trashed_at is not None


def test_undo_of_an_unpin_pins(library: Library, model: ModelRecord) -> None:
    organise.pin(library, [model], pinned=True)
    organise.pin(library, [now(library)], pinned=False)
    undo(library, last(library))
    assert now(library).pinned


def test_undo_of_a_restore_removes_again(library: Library, model: ModelRecord) -> None:
    removal.remove(library, removal.plan_removal(library, [model]))
    removal.restore(library, [model])
    undo(library, last(library))
    assert now(library).trashed_at is not None


def test_the_log_says_what_was_and_what_became(library: Library, model: ModelRecord) -> None:
    organise.tag(library, [model], ["x"])
    assert (last(library).before, last(library).after) == (
        {"tags": ["first"]},
        {"tags": ["first", "x"]},
    )
    undo(library, last(library))
    assert (last(library).action, last(library).after) == ("untag", {"tags": ["first"]})


def test_a_change_that_a_later_one_stands_on_is_not_taken_back(
    library: Library, model: ModelRecord
) -> None:
    organise.assign(library, model, {"name": "second"})
    middle = last(library)
    organise.assign(library, now(library), {"name": "third"})
    with pytest.raises(Refused, match="changed again"):
        undo(library, middle)
    assert now(library).name == "third"


def test_a_change_is_taken_back_under_a_later_one_of_another_kind(
    library: Library, model: ModelRecord
) -> None:
    organise.assign(library, model, {"name": "second"})
    middle = last(library)
    organise.tag(library, [now(library)], ["x"])
    undo(library, middle)
    assert (now(library).name, list(now(library).tags)) == ("a", ["first", "x"])


def test_a_name_that_another_model_has_now_is_not_given_back(
    library: Library, model: ModelRecord, tmp_path: Path
) -> None:
    organise.assign(library, model, {"name": "second"})
    renamed = last(library)
    bring(library, write(tmp_path / "b.gguf", content("b")), name="a")
    with pytest.raises(Refused, match="another model"):
        undo(library, renamed)


def test_a_removal_is_not_taken_back_over_a_new_model_of_that_name(
    library: Library, model: ModelRecord, tmp_path: Path
) -> None:
    EDITS["rm"](library, model)
    removed = last(library)
    bring(library, write(tmp_path / "b.gguf", content("b")), name="a")
    with pytest.raises(Refused, match="another model"):
        undo(library, removed)


def test_what_was_emptied_is_gone_for_good(library: Library, model: ModelRecord) -> None:
    EDITS["rm"](library, model)
    plan = removal.plan_removal(library, [model])
    removal.empty_trash(library, plan)
    assert last(library).action == "empty"
    with pytest.raises(NotFound):
        undo(library, last(library))
    assert [(change.action, name) for change, name in history(library, 1)] == [("empty", "a.gguf")]


def test_an_edit_that_changes_nothing_leaves_no_line(library: Library, model: ModelRecord) -> None:
    length = log_length(library)
    organise.tag(library, [model], ["first"])
    organise.untag(library, [model], ["never"])
    organise.pin(library, [model], pinned=False)
    organise.assign(library, model, {"name": "a", "category": model.category})
    assert log_length(library) == length
