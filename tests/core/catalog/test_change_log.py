"""Every change of what people see is one line, with what was and what became, in order."""

from pathlib import Path

import pytest

from core.conftest import bring, content, write
from modelfs.catalog import changes, edit, models
from modelfs.catalog.records import ModelRecord
from modelfs.library import Library, organise, removal
from modelfs.library.check import CheckSummary, look
from modelfs.types import ChangeId


def logged(library: Library, seen: ChangeId) -> list[tuple[object, object, object]]:
    """Return the lines since one that was seen, times made into a word."""
    return [
        (change.action, _timeless(change.before), _timeless(change.after))
        for change in changes.after(library.catalog, seen)
    ]


def _timeless(values: object) -> object:
    if not isinstance(values, dict):
        return values
    return {key: "then" if isinstance(value, float) else value for key, value in values.items()}


@pytest.fixture
def model(library: Library, tmp_path: Path) -> ModelRecord:
    (added,) = bring(library, write(tmp_path / "a.gguf", content("a")), tags=("first",))
    return added.model


def test_creating_and_adding(library: Library, model: ModelRecord) -> None:
    assert logged(library, ChangeId(0)) == [
        ("init", None, {"at": "then"}),
        ("add", None, {"name": "a.gguf"}),
    ]


def test_every_edit(library: Library, model: ModelRecord) -> None:
    seen, _ = changes.newest(library.catalog)

    def now() -> ModelRecord:
        return models.get(library.catalog, [model.id])[model.id]

    organise.tag(library, [now()], ["x"])
    organise.untag(library, [now()], ["first"])
    organise.assign(library, now(), {"name": "b", "category": "image/lora", "notes": "mine"})
    organise.pin(library, [now()], pinned=True)
    organise.pin(library, [now()], pinned=False)
    plan = removal.plan_removal(library, [now()])
    removal.remove(library, plan)
    removal.restore(library, [now()])
    removal.remove(library, plan)
    (file,) = now().files
    removal.empty_trash(library, plan)
    category = {"category": model.category, "category_by": model.category_by}
    assert logged(library, seen) == [
        ("tag", {"tags": ["first"]}, {"tags": ["first", "x"]}),
        ("untag", {"tags": ["first", "x"]}, {"tags": ["x"]}),
        ("set", {"name": "a"}, {"name": "b"}),
        ("set", category, {"category": "image/lora", "category_by": "user"}),
        ("set", {"notes": ""}, {"notes": "mine"}),
        ("pin", {"pinned": False}, {"pinned": True}),
        ("unpin", {"pinned": True}, {"pinned": False}),
        ("rm", {"trashed_at": None}, {"trashed_at": "then"}),
        ("restore", {"trashed_at": "then", "name": "b"}, {"trashed_at": None, "name": "b"}),
        ("rm", {"trashed_at": None}, {"trashed_at": "then"}),
        (
            "empty",
            {"name": "b.gguf", "source": model.source, "files": [["a.gguf", file.blob]]},
            None,
        ),
    ]


def test_damage_and_healing_are_lines_of_every_model_that_has_the_blob(
    library: Library, model: ModelRecord, tmp_path: Path
) -> None:
    (twin,) = bring(library, write(tmp_path / "b.gguf", content("a")), name="b")
    seen, _ = changes.newest(library.catalog)
    blob = model.files[0].blob
    library.store.path(blob).unlink()
    list(look(library, CheckSummary()))
    list(look(library, CheckSummary()))
    bring(library, tmp_path / "a.gguf")
    found = changes.after(library.catalog, seen)
    assert [(change.action, change.model, change.before, change.after) for change in found] == [
        ("damage", model.id, {blob: "ok"}, {blob: "missing"}),
        ("damage", twin.model.id, {blob: "ok"}, {blob: "missing"}),
        ("heal", model.id, {blob: "missing"}, {blob: "ok"}),
        ("heal", twin.model.id, {blob: "missing"}, {blob: "ok"}),
    ]


def test_an_opening_is_counted_and_not_logged(library: Library, model: ModelRecord) -> None:
    seen, _ = changes.newest(library.catalog)
    with library.catalog.write():
        edit.count_use(library.catalog, model.id, "tool", 2, 1000.0)
        edit.count_use(library.catalog, model.id, "tool", 1, 500.0)
        edit.count_use(library.catalog, model.id, "other", 1, 2000.0)
    rows = library.catalog.rows("SELECT program, opens, last_at FROM use ORDER BY program")
    assert rows == [("other", 1, 2000.0), ("tool", 3, 1000.0)]
    assert models.get(library.catalog, [model.id])[model.id].last_used_at == 2000.0
    assert changes.after(library.catalog, seen) == []
