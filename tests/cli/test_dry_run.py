"""``--dry-run`` shows what would be done and changes nothing."""

from .conftest import LORA, SMALL, Program
from .model_files import write_gguf


def test_dry_runs_change_no_byte_and_no_row(shelf: Program) -> None:
    shelf.ok("rm", LORA, "--yes")
    write_gguf(shelf.originals / "new.gguf", rows=20)
    (shelf.store / "staging" / "dead").write_bytes(b"left by a crash")
    before = shelf.everything()
    for words in (
        ["add", str(shelf.originals)],
        ["add", str(shelf.originals / "new.gguf"), "--move"],
        ["rm", SMALL],
        ["trash", "empty"],
        ["gc", "--grace", "0"],
        ["undo"],
    ):
        done = shelf.ok(*words, "--dry-run")
        assert done.stdout, "the plan is the data"
        assert shelf.everything() == before, words


def test_the_plans_say_what_would_happen(shelf: Program) -> None:
    path = write_gguf(shelf.originals / "new.gguf", rows=20)
    (planned,) = shelf.json("add", str(path), "--dry-run")["models"]
    assert planned["outcome"] == "planned" and planned["new_bytes"] == path.stat().st_size
    (known,) = shelf.json("add", str(shelf.originals / SMALL), "--dry-run")["models"]
    assert known["new_bytes"] == 0
    removal = shelf.json("rm", LORA, "--dry-run")
    assert removal["dry_run"] and removal["models"][0]["state"] == "ok"
    table = shelf.drawn("add", str(path), "--dry-run", columns=80)
    assert "New on disk" in table and "new.gguf" in table
