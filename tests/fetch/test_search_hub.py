"""Searching the hub says what of each hit is here already."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.model_files import write_gguf
from core.conftest import bring, make_library
from fetch.commands import Commands
from fetch.standin.hub import StandInHub
from modelfs.catalog import blobs
from modelfs.library import Library

SMALL, LARGE = "owl-Q4_K_M.gguf", "owl-Q8_0.gguf"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    with make_library(tmp_path) as opened:
        monkeypatch.setenv("MODELFS_LIBRARY", str(opened.paths.root))
        yield opened


@pytest.fixture
def owls(hub: StandInHub, tmp_path: Path) -> dict[str, Path]:
    """Three repositories, and the files of the first."""
    files = {
        name: write_gguf(tmp_path / "files" / name, rows) for name, rows in ((SMALL, 4), (LARGE, 8))
    }
    hub.repository(
        "org/owl-GGUF",
        files,
        license="mit",
        downloads=1_234_567,
        likes=7,
        pipeline_tag="text-generation",
    )
    hub.repository("org/owl-gated", {"b.gguf": b"GGUF"}, gated=True, downloads=5, likes=900)
    hub.repository("org/mouse", {"m.gguf": b"GGUF"})
    return files


def found(commands: Commands, *words: str) -> list[dict[str, Any]]:
    done = commands("search", "--hub", *words, "--json")
    assert done.code == 0, done.err
    return list(json.loads(done.out))


def test_hits_have_the_keys_of_the_contract(
    library: Library, owls: dict[str, Path], commands: Commands
) -> None:
    hits = {hit["repository"]: hit for hit in found(commands, "owl")}
    assert set(hits) == {"org/owl-GGUF", "org/owl-gated"}
    hit = hits["org/owl-GGUF"]
    assert hit.pop("updated_at").startswith("20")
    assert hit.pop("variants")[0] == {
        "label": "Q4_K_M",
        "size_bytes": owls[SMALL].stat().st_size,
        "here_bytes": 0,
        "fits": "memory",
    }
    assert hit == {
        "repository": "org/owl-GGUF",
        "source": "hf:org/owl-GGUF",
        "task": "text-generation",
        "downloads": 1_234_567,
        "likes": 7,
        "license": "mit",
        "gated": False,
        "here": "none",
        "models": [],
    }
    assert hits["org/owl-gated"]["gated"] is True


def test_what_is_here_is_known_by_its_bytes_and_by_its_source(
    library: Library, owls: dict[str, Path], commands: Commands
) -> None:
    bring(library, owls[SMALL], seal=True)
    (hit,) = found(commands, "owl-gguf")
    sizes = [(each["label"], each["here_bytes"] > 0) for each in hit["variants"]]
    assert sizes == [("Q4_K_M", True), ("Q8_0", False)]
    assert (hit["here"], hit["models"]) == ("some", []), "the same bytes, from a local file"
    commands("add", "hf:org/owl-GGUF:Q8_0")
    (hit,) = found(commands, "owl-gguf")
    assert (hit["here"], hit["models"]) == ("all", [LARGE])


def test_task_and_order_are_the_hubs_affair(
    library: Library, hub: StandInHub, owls: dict[str, Path], commands: Commands
) -> None:
    assert len(found(commands, "owl", "--task", "text-generation")) == 1
    by_likes = [hit["repository"] for hit in found(commands, "owl", "--sort", "likes")]
    assert by_likes == ["org/owl-gated", "org/owl-GGUF"]
    assert len(found(commands, "owl", "--sort", "downloads", "--limit", "1")) == 1
    found(commands, "owl", "--sort", "updated")
    (asked,) = [each.query["sort"] for each in hub.requests if "sort" in each.query][-1:]
    assert asked == ["lastModified"]


def test_lines_and_tables_show_the_same(
    library: Library, owls: dict[str, Path], commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = commands("search", "--hub", "owl-gguf").out.rstrip("\n").split("\t")
    assert piped[:7] == [
        *("org/owl-GGUF", "text-generation", "1234567", "7", "mit", "open", "none"),
    ]
    assert piped[7].startswith("Q4_K_M=") and ",Q8_0=" in piped[7]
    for columns in ("80", "120"):
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("NO_COLOR", "1")
        from modelfs.cli import output

        output.out.cache_clear()
        done = commands("search", "--hub", "owl")
        output.out.cache_clear()
        lines = done.out.splitlines()
        assert max(map(len, lines)) <= int(columns)
        assert ("text-generation" in done.out) == (columns == "120")
        assert "1.2M" in done.out and "Q4_K_M" in done.out and "gated" in done.out


def test_nothing_found_is_no_failure_and_no_hub_is(
    library: Library, hub: StandInHub, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = commands("search", "--hub", "nothing-of-that-name")
    assert (done.code, done.out) == (0, "") and "no model that fits" in done.err
    assert found(commands, "nothing-of-that-name") == []
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("modelfs.fetch.hub_requests._ATTEMPTS", 1)
    done = commands("search", "--hub", "owl")
    assert done.code == 6 and "cannot be reached" in done.err


@pytest.mark.parametrize("words", [["owl", "--task", "x"], ["--hub", "owl", "--sort", "colour"]])
def test_what_makes_no_sense_is_refused(
    words: list[str], library: Library, hub: StandInHub, commands: Commands
) -> None:
    assert commands("search", *words).code == 2
    assert not hub.requests


def test_seals_are_looked_up_many_at_once(library: Library, owls: dict[str, Path]) -> None:
    (added,) = bring(library, owls[SMALL], seal=True)
    (file,) = added.model.files
    assert file.sha256 is not None
    asked = [file.sha256, *(f"{number:064x}" for number in range(2000))]
    assert blobs.sealed_among(library.catalog, asked) == {file.sha256: file.size_bytes}
    with library.catalog.write():
        blobs.set_state(library.catalog, file.blob, "damaged")
    assert blobs.sealed_among(library.catalog, asked) == {}
