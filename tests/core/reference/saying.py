"""What people say about models, and what that does to a plain library."""

from collections.abc import Mapping, Sequence

from core.reference.choosing import check_category, chosen_of
from core.reference.plain import Line, PlainLibrary, Unable


def tag(
    plain: PlainLibrary, ids: Sequence[int], tags: Sequence[str], remembered: bool = False
) -> object:
    """All tags or none; one that is typed already is no change."""
    chosen = chosen_of(plain, ids, remembered)
    if any("/" in tag for tag in tags):
        raise Unable("BadInput")
    for model in chosen:
        if not all(model.tags.get(tag) for tag in tags):
            plain.log.append(Line("tag", model.id, {"tags": sorted(model.tags)}))
            model.tags |= dict.fromkeys(tags, True)
    plain.committed()
    return None


def untag(
    plain: PlainLibrary, ids: Sequence[int], tags: Sequence[str], remembered: bool = False
) -> object:
    """Say how many were there to take."""
    count = 0
    for model in chosen_of(plain, ids, remembered):
        present = [tag for tag in dict.fromkeys(tags) if tag in model.tags]
        if present:
            plain.log.append(Line("untag", model.id, {"tags": sorted(model.tags)}))
        for tag in present:
            del model.tags[tag]
        count += len(present)
    plain.committed()
    return count


def assign(
    plain: PlainLibrary, id_: int, values: Mapping[str, str], remembered: bool = False
) -> object:
    """All values or none; one that is so already is no change."""
    found = chosen_of(plain, [id_], remembered)
    if "category" in values:
        check_category(plain, values["category"])
    if not found:
        raise Unable("NotFound")
    (model,) = found
    if "name" in values:
        name = values["name"].removesuffix(model.extension)
        if plain.is_taken(name + model.extension, but=model.id):
            raise Unable("BadInput")
        if name != model.name:
            plain.log.append(Line("set", model.id, {"name": model.name}))
            model.name = name
    if "category" in values and values["category"] != model.category:
        before = {"category": model.category, "category_by": model.category_by}
        plain.log.append(Line("set", model.id, before))
        model.category, model.category_by = values["category"], "user"
    if "notes" in values and values["notes"] != model.notes:
        plain.log.append(Line("set", model.id, {"notes": model.notes}))
        model.notes = values["notes"]
    plain.committed()
    return None


def pin(plain: PlainLibrary, ids: Sequence[int], pinned: bool, remembered: bool = False) -> object:
    """Pin or unpin; what is so already is no change."""
    for model in chosen_of(plain, ids, remembered):
        if model.pinned != pinned:
            line = Line("pin" if pinned else "unpin", model.id, {"pinned": model.pinned})
            plain.log.append(line)
            model.pinned = pinned
    plain.committed()
    return None


def add_category(plain: PlainLibrary, category: str) -> object:
    """Add one of the user's own."""
    if category in plain.categories:
        raise Unable("BadInput")
    plain.categories.add(category)
    plain.log.append(Line("category", 0, {"id": category}))
    plain.committed()
    return None
