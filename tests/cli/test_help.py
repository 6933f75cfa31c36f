"""Every command explains itself, with examples, and the README mentions it."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from modelfs.cli.main import app, hoisted

from .conftest import COMMAND

README = Path(__file__).parents[2] / "README.md"
GROUPS = {
    "jobs": ["cancel", "pause", "resume", "retry", "clean", "work"],
    "trash": ["empty"],
    "service": ["install", "uninstall", "status", "logs", "scrub", "quota"],
    "tools": ["check"],
    "categories": ["add", "rename", "title", "hide", "show", "remove"],
}


def commands() -> list[list[str]]:
    """Return every command, and those of the groups, as words."""
    top = list(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    return [[name] for name in top] + [[group, name] for group in GROUPS for name in GROUPS[group]]


def test_there_are_exactly_the_commands_of_the_contract() -> None:
    expected = (
        "init add identify ls show search path export-list tag untag tags set pin unpin categories "
        "jobs login logout outdated update "
        "refresh rm restore trash evict gc verify undo history tools connect disconnect mount "
        "umount status doctor service config"
    )
    assert {words[0] for words in commands()} == set(expected.split())


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_with_examples(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        app(args=[*words, "--help"], prog_name="modelfs")
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert "Examples:" in shown
    assert shown.count("$ ") >= 2, "two examples at least"
    assert f"modelfs {words[0]}" in shown.partition("Examples:")[2]


def test_without_arguments_it_shows_help_and_with_version_its_version() -> None:
    bare = subprocess.run(COMMAND, capture_output=True, text=True)
    assert bare.returncode == 2 and "Usage: modelfs" in bare.stdout + bare.stderr
    version = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True)
    assert version.stdout.startswith("modelfs 0.") and version.returncode == 0


def test_the_programs_own_options_may_stand_behind_the_command() -> None:
    assert hoisted(["ls", "--quiet", "x"]) == ["--quiet", "ls", "x"]
    assert hoisted(["show", "--", "--debug"]) == ["show", "--", "--debug"]


BUILT = """
import sys, typer.main
built, build = [], typer.main.get_command_from_info
def counted(command_info, **options):
    built.append(command_info.name)
    return build(command_info, **options)
typer.main.get_command_from_info = counted
from modelfs.cli.main import run
try:
    run()
finally:
    sys.stderr.write(" ".join(built))
"""


def test_asking_for_one_command_builds_no_other() -> None:
    """Each that typer builds costs half a millisecond of every start."""
    asked = [sys.executable, "-c", BUILT, "--quiet", "tags", "--help"]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 0 and "Usage: modelfs tags" in done.stdout
    assert done.stderr == "tags"


def test_a_mistyped_command_is_still_told_its_neighbours() -> None:
    done = subprocess.run([*COMMAND, "tgas"], capture_output=True, text=True)
    assert done.returncode == 2 and "'tags'" in done.stderr


def test_importing_the_program_draws_nothing_yet() -> None:
    """Tables and bars are loaded by the commands that draw them."""
    question = "import sys, modelfs.cli.main; sys.exit('rich.table' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", question]).returncode == 0


def test_the_readme_mentions_every_command() -> None:
    assert README.exists(), "README.md is what people read first"
    text = README.read_text()
    missing = [words[0] for words in commands() if f"modelfs {words[0]}" not in text]
    assert not missing, f"not in README.md: {missing}"
