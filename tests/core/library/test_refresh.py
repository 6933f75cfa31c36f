"""Looking again after the tables changed, and what is told of models with the same weights."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.conftest import bring, content, write
from modelfs import paths
from modelfs.catalog import changes, models
from modelfs.catalog.filters import Filter
from modelfs.catalog.records import ModelRecord
from modelfs.identify.tables import rows, user_tables
from modelfs.library import Library, kinship, organise, undo
from modelfs.library.check import CheckSummary, read
from modelfs.library.refresh import apply_refresh, plan_refresh

RULE = """
[[structure]]
id = "birdsong"
title = "Birdsong"
medium = "audio"
tensors = ["bird.song.weight[0] = 4"]

[[rule]]
category = "audio/denoise"
structure = "birdsong"
because = "birds say so"
"""


def safetensors(path: Path, note: str = "") -> Path:
    """Write the same tensor below a header with any note."""
    data = content("song", 4 * 4 * 600)
    header: dict[str, object] = {
        "bird.song.weight": {"dtype": "F32", "shape": [4, 600], "data_offsets": [0, len(data)]}
    }
    if note:
        header["__metadata__"] = {"note": note}
    text = json.dumps(header).encode()
    return write(path, struct.pack("<Q", len(text)) + text + data)


def every(library: Library) -> list[ModelRecord]:
    return sorted(models.find(library.catalog, Filter()), key=lambda model: model.name)


@pytest.fixture
def newer_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the file of rows that comes into force when ``load_newer`` is called."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield paths.user_tables_folder() / "birds.toml"
    monkeypatch.undo()
    forget()


def load_newer(path: Path) -> None:
    write(path, RULE.encode())
    forget()


def forget() -> None:
    rows.cache_clear()
    user_tables.cache_clear()


def test_newer_tables_move_what_nobody_has_filed(
    library: Library, tmp_path: Path, newer_tables: Path
) -> None:
    bring(library, safetensors(tmp_path / "a.safetensors"))
    bring(library, safetensors(tmp_path / "b.safetensors", "b"))
    (a, b) = every(library)
    assert a.category == "other/unsorted"
    organise.assign(library, b, {"category": "image/lora"})
    load_newer(newer_tables)

    plan = plan_refresh(library, every(library))
    assert [found.model.name for found in plan.changed if found.moves] == ["a"]
    assert every(library)[0].category == "other/unsorted", "a plan changes nothing"
    apply_refresh(library, plan)
    a, b = every(library)
    assert (a.category, b.category, b.category_by) == ("audio/denoise", "image/lora", "user")
    assert a.facts.architecture == b.facts.architecture == "birdsong"
    again = plan_refresh(library, every(library))
    assert not again.changed and len(again.same) == 2

    for change in [c for c in changes.latest(library.catalog, 10) if c.action == "refresh"]:
        undo.undo(library, change)
    assert every(library)[0].category == "other/unsorted"


def test_tags_taken_off_stay_off(library: Library, tmp_path: Path, newer_tables: Path) -> None:
    bring(library, safetensors(tmp_path / "a.safetensors"))
    (model,) = every(library)
    assert "f32" in model.auto_tags
    organise.untag(library, [model], ["f32"])
    load_newer(newer_tables)
    apply_refresh(library, plan_refresh(library, every(library)))
    (model,) = every(library)
    assert "f32" not in model.tags and "birdsong" in model.auto_tags


def test_copies_below_another_header_are_told(library: Library, tmp_path: Path) -> None:
    bring(library, safetensors(tmp_path / "a.safetensors"))
    bring(library, safetensors(tmp_path / "b.safetensors", "rewritten by a tool"))
    a, b = every(library)
    assert a.files[0].blob != b.files[0].blob
    (relative,) = kinship.relatives(library, a)
    assert (relative.model.name, relative.relation) == ("b", "same weights, other header")


def test_checking_fills_in_the_hash_of_the_data(library: Library, tmp_path: Path) -> None:
    for name in ("a", "b"):
        bring(library, safetensors(tmp_path / f"{name}.safetensors", name))
    with library.catalog.write():
        library.catalog.rows("UPDATE blob SET data_hash = NULL")
    a, _ = every(library)
    assert [r.relation for r in kinship.relatives(library, a)] != ["same weights, other header"]
    list(read(library, CheckSummary(), seal=False))
    (relative,) = kinship.relatives(library, a)
    assert relative.relation == "same weights, other header"


def test_refresh_leaves_alone_what_was_changed_meanwhile(
    library: Library, tmp_path: Path, newer_tables: Path
) -> None:
    bring(library, safetensors(tmp_path / "a.safetensors"))
    load_newer(newer_tables)
    plan = plan_refresh(library, every(library))
    organise.assign(library, every(library)[0], {"category": "image/lora"})
    assert apply_refresh(library, plan) == []
    assert every(library)[0].category == "image/lora"
