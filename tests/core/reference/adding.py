"""What adding does to a plain library."""

from collections import Counter
from collections.abc import Sequence

from core.reference.choosing import check_category, free_name
from core.reference.plain import Line, PlainLibrary, PlainModel, Unable
from core.reference.sources import PlannedPlain, Source


def add(
    plain: PlainLibrary,
    sources: Sequence[Source],
    name: str | None = None,
    category: str | None = None,
    tags: Sequence[str] = (),
    move: bool = False,
) -> object:
    """Each model is wholly in or wholly out; bytes that are a model already add nothing."""
    if any("/" in tag for tag in tags):
        raise Unable("BadInput")
    if category is not None:
        check_category(plain, category)
    models = [model for source in sources for model in source.planned(name)]
    if name is not None:
        name = name.removesuffix(models[0].extension)
        if len(models) > 1 or plain.is_taken(name + models[0].extension):
            raise Unable("BadInput")
    return [_add_one(plain, model, name, category, tags, move=move) for model in models]


def _add_one(
    plain: PlainLibrary,
    planned: PlannedPlain,
    name: str | None,
    category: str | None,
    tags: Sequence[str],
    *,
    move: bool,
) -> list[object]:
    contents = list(planned.files.values())
    new_bytes = sum(_bring(plain, data) for data in set(contents))
    existing = None if name else _same(plain, contents)
    for data in dict.fromkeys(contents):
        plain.states.setdefault(data, "ok")
        plain.set_state(data, "ok")
    model = existing or _new_model(plain, planned, name, category, tags)
    if existing is None:
        plain.log.append(Line("add", model.id, {"trashed_at": None}))
    if move:
        originals = {planned.originals[path]: data for path, data in planned.files.items()}
        plain.log.append(Line("move", model.id, {"originals": originals}))
    plain.committed()
    outcome = "already there" if existing else "added"
    shared_bytes = sum(map(len, contents)) - new_bytes
    return [outcome, model.id, model.entry_name, new_bytes, shared_bytes]


def _bring(plain: PlainLibrary, data: bytes) -> int:
    """Let bytes be in their place; return how many the store did not have."""
    there = plain.disk.get(data)
    if there == data:
        return 0
    if there is not None:
        plain.set_aside[data, there] += 1
        plain.loose.discard(data)
    plain.disk[data] = data
    return len(data)


def _same(plain: PlainLibrary, contents: Sequence[bytes]) -> PlainModel | None:
    wanted = Counter(contents)
    return next((m for m in plain.living() if Counter(m.files.values()) == wanted), None)


def _new_model(
    plain: PlainLibrary,
    planned: PlannedPlain,
    name: str | None,
    category: str | None,
    tags: Sequence[str],
) -> PlainModel:
    plain.last_id += 1
    known = planned.is_known_format
    model = PlainModel(
        id=plain.last_id,
        name=name or planned.name,
        extension=planned.extension,
        files=dict(planned.files),
        category=category or planned.category,
        category_by="user" if category else "guess",
        source=planned.source,
        format=planned.format,
        architecture="llama" if known else None,
        tags=({"gguf": False} if known else {}) | dict.fromkeys(tags, True),
    )
    model.name = free_name(plain, model)
    plain.models[model.id] = model
    return model
