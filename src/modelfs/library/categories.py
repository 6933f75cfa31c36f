"""The user's own categories, and how the shipped ones are shown; every change can be taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from modelfs.catalog import categories, edit, models
from modelfs.catalog.categories import CategoryRow
from modelfs.catalog.filters import Condition, Filter
from modelfs.catalog.records import Change, ModelRecord
from modelfs.errors import BadInput, Refused
from modelfs.identify import Category, load_taxonomy
from modelfs.library.library import Library
from modelfs.units import format_count


@dataclass(frozen=True, slots=True)
class Counted:
    """A category, its number of models and their logical bytes."""

    category: Category
    models: int
    size_bytes: int


def counted(library: Library) -> list[Counted]:
    """Return every category with what is in it, the shipped ones first."""
    counts = models.summary(library.catalog).by_category
    return [Counted(each, *counts.get(each.id, (0, 0))) for each in library.taxonomy.categories]


def add(library: Library, category: str, title: str = "") -> str:
    """Add a category of the user's own; return its id."""
    known = library.taxonomy.check_new_id(category)
    with library.catalog.write():
        row = CategoryRow(known, title or known.rpartition("/")[2])
        categories.change(library.catalog, None, row)
    return known


@dataclass(frozen=True, slots=True)
class Renaming:
    """A category of the user's own, with those nested below it, under another id."""

    ids: Mapping[str, str]
    """Old to new."""
    models: Sequence[ModelRecord]
    """Models whose folder changes."""


def plan_rename(library: Library, category: str, new: str) -> Renaming:
    """Say what giving a category another id would move.

    Raises BadInput for a shipped one, whose paths are stable, and for an id that cannot be.
    """
    _own(library, category, "its paths are promised to stay")
    library.taxonomy.check_new_id(new)
    known = [row.id for row in categories.rows(library.catalog)]
    below = [each for each in known if each.startswith(category + "/")]
    ids = {old: new + old[len(category) :] for old in (category, *below)}
    for target in ids.values():
        library.taxonomy.check_new_id(target)
    return Renaming(ids, _models_in(library, tuple(ids)))


def rename(library: Library, plan: Renaming) -> None:
    """Give categories their new ids and move their models, all or nothing."""
    with library.catalog.write():
        for old, new in plan.ids.items():
            row = categories.get(library.catalog, old)
            if row is None:
                raise BadInput(f"there is no category {old!r} any more")
            categories.change(library.catalog, row, replace(row, id=new))
            for model in _models_in(library, (old,)):
                edit.move(library.catalog, model, new, model.category_by)


def set_title(library: Library, category: str, title: str) -> None:
    """Call a category something else; its id and so its paths stay."""
    if not title.strip():
        raise BadInput("a title is not empty")
    _change(library, library.taxonomy.resolve(category), title=title.strip())


def set_hidden(library: Library, names: Sequence[str], *, hidden: bool) -> list[str]:
    """Hide categories from listings of the mount, or show them; a first level means all in it."""
    ids = [each for name in names for each in library.taxonomy.at_or_below(name)]
    for category in dict.fromkeys(ids):
        _change(library, category, hidden=hidden)
    return list(dict.fromkeys(ids))


def _change(
    library: Library, category: str, *, title: str | None = None, hidden: bool | None = None
) -> None:
    with library.catalog.write():
        before = categories.get(library.catalog, category)
        after = before or CategoryRow(category, "")
        after = replace(after, title=after.title if title is None else title)
        after = replace(after, hidden=after.hidden if hidden is None else hidden)
        if after != (before or CategoryRow(category, "")):
            categories.change(library.catalog, before, after)


def remove(library: Library, category: str) -> None:
    """Remove an empty category of the user's own.

    Raises Refused when there are models in it, BadInput for a shipped one.
    """
    row = _own(library, category, "hide it instead: modelfs categories hide")
    with library.catalog.write():
        held = _models_in(library, (category,), trashed=True)
        if held:
            raise Refused(
                f"{format_count(len(held), 'model')} in {category}, such as {held[0].entry_name}",
                "move them first: modelfs set MODEL category=…, or empty the trash",
            )
        categories.change(library.catalog, row, None)


def take_back(library: Library, change: Change) -> str:
    """Undo a change of a category."""
    before, after = (_row(value) for value in (change.before, change.after))
    if before is not None and after is not None and before.id != after.id:
        with library.catalog.write():
            now = categories.get(library.catalog, after.id)
            if now is None:
                raise Refused(f"{after.id} has changed again since", "undo the later change first")
            categories.change(library.catalog, now, before)
            for model in _models_in(library, (after.id,)):
                edit.move(library.catalog, model, before.id, model.category_by)
        return f"the category is {before.id} again"
    if before is None and after is not None and after.id not in load_taxonomy():
        remove(library, after.id)
        return f"there is no category {after.id}"
    with library.catalog.write():
        last = before or after
        assert last is not None
        categories.change(library.catalog, categories.get(library.catalog, last.id), before)
    return f"{last.id} is as before"


def _row(value: Mapping[str, object] | None) -> CategoryRow | None:
    if value is None:
        return None
    return CategoryRow(str(value["id"]), str(value["title"]), bool(value.get("hidden")))


def _own(library: Library, category: str, instead: str) -> CategoryRow:
    found = categories.get(library.catalog, category)
    if category in load_taxonomy():
        raise BadInput(f"{category} came with the program", instead)
    if found is None:
        library.taxonomy.resolve(category)  # says what there is
        raise BadInput(f"give the whole id of the category, not {category!r}")
    return found


def _models_in(library: Library, ids: Sequence[str], *, trashed: bool = False) -> list[ModelRecord]:
    conditions = [Condition("category", ids)]
    found = models.find(library.catalog, Filter(conditions))
    gone = models.find(library.catalog, Filter(conditions, trashed=True)) if trashed else []
    return [*found, *gone]
