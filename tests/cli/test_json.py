"""``--json`` gives one document on stdout, with the keys that scripts rely on."""

import json
from pathlib import Path

from .conftest import BLANKS, LORA, SMALL, Program
from .model_files import write_gguf

MODEL_KEYS = {
    "name", "category", "tags", "format", "quant", "architecture", "parameters", "size_bytes",
    "local_bytes", "files", "source", "added_at", "last_used_at", "pinned", "state",
}  # fmt: skip
STATUS_KEYS = {
    "mounted", "mountpoint", "read_path", "read_path_reason", "faster", "models", "logical_bytes",
    "physical_bytes", "trash_bytes", "store", "free_bytes", "jobs",
}  # fmt: skip


def test_ls_and_show_have_the_keys_of_the_contract(shelf: Program) -> None:
    listed = shelf.json("ls")
    assert len(listed) == 6
    for model in listed:
        assert model.keys() >= MODEL_KEYS
        assert model["files"][0].keys() >= {"path", "size_bytes", "blob", "sha256"}
    shown = shelf.json("show", SMALL)
    assert shown.keys() >= MODEL_KEYS | {"facts", "siblings", "appears_at", "pickle_verdict"}
    assert shown["appears_at"][0].startswith(str(shelf.mountpoint))
    assert shelf.json("ls", "category:lora", "size<1GB") == [
        model for model in listed if model["entry_name"] == LORA
    ]
    assert [m["entry_name"] for m in shelf.json("search", "own", "model")] == [
        BLANKS,
        "a second name.gguf",
    ]
    assert shelf.json("ls", "no-such-thing") == []


def test_status_has_the_keys_of_the_contract(shelf: Program) -> None:
    status = shelf.json("status")
    assert status.keys() >= STATUS_KEYS
    assert status["mounted"] is False and status["mountpoint"] == str(shelf.mountpoint)
    assert status["models"] == 6 and status["store"] == str(shelf.store)
    assert status["logical_bytes"] > status["physical_bytes"] > 0, "two names share one blob"


def test_add_tells_new_from_shared_bytes(program: Program) -> None:
    path = write_gguf(program.originals / "one.gguf")
    (program.originals / "notes.txt").write_text("no model")
    size = path.stat().st_size
    document = program.json("add", str(program.originals))
    assert document.keys() == {"dry_run", "models", "fetches", "skipped", "error"}
    (added,) = document["models"]
    assert (added["outcome"], added["new_bytes"], added["shared_bytes"]) == ("added", size, 0)
    assert added["model"].keys() >= MODEL_KEYS
    assert document["skipped"] == [{"path": "notes.txt", "reason": "not a model file"}]
    (again,) = program.json("add", str(path))["models"]
    assert (again["outcome"], again["new_bytes"], again["shared_bytes"]) == (
        "already there",
        0,
        size,
    )
    assert (again["model"]["name"], again["model"]["entry_name"]) == ("one", "one.gguf")
    (second,) = program.json("add", str(path), "--name", "two", "--tag", "a,b", "--tag", "c")[
        "models"
    ]
    assert (second["outcome"], second["model"]["name"]) == ("added", "two")
    assert set(second["model"]["tags"]) >= {"a", "b", "c"}


def test_every_command_that_prints_facts_prints_one_document(shelf: Program) -> None:
    assert {tag["tag"] for tag in shelf.json("tags")} >= {"mine", "two words", "gguf"}
    categories = shelf.json("categories")
    assert {row["category"] for row in categories} == {"language/llm", "image/lora"}
    assert len(shelf.json("categories", "--all")) > 20
    assert shelf.json("config")["mount"] == str(shelf.mountpoint)
    assert shelf.json("history", "3")[0].keys() == {
        "id",
        "at",
        "action",
        "model",
        "before",
        "after",
    }
    assert shelf.json("verify") == {
        "looked_at": 5, "read_bytes": 0, "sealed": 0, "unread": 0, "findings": [],
    }  # fmt: skip
    assert shelf.json("gc") == {"dry_run": False, "leftovers": [], "freed_bytes": 0}
    for check in json.loads(shelf("doctor", "--json").stdout):
        assert check.keys() == {"name", "verdict", "found", "why", "mend"}
        assert check["verdict"] in ("ok", "warning", "problem")


def test_removal_tells_what_is_freed_when(shelf: Program) -> None:
    size = shelf.blob_path(LORA).stat().st_size
    removed = shelf.json("rm", LORA, BLANKS, "--yes")
    assert removed["freed_bytes"] == 0, "the trash keeps the bytes"
    assert removed["freed_by_emptying_bytes"] == size, "the other blob has a second name"
    assert removed["shared_bytes"] == shelf.blob_path("a second name").stat().st_size
    assert [model["state"] for model in removed["models"]] == ["trashed", "trashed"]
    assert len(shelf.json("trash")) == 2
    assert [model["entry_name"] for model in shelf.json("restore", BLANKS)] == [BLANKS]
    emptied = shelf.json("trash", "empty", "--yes")
    assert emptied["freed_bytes"] == size
    assert shelf.json("trash") == []


def test_json_is_utf8_in_any_locale(program: Program) -> None:
    write_gguf(program.originals / "日本語.gguf")
    program.add(program.originals)
    done = program.ok("ls", "--json", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="latin-1")
    assert "日本語" in done.stdout and json.loads(done.stdout)[0]["name"] == "日本語"
    plain = program.ok("ls", PYTHONIOENCODING="latin-1").stdout
    assert plain.startswith("\\u65e5"), "escaped, and no failure"


def test_init_says_where_the_library_is(tmp_path: Path, program: Program) -> None:
    store, mount = tmp_path / "other", tmp_path / "shown"
    document = program.json("init", "--store", str(store), "--mount", str(mount))
    assert document == {"store": str(store), "mountpoint": str(mount)}
    assert program("init", "--store", str(store), "--mount", str(store / "in")).returncode == 2
