"""What went wrong is told in two lines on stderr and in the exit code."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import COMMAND, LORA, SMALL, Program
from .model_files import write_gguf


def error(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_what_is_not_there_is_three(shelf: Program) -> None:
    told = error(shelf("show", "SmolLM2-135M-Instruct-Q4_K_X.gguf"), 3)
    first, hint = told.splitlines()
    assert first.startswith("modelfs: there is no model")
    assert hint.startswith("  ") and SMALL in hint
    for words in (["path", SMALL, "--tool", "nope"], ["restore", "nope"], ["undo", "999"]):
        error(shelf(*words), 3)
    assert "modelfs init" in error(shelf("ls", MODELFS_LIBRARY="/nonexistent/library"), 3)


def test_what_is_not_understood_is_two(shelf: Program) -> None:
    for words in (
        ["frobnicate"],
        ["ls", "foo<3"],
        ["gc", "--grace", "soon"],
        ["config", "reserve=much"],
        ["tag", SMALL, "a/b"],
        ["tag", "--query", "", "x"],
        ["set", SMALL, "category=nope"],
        ["rm"],
    ):
        error(shelf(*words), 2)
    assert "did you mean" in error(shelf("lss"), 2).lower()


def test_a_source_that_cannot_be_added_leaves_the_others_out_too(program: Program) -> None:
    good = write_gguf(program.originals / "good.gguf")
    before = program.everything()
    error(program("add", str(good), str(program.originals / "absent.gguf")), 3)
    error(program("add", str(good), str(program.store)), 2)
    assert program.everything() == before


def test_no_space_is_five(program: Program) -> None:
    program.ok("config", "reserve=900PB")
    told = error(program("add", str(write_gguf(program.originals / "big.gguf"))), 5)
    assert told.startswith("modelfs: ")


def test_a_traceback_needs_debug(shelf: Program) -> None:
    # A catalogue that lost a table is nothing that any command foresees.
    with shelf.open() as library:
        library.catalog.rows("DROP TABLE use")
    told = error(shelf("ls"), 1)
    assert "--debug" in told and len(told.splitlines()) == 2
    assert "Traceback" in shelf("ls", "--debug").stderr


def test_a_name_that_is_no_utf8_is_an_error_and_no_bug(shelf: Program) -> None:
    done = subprocess.run([*COMMAND, "show", b"\xff"], capture_output=True)
    assert done.returncode == 2
    assert b"bug" not in done.stderr and b"Traceback" not in done.stderr


def test_a_closed_pipe_is_silent(shelf: Program) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*COMMAND, "ls"], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.stderr == b""


def test_ctrl_c_at_a_question_is_130_in_one_line(shelf: Program) -> None:
    before = shelf.everything()
    code, shown = shelf.on_terminal("rm", LORA, typed=signal.SIGINT)
    assert code == 130
    assert shown.rstrip().splitlines()[-1].startswith("modelfs: stopped")
    assert shelf.everything() == before


@pytest.mark.parametrize("option", ["--install-completion", "--show-completion"])
def test_completion_can_be_installed_and_shown(option: str, temporary_home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "modelfs", option],
        env={
            **os.environ,
            "SHELL": "/bin/bash",
            "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr
