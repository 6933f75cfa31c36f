"""Taking back the latest change of a model, from what the change log kept of it."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from modelfs.catalog import changes, edit, models
from modelfs.catalog.records import Change, ModelRecord
from modelfs.errors import NotFound, Refused
from modelfs.library import categories, replacing
from modelfs.library.library import Library
from modelfs.store.outward import is_back, put_back
from modelfs.types import BlobId


def history(library: Library, count: int) -> list[tuple[Change, str]]:
    """Return the latest changes, newest first, each with the entry name of its model."""
    found = changes.latest(library.catalog, count)
    ids = {change.model for change in found}
    names = changes.names_of_the_gone(library.catalog, ids)
    names |= {id_: model.entry_name for id_, model in models.get(library.catalog, ids).items()}
    return [(change, names.get(change.model, "")) for change in found]


def undo(library: Library, change: Change) -> str:
    """Take back one change; return what that did. Undoing is itself a change.

    Raises NotFound when the model is gone, Refused when a later change of the same kind stands
    on this one or when it cannot be taken back.
    """
    if change.action == "category":
        return _take_back_category(library, change)
    model = models.get(library.catalog, [change.model]).get(change.model)
    if model is None:
        raise NotFound("the model of that change is gone for good")
    if change.action == "evict":
        raise _evicted(model)
    later = [c for c in changes.after(library.catalog, change.id) if c.model == change.model]
    if any(_touches(c) & _touches(change) for c in later):
        raise Refused(f"{model.entry_name} has changed again since", "undo the later change first")
    if change.action == "move":
        return _return_originals(library, change, model)
    with library.catalog.write():
        return _apply(library, change, model)


def _evicted(model: ModelRecord) -> Refused:
    if model.state == "remote":
        how = f"modelfs restore {shlex.quote(model.entry_name)}"
        return Refused(f"the bytes of {model.entry_name} are not here", f"fetch them again: {how}")
    return Refused(f"{model.entry_name} is here again", "there is nothing to take back")


def _take_back_category(library: Library, change: Change) -> str:
    ids = {str(value["id"]) for value in (change.before, change.after) if value}
    for later in changes.after(library.catalog, change.id):
        values = (later.before, later.after) if later.action == "category" else ()
        if any(value and value["id"] in ids for value in values):
            raise Refused("that category has changed again since", "undo the later change first")
    return categories.take_back(library, change)


def _return_originals(library: Library, change: Change, model: ModelRecord) -> str:
    """Put back what ``add --move`` took, each where it was; the model stays in the library."""
    originals: dict[str, tuple[BlobId, int]] = dict(change.before or {}).get("originals", {})  # type: ignore[assignment]
    gone = {Path(path): blob for path, blob in originals.items() if not os.path.lexists(path)}
    if not gone and not _are_back(library, originals):
        raise Refused("there is something at the place of each original", "nothing was put back")
    for path, (blob, mtime_ns) in gone.items():
        put_back(library.store, blob, path, mtime_ns)
    returned = list(map(str, gone or originals))
    with library.catalog.write():
        changes.log(library.catalog, "return", model.id, None, {"originals": returned})
    return f"put back {', '.join(returned)}"


def _are_back(library: Library, originals: Mapping[str, tuple[BlobId, int]]) -> bool:
    """Say whether an undo that was killed had put all of them back and only not said so yet."""
    return all(
        is_back(library.store, blob, Path(path), mtime_ns)
        for path, (blob, mtime_ns) in originals.items()
    )


def _touches(change: Change) -> set[str]:
    keys = set(change.before or {}) | set(change.after or {})
    return {"trashed_at"} if change.action in ("add", "update") else keys


def _apply(library: Library, change: Change, model: ModelRecord) -> str:
    catalog, before = library.catalog, dict(change.before or {})
    match change.action:
        case "add" | "restore":
            if model.pinned:
                raise Refused(f"pinned: {model.entry_name}", "modelfs unpin it first")
            edit.trash(catalog, model)
            return f"{model.entry_name} is in the trash"
        case "update":
            return replacing.take_back(library, change, model)
        case "rm":
            if edit.entry_taken(catalog, model.name, model.extension):
                raise Refused(f"another model is called {model.entry_name} now", "rename it first")
            edit.restore(catalog, model, model.name)
            return f"{model.entry_name} is back"
        case "tag" | "untag":
            tags = set(map(str, _list(before["tags"])))
            if gained := set(model.tags) - tags:
                edit.untag(catalog, model, gained)
            if lost := tags - set(model.tags):
                edit.tag(catalog, model, lost)
            return f"{model.entry_name} has the tags {', '.join(sorted(tags)) or '(none)'}"
        case "pin" | "unpin":
            edit.pin(catalog, model, pinned=bool(before["pinned"]))
            return f"{model.entry_name} is {'pinned' if before['pinned'] else 'not pinned'}"
        case "set":
            return _set_back(library, model, before)
        case "refresh":
            _check_category(library, before)
            edit.refresh(catalog, model, before, list(map(str, _list(before.pop("auto_tags")))))
            return f"{model.entry_name} is described as before"
    raise Refused(f"{change.action!r} cannot be taken back")


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _check_category(library: Library, before: Mapping[str, object]) -> None:
    category = before.get("category")
    if category and category not in library.taxonomy:
        raise Refused(f"there is no category {category} now", f"modelfs categories add {category}")


def _set_back(library: Library, model: ModelRecord, before: dict[str, object]) -> str:
    _check_category(library, before)
    if "name" in before:
        if edit.entry_taken(library.catalog, str(before["name"]), model.extension, model.id):
            raise Refused(f"another model is called {before['name']} now", "rename it first")
        edit.rename(library.catalog, model, str(before["name"]))
    if "category" in before:
        edit.move(library.catalog, model, str(before["category"]), str(before["category_by"]))
    if "notes" in before:
        edit.annotate(library.catalog, model, str(before["notes"]))
    return f"{model.entry_name}: {', '.join(f'{k}={v}' for k, v in before.items())}"
