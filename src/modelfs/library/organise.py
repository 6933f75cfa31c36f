"""Tags, names, categories and pins: what people say about models."""

from collections.abc import Mapping, Sequence

from modelfs.catalog import edit, models
from modelfs.catalog.records import ModelRecord
from modelfs.errors import BadInput, NotFound
from modelfs.library.library import Library
from modelfs.library.select import renewed
from modelfs.names import check_tag, legal_name

_SETTABLE = ("category", "name", "notes")


def tag(library: Library, chosen: Sequence[ModelRecord], tags: Sequence[str]) -> None:
    """Add tags to models: all or, when one tag cannot be one, nothing."""
    check_tags(tags)
    with library.catalog.write():
        for model in renewed(library, chosen):
            if not set(tags) <= set(model.tags) - set(model.auto_tags):
                edit.tag(library.catalog, model, tags)


def untag(library: Library, chosen: Sequence[ModelRecord], tags: Sequence[str]) -> int:
    """Take tags off models; return how many were there to take."""
    with library.catalog.write():
        count = 0
        for model in renewed(library, chosen):
            present = [name for name in dict.fromkeys(tags) if name in model.tags]
            if present:
                edit.untag(library.catalog, model, present)
                count += len(present)
    return count


def check_tags(tags: Sequence[str]) -> None:
    """Raise BadInput when one of these cannot be a tag."""
    for name in tags:
        problem = check_tag(name)
        if problem:
            raise BadInput(f"{name!r} cannot be a tag: {problem}")


def assign(library: Library, model: ModelRecord, values: Mapping[str, str]) -> None:
    """Set a model's category, name or notes; all of them or nothing.

    Raises BadInput for what cannot be set so, NotFound when the model has gone meanwhile.
    """
    for key in values:
        if key not in _SETTABLE:
            raise BadInput(f"{key!r} cannot be set", f"can be set: {', '.join(_SETTABLE)}")
    category = library.taxonomy.resolve(values["category"]) if "category" in values else None
    with library.catalog.write():
        # As it is now: undo goes back to what stood here before, not to what was once read.
        for now in renewed(library, [model]):
            _assign(library, now, values, category)
            return
    raise NotFound(f"{model.entry_name} is not in the library any more", "modelfs trash")


def _assign(
    library: Library, model: ModelRecord, values: Mapping[str, str], category: str | None
) -> None:
    if "name" in values and values["name"] != model.name:
        name = free_name(library, model.extension, values["name"], but=model)
        if name != model.name:
            edit.rename(library.catalog, model, name)
    if category is not None and category != model.category:
        edit.move(library.catalog, model, category)
    if "notes" in values and values["notes"] != model.notes:
        edit.annotate(library.catalog, model, values["notes"])


def free_name(library: Library, extension: str, wanted: str, but: ModelRecord | None = None) -> str:
    """Return the name a person asked for; raise BadInput when it is illegal or taken."""
    # People type what they see: with the extension of the file.
    name = wanted[: -len(extension)] if extension and wanted.endswith(extension) else wanted
    if legal_name(name) != name or len((name + extension).encode()) > 255:
        raise BadInput(f"{wanted!r} cannot be a name", f"legal would be {legal_name(name)[:100]!r}")
    if edit.entry_taken(library.catalog, name, extension, but.id if but else 0):
        raise BadInput(f"there is a model {name + extension!r} already", "choose another name")
    return name


def pin(library: Library, chosen: Sequence[ModelRecord], *, pinned: bool) -> None:
    """Pin models, so that they are never suggested for removal and named before it; or unpin."""
    with library.catalog.write():
        for model in renewed(library, chosen):
            if model.pinned != pinned:
                edit.pin(library.catalog, model, pinned=pinned)


def tag_counts(library: Library) -> list[tuple[str, int, bool]]:
    """Return each tag with its number of models and whether somebody typed it."""
    counts = models.tag_counts(library.catalog)
    return [(name, number, typed) for name, (number, typed) in counts.items()]
