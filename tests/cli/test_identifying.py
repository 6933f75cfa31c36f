"""``identify``, ``refresh`` and ``ls --group`` as a person or a script runs them."""

import pickle
from pathlib import Path

from .conftest import LORA, SMALL, Program
from .model_files import write_gguf, write_lora

KEYS = {
    "path", "format", "category", "confidence", "architecture", "quant", "parameters", "base_model",
    "tags", "family", "pickle_verdict", "size_bytes", "files", "facts", "reasons", "warnings",
}  # fmt: skip


class _Harmful:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("executed",))


def test_identify_tells_of_any_file_without_a_library(program: Program) -> None:
    path = write_gguf(program.originals / "mystery.bin")
    (found,) = program.json("identify", str(path))
    assert found.keys() >= KEYS
    assert (found["format"], found["quant"], found["category"]) == (
        "gguf",
        "Q4_K_M",
        "language/llm",
    )
    assert program.json("ls") == []
    said = program("identify", str(path), "--why").stdout
    assert "because" in said and "language/llm" in said


def test_a_file_that_is_no_model_is_unknown_and_a_missing_one_is_said(program: Program) -> None:
    text = program.originals / "notes.txt"
    text.parent.mkdir(parents=True, exist_ok=True)
    text.write_text("no model")
    assert program.json("identify", str(text))[0]["format"] == "unknown"
    missing = program("identify", str(text.with_name("nothing")))
    assert missing.returncode == 3 and "Traceback" not in missing.stderr


def test_what_a_pickle_would_run_is_told_and_not_run(program: Program) -> None:
    path = Path(program.originals / "harmful.pt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps({"weights": _Harmful()}))
    done = program("identify", str(path))
    assert "would run code when loaded" in done.stdout and "executed" not in done.stdout
    added = program("add", str(path))
    assert "would run code" in added.stdout + added.stderr
    assert program.json("show", "harmful.pt")["pickle_verdict"].startswith("would run code")


def test_the_rules_of_a_family_are_printed(program: Program) -> None:
    said = program("identify", "--explain-rules", "sdxl").stdout
    assert "attn2.to_k" in said and "2048" in said
    assert program("identify", "--explain-rules", "no-such-family").returncode == 3


def test_refresh_finds_nothing_to_do_after_adding(shelf: Program) -> None:
    before = shelf.json("ls")
    assert shelf("refresh").returncode == 0
    assert shelf.json("ls") == before
    assert shelf("refresh", "no-such-model").returncode == 3


def test_variants_are_listed_together(program: Program) -> None:
    for number, name in enumerate(("Bird-1B-Q4_K_M", "Bird-1B-Q8_0"), 4):
        write_gguf(program.originals / f"{name}.gguf", rows=number)
    write_lora(program.originals / LORA)
    assert program("add", str(program.originals)).returncode == 0
    shown = program.json("show", "Bird-1B-Q4_K_M.gguf")
    assert shown["siblings"] == ["Bird-1B-Q8_0.gguf"]
    (relative,) = shown["relatives"]
    assert relative["entry_name"] == "Bird-1B-Q8_0.gguf"
    grouped = program("ls", "--group").stdout
    first, second = grouped.index("Bird-1B-Q4_K_M"), grouped.index("Bird-1B-Q8_0")
    assert LORA not in grouped[min(first, second) : max(first, second)]
    assert SMALL not in grouped
