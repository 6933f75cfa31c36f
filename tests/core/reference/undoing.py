"""Taking back lines of the log of a plain library."""

import os
from collections.abc import Callable, Sequence

from core.reference.choosing import SHIPPED, put_in_trash
from core.reference.plain import Line, PlainLibrary, PlainModel, Unable


def undo(plain: PlainLibrary, number: int) -> object:
    """Take back one line of the log, if nothing later stands on it."""
    line = plain.log[number]
    if line.action == "category":
        _undo_category(plain, line, plain.log[number + 1 :])
        return None
    model = plain.models.get(line.model)
    if model is None:
        raise Unable("NotFound")
    later = [each for each in plain.log[number + 1 :] if each.model == line.model]
    if any(each.before.keys() & line.before.keys() for each in later):
        raise Unable("Refused")
    UNDOINGS.get(line.action, _refuse)(plain, model, line)
    plain.committed()
    return None


def _undo_category(plain: PlainLibrary, line: Line, later: Sequence[Line]) -> None:
    """One that came goes, unless a model is in it; one that went comes back."""
    category = str(line.before["id"])
    held = any(model.category == category for model in plain.models.values())
    if any(each.action == "category" and each.before == line.before for each in later) or (
        category in plain.categories and held
    ):
        raise Unable("Refused")
    plain.categories ^= {category}
    plain.log.append(Line("category", 0, {"id": category}))
    plain.committed()


def _refuse(plain: PlainLibrary, model: PlainModel, line: Line) -> None:
    raise Unable("Refused")


def _undo_coming(plain: PlainLibrary, model: PlainModel, line: Line) -> None:
    if model.pinned:
        raise Unable("Refused")
    put_in_trash(plain, model)


def _undo_rm(plain: PlainLibrary, model: PlainModel, line: Line) -> None:
    if plain.is_taken(model.entry_name):
        raise Unable("Refused")
    model.trashed = False
    plain.log.append(Line("restore", model.id, {"trashed_at": None, "name": None}))


def _undo_tags(plain: PlainLibrary, model: PlainModel, line: Line) -> None:
    before: list[str] = line.before["tags"]  # type: ignore[assignment]
    if gained := model.tags.keys() - set(before):
        plain.log.append(Line("untag", model.id, {"tags": sorted(model.tags)}))
        for tag in gained:
            del model.tags[tag]
    if lost := set(before) - model.tags.keys():
        plain.log.append(Line("tag", model.id, {"tags": sorted(model.tags)}))
        model.tags |= dict.fromkeys(lost, True)


def _undo_pin(plain: PlainLibrary, model: PlainModel, line: Line) -> None:
    was = bool(line.before["pinned"])
    plain.log.append(Line("pin" if was else "unpin", model.id, {"pinned": model.pinned}))
    model.pinned = was


def _undo_set(plain: PlainLibrary, model: PlainModel, line: Line) -> None:
    name = line.before.get("name")
    if name and plain.is_taken(f"{name}{model.extension}", but=model.id):
        raise Unable("Refused")
    plain.log.append(Line("set", model.id, {key: getattr(model, key) for key in line.before}))
    category = line.before.get("category")
    if category and category not in plain.categories | {*SHIPPED, "other/unsorted"}:
        raise Unable("Refused")
    for key, value in line.before.items():
        setattr(model, key, value)


def _undo_move(plain: PlainLibrary, model: PlainModel, line: Line) -> None:
    originals: dict[str, bytes] = line.before["originals"]  # type: ignore[assignment]
    if all(map(os.path.lexists, originals)):
        raise Unable("Refused")
    plain.log.append(Line("return", model.id, {"originals": None}))


UNDOINGS: dict[str, Callable[[PlainLibrary, PlainModel, Line], None]] = {
    "add": _undo_coming,
    "restore": _undo_coming,
    "rm": _undo_rm,
    "tag": _undo_tags,
    "untag": _undo_tags,
    "pin": _undo_pin,
    "unpin": _undo_pin,
    "set": _undo_set,
    "move": _undo_move,
}
