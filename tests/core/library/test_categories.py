"""A user's own categories: added, nested, renamed with their models, hidden, taken back."""

import pytest

from core.conftest import bring, content, write
from modelfs.catalog import changes, models
from modelfs.catalog.filters import Filter
from modelfs.errors import BadInput, Refused
from modelfs.library import Library, categories, organise, undo


def category_of(library: Library, name: str) -> tuple[str, str]:
    (found,) = (m for m in models.find(library.catalog, Filter()) if m.name == name)
    return found.category, found.category_by


def put(library: Library, name: str, category: str) -> None:
    bring(library, write(library.paths.root.parent / f"{name}.gguf", content(name)))
    (model,) = (m for m in models.find(library.catalog, Filter()) if m.name == name)
    organise.assign(library, model, {"category": category})


def last_change(library: Library) -> changes.Change:
    return next(c for c in changes.latest(library.catalog, 10) if c.action == "category")


def test_a_nested_category_of_ones_own(library: Library) -> None:
    categories.add(library, "image/lora/anime", "Anime styles")
    put(library, "a", "image/lora/anime")
    found = {each.category.id: each for each in categories.counted(library)}
    assert found["image/lora/anime"].models == 1
    assert found["image/lora/anime"].category.own


def test_renaming_moves_models_and_what_is_nested(library: Library) -> None:
    for category in ("mine", "mine/birds"):
        categories.add(library, category)
    put(library, "a", "mine")
    put(library, "b", "mine/birds")
    plan = categories.plan_rename(library, "mine", "ours")
    assert dict(plan.ids) == {"mine": "ours", "mine/birds": "ours/birds"}
    assert len(plan.models) == 2
    categories.rename(library, plan)
    assert category_of(library, "a") == ("ours", "user")
    assert category_of(library, "b") == ("ours/birds", "user")
    assert {each.category.id for each in categories.counted(library) if each.category.own} == {
        "ours",
        "ours/birds",
    }


def test_a_rename_is_taken_back(library: Library) -> None:
    categories.add(library, "mine")
    put(library, "a", "mine")
    categories.rename(library, categories.plan_rename(library, "mine", "ours"))
    undo.undo(library, last_change(library))
    assert category_of(library, "a")[0] == "mine"


@pytest.mark.parametrize(
    ("category", "new"), [("image/lora", "image/x"), ("mine", "image/lora"), ("mine", "A b")]
)
def test_shipped_ids_stay_and_bad_ones_are_refused(
    library: Library, category: str, new: str
) -> None:
    categories.add(library, "mine")
    with pytest.raises(BadInput):
        categories.plan_rename(library, category, new)


def test_titles_and_visibility_of_shipped_ones_change_and_come_back(library: Library) -> None:
    categories.set_title(library, "image/lora", "Styles")
    assert library.taxonomy.get("image/lora").title == "Styles"  # type: ignore[union-attr]
    undo.undo(library, last_change(library))
    assert library.taxonomy.get("image/lora").title != "Styles"  # type: ignore[union-attr]
    hidden = categories.set_hidden(library, ["video"], hidden=True)
    assert len(hidden) == 5
    assert "video" in library.taxonomy.unlisted
    categories.set_hidden(library, ["video"], hidden=False)
    assert library.taxonomy.unlisted == frozenset()
    before = changes.newest(library.catalog)
    categories.set_hidden(library, ["video"], hidden=False)
    assert changes.newest(library.catalog) == before, "what is so already is no change"


def test_an_empty_category_of_ones_own_goes_and_comes_back(library: Library) -> None:
    categories.add(library, "mine", "Mine")
    categories.remove(library, "mine")
    assert "mine" not in library.taxonomy
    undo.undo(library, last_change(library))
    assert library.taxonomy.get("mine").title == "Mine"  # type: ignore[union-attr]


def test_a_category_with_models_stays(library: Library) -> None:
    categories.add(library, "mine")
    put(library, "a", "mine")
    with pytest.raises(Refused, match="1 model in mine"):
        categories.remove(library, "mine")
    with pytest.raises(Refused):
        undo.undo(library, last_change(library))


def test_no_model_goes_back_into_a_category_that_is_gone(library: Library) -> None:
    categories.add(library, "mine")
    put(library, "a", "mine")
    (model,) = models.find(library.catalog, Filter())
    organise.assign(library, model, {"category": "image/lora"})
    moved = changes.latest(library.catalog, 1)[0]
    categories.remove(library, "mine")
    with pytest.raises(Refused, match="no category mine now"):
        undo.undo(library, moved)
    assert category_of(library, "a")[0] == "image/lora"
    undo.undo(library, last_change(library))
    undo.undo(library, moved)
    assert category_of(library, "a")[0] == "mine"


def test_shipped_ones_cannot_be_removed(library: Library) -> None:
    with pytest.raises(BadInput, match="came with the program"):
        categories.remove(library, "image/lora")
    with pytest.raises(BadInput):
        categories.remove(library, "nonsense")


def test_an_older_change_is_not_taken_back_over_a_later_one(library: Library) -> None:
    categories.set_title(library, "image/lora", "One")
    first = last_change(library)
    categories.set_title(library, "image/lora", "Two")
    with pytest.raises(Refused, match="changed again"):
        undo.undo(library, first)
