"""``evict`` shows what would go and what stays and why, asks, and says what it freed."""

import subprocess
import sys

import pytest

from modelfs.holders import names_in_use
from modelfs.library import select

from .conftest import BLANKS, LONG, LORA, SMALL, Program

HUB = f"hf:org/repo@{'0123456789' * 4}"
OPEN = "import sys; file = open(sys.argv[1], 'rb'); print('open', flush=True); sys.stdin.read()"


@pytest.fixture
def fetched(shelf: Program) -> Program:
    """A library in which two models came from the hub; one of these is pinned."""
    with shelf.open() as library:
        library.catalog.rows("UPDATE blob SET sha256 = printf('%064d', 0)")
        for name in (SMALL, LORA):
            model = select.one(library, name)
            library.catalog.rows("UPDATE model SET source = ? WHERE id = ?", [HUB, model.id])
    shelf.ok("pin", LORA)
    return shelf


def blocks(program: Program, name: str) -> int:
    return program.blob_path(name).stat().st_blocks * 512


def test_the_dry_run_names_what_goes_and_what_stays_and_changes_nothing(fetched: Program) -> None:
    before = fetched.everything()
    document = fetched.json("evict", "--free", "1GB", "--dry-run")
    assert [model["entry_name"] for model in document["models"]] == [SMALL]
    assert document["models"][0]["state"] == "ok" and document["dry_run"]
    assert document["freed_bytes"] == blocks(fetched, SMALL)
    assert document["wanted_bytes"] == 1_000_000_000
    why = {each["entry_name"]: each["reason"] for each in document["kept"]}
    assert len(why) == 5 and why[LORA] == "it is pinned" and "local file" in why[LONG]
    plain = fetched.ok("evict", SMALL, LORA, "--dry-run")
    assert plain.stdout == f"{SMALL}\t{blocks(fetched, SMALL)}\t-\t{HUB}\n"
    assert f"stays: {LORA}: it is pinned" in plain.stderr
    drawn = fetched.drawn("evict", SMALL, "--dry-run", columns=100)
    assert "Freed" in drawn and "never" in drawn and "hf:org" in drawn
    assert fetched.everything() == before


def test_it_frees_and_the_model_stays_listed(fetched: Program) -> None:
    size = blocks(fetched, SMALL)
    document = fetched.json("evict", SMALL, "--yes")
    (model,) = document["models"]
    assert (model["state"], model["local_bytes"]) == ("remote", 0)
    assert document["freed_bytes"] == size and document["kept"] == []
    assert not fetched.blob_path(SMALL).exists()
    assert f"{SMALL}\t" in fetched.ok("ls", "state:remote").stdout
    shown = fetched.ok("show", SMALL)
    assert f"remote: fetch it again with: modelfs restore {SMALL}" in shown.stderr
    status = fetched.json("status")
    assert (status["remote_models"], status["damaged_models"]) == (1, 0)
    assert fetched.json("verify")["findings"] == []
    undone = fetched("undo")
    assert undone.returncode == 4 and f"modelfs restore {SMALL}" in undone.stderr
    assert fetched.ok("history", "1").stdout.split("\t")[2:] == [
        "evict",
        SMALL,
        "state: ok → remote\n",
    ]
    again = fetched.ok("evict", SMALL, "--yes")
    assert "nothing to evict" in again.stderr, "twice is no failure"


def test_what_may_not_go_is_refused_with_its_reason(fetched: Program) -> None:
    before = fetched.everything()
    refused = fetched("evict", BLANKS, LORA, "--yes")
    assert refused.returncode == 4 and refused.stdout == ""
    assert "local file" in refused.stderr and f"{LORA}: it is pinned" in refused.stderr
    assert fetched("evict", SMALL).returncode == 4, "no terminal and no --yes"
    assert fetched.everything() == before


def test_it_asks_on_a_terminal_and_shows_the_plan_first(fetched: Program) -> None:
    code, shown = fetched.on_terminal("evict", SMALL, LORA, typed=b"y\n")
    plan, _, after = shown.partition("[y/N]")
    assert code == 0 and SMALL in plan and "it is pinned" in plan
    assert "freed" in after and not fetched.blob_path(SMALL).exists()


def test_what_a_program_has_open_stays(fetched: Program) -> None:
    command = [sys.executable, "-c", OPEN, str(fetched.blob_path(SMALL))]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as reader:
        assert reader.stdout and reader.stdout.readline() == "open\n"
        assert names_in_use(fetched.store / "blobs") == {fetched.blob_path(SMALL).name}
        refused = fetched("evict", SMALL, "--yes")
        assert refused.returncode == 4 and f"{SMALL}: it is open" in refused.stderr
        reader.communicate("")
    fetched.ok("evict", SMALL, "--yes")


def test_what_to_evict_must_be_said_and_limits_may_be_joined(fetched: Program) -> None:
    for words in ([], ["--free", "1GB", "--to-fit", "1GB"], ["--free", "much"], ["--query", ""]):
        assert fetched("evict", *words, "--yes").returncode == 2, words
    assert "nothing to evict" in fetched.ok("evict", "--older-than", "1d", "--yes").stderr
    assert "nothing to evict" in fetched.ok("evict", "--to-fit", "1TB", "--yes").stderr
    joined = fetched.json("evict", "--query", "tag:gguf", "--older-than", "0", "--dry-run")
    assert [model["entry_name"] for model in joined["models"]] == [SMALL]
    short = fetched.ok("evict", "--to-fit", "0", "--yes")
    assert "less than what was asked for" in short.stderr
    assert fetched.names("state:remote") == {SMALL}
