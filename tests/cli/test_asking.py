"""What takes something away asks on a terminal, and without one wants ``--yes``."""

import pytest

from .conftest import LORA, SMALL, Program
from .model_files import write_gguf


def test_without_a_terminal_it_is_refused_and_nothing_changes(shelf: Program) -> None:
    shelf.ok("rm", LORA, "--yes")
    (shelf.store / "staging" / "dead").write_bytes(b"left by a crash")
    before = shelf.everything()
    for words in (
        ["rm", SMALL],
        ["trash", "empty"],
        ["gc", "--grace", "0"],
        ["add", "--move", str(shelf.originals / SMALL)],
    ):
        done = shelf(*words)
        assert done.returncode == 4, done.stderr
        assert "--yes" in done.stderr.splitlines()[-1]
        assert shelf.everything() == before, words


@pytest.mark.parametrize(("typed", "code"), [(b"\n", 1), (b"\x04", 1), (b"y\n", 0)])
def test_on_a_terminal_only_a_yes_is_one(shelf: Program, typed: bytes, code: int) -> None:
    done, shown = shelf.on_terminal("rm", LORA, typed=typed)
    assert done == code
    assert LORA in shown.partition("[y/N]")[0], "the plan comes before the question"
    assert "emptying the trash then frees" in shown
    assert ("nothing was changed" in shown) == bool(code)
    assert shelf.names("", trashed=True) == (set() if code else {LORA})


def test_pinned_models_are_named_and_stay(shelf: Program) -> None:
    shelf.ok("pin", SMALL)
    done = shelf("rm", SMALL, "--yes")
    assert done.returncode == 4 and SMALL in done.stderr and "unpin" in done.stderr
    shelf.ok("rm", SMALL, "--yes", "--pinned-too")
    assert shelf.names("", trashed=True) == {SMALL}


def test_move_takes_the_original_only_when_its_bytes_are_in(program: Program) -> None:
    path = write_gguf(program.originals / "moved.gguf")
    content = path.read_bytes()
    code, shown = program.on_terminal("add", "--move", str(path), typed=b"y\n")
    assert code == 0 and "remove 1 original" in shown
    assert not path.exists()
    assert program.blob_path("moved.gguf").read_bytes() == content
