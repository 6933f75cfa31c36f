"""``outdated`` and ``update``: what they print, ask and end with."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.model_files import write_gguf
from core.conftest import make_library
from fetch.commands import Commands
from fetch.standin.hub import StandInHub
from fetch.standin.repository import Repository
from modelfs.library import Library, select

FILE = "owl-Q4_K_M.gguf"
DEADLINE_S = 20.0


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    with make_library(tmp_path) as opened:
        monkeypatch.setenv("MODELFS_LIBRARY", str(opened.paths.root))
        yield opened


@pytest.fixture
def owls(
    hub: StandInHub, library: Library, commands: Commands, tmp_path: Path
) -> Iterator[Repository]:
    """A repository whose one model is here, and outdated."""
    made = hub.repository("org/owl", {FILE: write_gguf(tmp_path / "old", 4).read_bytes()})
    assert commands("add", "hf:org/owl").code == 0
    made.change({FILE: write_gguf(tmp_path / "new", 8).read_bytes()})
    return made


def ids(library: Library, *, trashed: bool = False) -> list[int]:
    return [model.id for model in select.matching(library, "", trashed=trashed)]


def document(commands: Commands, *words: str, code: int = 0) -> Any:
    done = commands(*words, "--json")
    assert done.code == code, done.err
    return json.loads(done.out)


def test_outdated_has_the_keys_of_the_contract(owls: Repository, commands: Commands) -> None:
    (told,) = document(commands, "outdated")
    old, new = list(owls.commits)
    assert told == {
        "id": 1,
        "model": FILE,
        "source": f"hf:org/owl@{old}",
        "state": "outdated",
        "reason": None,
        "hint": None,
        "revision": old,
        "new_revision": new,
        "new_source": f"hf:org/owl@{new}",
        "changed": [FILE],
        "new_bytes": owls.files[FILE].size,
        "here_bytes": 0,
    }
    done = commands("outdated")
    assert done.out.split("\t")[:4] == [FILE, "outdated", old, new]
    assert "1 outdated" in done.err and "modelfs update --all" in done.err


def test_it_wants_a_yes_and_a_dry_run_changes_nothing(
    owls: Repository, library: Library, commands: Commands
) -> None:
    assert commands("update").code == 2 and commands("update", FILE, "--all").code == 2
    refused = commands("update", FILE)
    assert refused.code == 4 and "--yes" in refused.err and "to fetch?" in refused.err
    dry = document(commands, "update", "--all", "--dry-run")
    assert dry["dry_run"] and [each["outcome"] for each in dry["models"]] == ["planned"]
    assert commands("update", "--all", "--dry-run").out.startswith(f"{FILE}\toutdated")
    assert (ids(library), ids(library, trashed=True)) == ([1], [])
    assert commands("jobs", "--json").out.count('"update"') == 0


def test_it_says_how_to_have_the_old_one_back_and_that_works(
    owls: Repository, library: Library, commands: Commands
) -> None:
    done = commands("update", FILE, "--yes")
    old, new = (commit[:7] for commit in owls.commits)
    assert (done.code, done.out) == (0, f"updated {FILE}: {old} → {new}\n")
    assert "modelfs undo" in done.err and 'modelfs restore "#1"' in done.err
    assert (ids(library), ids(library, trashed=True)) == ([2], [1])
    assert commands("undo").code == 0 and ids(library) == [1]
    assert commands("undo").code == 0 and ids(library) == [2]
    assert commands("restore", "#1").code == 0 and ids(library) == [1, 2]
    assert document(commands, "update", "#2")["models"][0]["outcome"] == "current"


def test_one_that_fails_leaves_the_others_be(
    owls: Repository, hub: StandInHub, library: Library, commands: Commands, tmp_path: Path
) -> None:
    other = hub.repository("org/mouse", {"m.gguf": write_gguf(tmp_path / "m", 12).read_bytes()})
    hub.repository("org/cat", {"c.gguf": write_gguf(tmp_path / "c", 16).read_bytes()})
    commands("add", "hf:org/mouse")
    commands("add", "hf:org/cat")
    other.change({"m.gguf": write_gguf(tmp_path / "m", 20).read_bytes()})
    hub.faults.status(FILE, 404)
    hub.faults.status("/api/models/org/cat/revision/main", 403)
    told = {each["model"]: each for each in document(commands, "outdated", code=6)}
    assert {name: each["state"] for name, each in told.items()} == {
        FILE: "outdated",
        "m.gguf": "outdated",
        "c.gguf": "unreachable",
    }
    done = document(commands, "update", "--all", "--yes", code=3)
    outcomes = {each["model"]: each["outcome"] for each in done["models"]}
    assert outcomes == {FILE: "failed", "m.gguf": "updated", "c.gguf": "unreachable"}
    names = {model.entry_name: model.id for model in select.matching(library, "")}
    assert names == {FILE: 1, "c.gguf": 3, "m.gguf": 4}, "what failed is as it was"


def test_in_the_background_it_is_a_job_that_ends_by_itself(
    owls: Repository, library: Library, commands: Commands
) -> None:
    done = commands("update", "--all", "--yes", "--background")
    assert done.code == 0 and "job 2 updates" in done.out
    deadline = time.monotonic() + DEADLINE_S
    while ids(library) != [2]:
        assert time.monotonic() < deadline, commands("jobs").out
        time.sleep(0.05)
    assert ids(library, trashed=True) == [1]
