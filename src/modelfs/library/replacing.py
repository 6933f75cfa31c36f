"""An updated model takes the place of the old one in the transaction that adds it.

Nobody ever sees both or neither. The old one goes to the trash: it can be restored, and the whole
exchange taken back.
"""

import shlex
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from modelfs.catalog import changes, edit, models
from modelfs.catalog.records import Change, ModelRecord
from modelfs.errors import NotFound, Refused
from modelfs.library.addition import PlannedModel
from modelfs.library.library import Library
from modelfs.names import legal_name, split_extension
from modelfs.types import ModelId


def aimed(planned: Collection[PlannedModel], old: ModelId | None) -> tuple[PlannedModel, ...]:
    """Say of planned models which takes the place of ``old``: of several the largest."""
    if old is None or not planned:
        return tuple(planned)
    largest = max(planned, key=lambda model: model.size_bytes)
    rest = tuple(model for model in planned if model is not largest)
    return (replace(largest, replaces=old), *rest)


def replaced(library: Library, planned: PlannedModel) -> ModelRecord | None:
    """Return the model whose place is to be taken; None when it has left the library."""
    if planned.replaces is None:
        return None
    old = models.get(library.catalog, [planned.replaces]).get(planned.replaces)
    return old if old is not None and old.trashed_at is None else None


def check_place(library: Library, old: ModelId | None, source: str) -> None:
    """Raise Refused when the model to be replaced has left the library, and not for this one.

    ``source`` is the new one's: an update that was killed just after it was done is done again.
    """
    if old is None:
        return
    next_one = changes.successor(library.catalog, old)
    wanted = [old] if next_one is None else [old, next_one]
    living = [m for m in models.get(library.catalog, wanted).values() if m.trashed_at is None]
    if not any(model.id == old or _repository(model.source) == source for model in living):
        raise Refused(
            "the model that this was to update is not in the library any more",
            f"modelfs add {shlex.quote(source)} brings it as a model of its own",
        )


def _repository(source: str) -> str:
    """Return a source without the folder in it."""
    place, at, rest = source.partition("@")
    return place + at + rest.partition("/")[0]


def make_way(library: Library, old: ModelRecord, planned: PlannedModel) -> PlannedModel:
    """Put the old model into the trash; return the new one as it is to be added. In ``write()``.

    What somebody said of the old one stays said: its name, its typed tags, its category.
    """
    edit.trash(library.catalog, old)
    typed = [tag for tag in old.tags if tag not in old.auto_tags]
    by_user = old.category_by == "user" and old.category in library.taxonomy
    return replace(
        planned,
        name=_name(old, planned),
        tags=tuple(dict.fromkeys([*typed, *planned.tags])),
        category=old.category if by_user else planned.category,
        category_by="user" if by_user else planned.category_by,
    )


def settle(library: Library, old: ModelRecord, new: ModelId) -> None:
    """Give the new model the rest of what the old one had, and log the exchange. In ``write()``."""
    catalog = library.catalog
    after = models.get(catalog, [new])[new]
    unwanted = changes.untagged(catalog, old.id) & set(after.auto_tags)
    if unwanted:
        edit.untag(catalog, after, unwanted)
    if old.notes:
        edit.annotate(catalog, after, old.notes)
    if old.pinned:
        edit.pin(catalog, after, pinned=True)
    _log(library, old, after)


def take_back(library: Library, change: Change, new: ModelRecord) -> str:
    """Put the two back into each other's places; say what that did. In ``write()``.

    Taking back is such an exchange itself. Raises NotFound when the old model is gone for good,
    Refused when it has been restored meanwhile, or its name is taken.
    """
    catalog = library.catalog
    id_ = ModelId(int(str((change.before or {}).get("model", 0))))
    old = models.get(catalog, [id_]).get(id_)
    if old is None:
        raise NotFound(f"what {new.entry_name} was before is gone for good")
    if old.trashed_at is None:
        raise Refused(f"{old.entry_name} is in the library already", "modelfs ls shows both")
    if new.pinned and not old.pinned:
        raise Refused(f"pinned: {new.entry_name}", "modelfs unpin it first")
    edit.trash(catalog, new)
    if edit.entry_taken(catalog, old.name, old.extension):
        raise Refused(f"another model is called {old.entry_name} now", "rename it first")
    edit.restore(catalog, old, old.name)
    _log(library, new, old)
    return f"{old.entry_name} is what it was before; the other one is in the trash"


def _log(library: Library, gone: ModelRecord, here: ModelRecord) -> None:
    before = {"model": gone.id, "source": gone.source}
    changes.log(
        library.catalog, "update", here.id, before, {"model": here.id, "source": here.source}
    )


def _name(old: ModelRecord, planned: PlannedModel) -> str:
    """Return the old name, unless it is that of a file, and no file is called so any more."""
    is_gone = old.name not in _stems(file.path for file in planned.files)
    was_of_file = old.name in _stems(file.path for file in old.files)
    return planned.name if was_of_file and is_gone else old.name


def _stems(paths: Iterable[str]) -> set[str]:
    return {legal_name(split_extension(PurePosixPath(path).name)[0]) for path in paths}
