"""Choosing models, names and categories: what several deeds have in common."""

from collections.abc import Sequence

from core.reference.plain import Line, PlainLibrary, PlainModel, Unable

SHIPPED = ("language/llm", "image/lora", "image/checkpoint", "speech/speech-to-text")
"""Some of the categories that every library has."""


def check_category(plain: PlainLibrary, category: str) -> None:
    if category not in plain.categories | set(SHIPPED):
        raise Unable("BadInput")


def chosen_of(
    plain: PlainLibrary, ids: Sequence[int], remembered: bool, *, trashed: bool = False
) -> list[PlainModel]:
    """Return the models of these ids, as far as they are where they should be.

    Naming one that is not is an error; a record read earlier, when it was, is passed over.
    """
    found = [plain.models.get(id_) for id_ in dict.fromkeys(ids)]
    right = [model for model in found if model is not None and model.trashed == trashed]
    if len(right) < len(found) and not remembered:
        raise Unable("NotFound")
    return sorted(right, key=lambda model: model.id)


def free_name(plain: PlainLibrary, model: PlainModel) -> str:
    return next(name for name in model.names() if not plain.is_taken(name + model.extension))


def put_in_trash(plain: PlainLibrary, model: PlainModel) -> None:
    model.trashed = True
    plain.log.append(Line("rm", model.id, {"trashed_at": None}))
