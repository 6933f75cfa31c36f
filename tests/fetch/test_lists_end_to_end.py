"""The list of one library makes another one the same, from the same hub."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.conftest import bring, make_library, write
from fetch.standin.civitai import StandInCivitai
from fetch.standin.hub import StandInHub
from identify.builders import gguf, safetensors
from modelfs.catalog import models
from modelfs.catalog.records import ModelRecord
from modelfs.fetch.listing import Wishes
from modelfs.fetch.web import Web
from modelfs.library import Library, categories, jobs, lists, organise, select
from modelfs.library.add import Added
from modelfs.library.addition import AddOptions
from modelfs.library.fetch_plan import ask_source, plan_fetch
from modelfs.library.fetching import create_job, run_job
from modelfs.library.list_text import Wanted

GGUFS = "bartowski/Smol-GGUF"
PARTS = "acme/parts"


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Library]:
    with make_library(tmp_path / "first") as library:
        yield library


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Library]:
    with make_library(tmp_path / "second") as library:
        yield library


@pytest.fixture
def filled(hub: StandInHub) -> StandInHub:
    """A hub with two repositories, one of which has its models in folders."""
    architecture = {"general.architecture": "llama"}
    hub.repository(
        GGUFS,
        {
            "Smol-Q4_K_M.gguf": gguf(architecture, data_bytes=3000),
            "Smol-Q8_0.gguf": gguf(architecture, data_bytes=6000),
            "README.md": "hello",
        },
        license="mit",
        tags=["text-generation"],
    )
    hub.repository(
        PARTS,
        {
            "vae [a]/config.json": '{"_class_name": "AutoencoderKL"}',
            "vae [a]/diffusion_pytorch_model.safetensors": safetensors({"decoder.w": [40, 40]}),
            "vae b/config.json": '{"_class_name": "AutoencoderKL", "b": 1}',
            "vae b/diffusion_pytorch_model.safetensors": safetensors({"decoder.w": [50, 50]}),
        },
    )
    return hub


def _fetch(
    library: Library, wanted: Wanted, wishes: Wishes | None = None, name: str | None = None
) -> list[Added]:
    """Do what ``add --from`` does with one entry."""
    with Web() as web:
        offer = lists.followed(ask_source(wanted.source, web), wanted)
    lists.make_category(library, wanted)
    options = lists.options_for(library, wanted, AddOptions(name))
    plan = plan_fetch(library, offer, wanted.wishes(wishes), options)
    return run_job(library, jobs.find(library, create_job(library, plan)))


def _take_in(library: Library, file: Path) -> list[Added]:
    missing = [each for each in lists.wanted_from(file) if not lists.is_here(library, each)]
    return [added for wanted in missing for added in _fetch(library, wanted)]


def _export(library: Library, file: Path) -> Path:
    text = lists.export_list(library, select.matching(library, "")).text
    return write(file, text.encode())


def _said(library: Library) -> dict[str, object]:
    """Return all that a list is to bring over, by the models' names."""
    return {model.entry_name: _all_of(library, model) for model in select.matching(library, "")}


def _all_of(library: Library, model: ModelRecord) -> object:
    files = [(file.path, file.blob) for file in model.files]
    told = models.told(library.catalog, model.id)
    people = (model.category, model.category_by, model.tags, model.auto_tags, model.notes)
    return files, model.source, told["asked"], *people, model.pinned


def test_a_second_library_becomes_as_the_first(
    first: Library, second: Library, filled: StandInHub, tmp_path: Path
) -> None:
    (smol,) = _fetch(first, Wanted(f"hf:{GGUFS}:Q4_K_M"), name="my smol")
    parts = _fetch(first, Wanted(f"hf:{PARTS}"), Wishes(all_variants=True))
    categories.add(first, "mine/deep", "My deep ones")
    organise.assign(first, smol.model, {"category": "mine/deep", "notes": 'from "there"\n2'})
    organise.tag(first, [smol.model], ["fav", "日本"])
    organise.pin(first, [smol.model], pinned=True)
    assert len(parts) == 2, "two folders, two models of one source"
    assert {each.model.source.rpartition("/")[2] for each in parts} == {"vae [a]", "vae b"}
    expected = _said(first)
    bring(first, write(tmp_path / "own.gguf", gguf({"general.architecture": "own"})))

    file = _export(first, tmp_path / "models.toml")
    filled.repositories[GGUFS].change({"Smol-Q4_K_M.gguf": b"a later one"})
    added = _take_in(second, file)

    assert [each.outcome for each in added] == ["added"] * 3
    assert _said(second) == expected, "all but what no address is known of, and as it was then"
    assert "# own.gguf: " in file.read_text()
    assert _export(second, tmp_path / "again.toml").read_text().partition("# These")[0].strip() == (
        file.read_text().partition("# These")[0].strip()
    )


def test_taking_a_list_in_again_asks_for_nothing(
    first: Library, filled: StandInHub, tmp_path: Path
) -> None:
    _fetch(first, Wanted(f"hf:{GGUFS}:Q4_K_M"))
    file = _export(first, tmp_path / "models.toml")
    filled.requests.clear()
    assert _take_in(first, file) == []
    assert filled.requests == []


def test_a_list_by_hand_may_be_taken_in_again_and_again(
    second: Library, filled: StandInHub, tmp_path: Path
) -> None:
    text = f'[[model]]\nsource = "hf:{GGUFS}"\nvariants = ["Q8_0"]\nname = "smol"\n'
    file = write(tmp_path / "models", text.encode())
    (added,) = _take_in(second, file)
    assert (added.outcome, added.model.name) == ("added", "smol")
    (again,) = _take_in(second, file)
    assert (again.outcome, again.model.name) == ("already there", "smol")
    assert len(select.matching(second, "")) == 1


def test_what_lies_beside_weights_at_civitai_comes_too(
    first: Library, second: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandInCivitai() as site:
        monkeypatch.setenv("MODELFS_CIVITAI", site.address)
        site.add(
            12, site.version(34, site.file(1, "ink [v1].safetensors", safetensors({"a": [9]})))
        )
        (ink,) = _fetch(first, Wanted("civitai:12"))
        file = _export(first, tmp_path / "models.toml")
        (added,) = _take_in(second, file)
        assert _take_in(second, file) == []
    assert len(added.model.files) == len(ink.model.files) > 1
    assert _said(second) == _said(first)
