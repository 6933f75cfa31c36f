"""Tab offers what there is, quoted for the shell, and never an error."""

import os
import subprocess
from dataclasses import dataclass

import pytest

from modelfs.cli.main import app

from .conftest import BLANKS, COMMAND, LORA, MARKUP, SMALL, Program


@dataclass
class Shells:
    """Asks the program as the shells' own functions do, within this process."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def bash(self, *words: str) -> list[str]:
        """Return the offers at the end of the last word; words as bash cuts them."""
        return self._ask(
            _MODELFS_COMPLETE="complete_bash",
            COMP_WORDS="\n".join(("modelfs", *words)),
            COMP_CWORD=str(len(words)),
        )

    def fish(self, line: str) -> list[str]:
        """Return the offers at the end of a line, without what they are."""
        offers = self._ask(
            _MODELFS_COMPLETE="complete_fish",
            _TYPER_COMPLETE_FISH_ACTION="get-args",
            _TYPER_COMPLETE_ARGS=line,
        )
        return [offer.partition("\t")[0] for offer in offers]

    def _ask(self, **environment: str) -> list[str]:
        with self.monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit):
                app(args=[], prog_name="modelfs")
        captured = self.capsys.readouterr()
        assert captured.err == ""
        return captured.out.strip().splitlines()


@pytest.fixture
def shells(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shells:
    return Shells(monkeypatch, capsys)


def test_models_and_tags_are_offered(shelf: Program, shells: Shells) -> None:
    assert shells.bash("show", "Smol") == [SMALL]
    assert shells.bash("tag", SMALL, "mi") == ["mine"]
    assert shells.bash("add", "x", "--tag", "mine,tw") == ["mine,two\\ words"]
    assert shells.bash("add", "x", "--category", "image/lo") == ["image/lora"]
    assert "comfyui" in shells.bash("path", SMALL, "--tool", "")
    shelf.ok("rm", LORA, "--yes")
    assert shells.bash("restore", "") == [LORA]


def test_names_with_blanks_are_quoted_for_bash_and_not_for_fish(
    shelf: Program, shells: Shells
) -> None:
    assert shells.bash("show", "my") == [BLANKS.replace(" ", "\\ ")]
    assert shells.bash("show", "my\\ o") == [BLANKS.replace(" ", "\\ ")]
    assert shells.bash("show", '"my o') == [BLANKS]
    assert shells.bash("show", "\\[red") == ["\\[red\\]loud\\[bold\\]\\ name.gguf"]
    assert shells.fish("modelfs show my") == [BLANKS]
    assert shells.fish("modelfs show '[r") == [MARKUP]


def test_queries_are_offered_in_the_pieces_that_bash_makes_of_them(
    shelf: Program, shells: Shells
) -> None:
    assert "category:language/llm" in shells.bash("ls", "cat")
    assert "language/llm" in shells.bash("ls", "category", ":", "lang")
    assert "language/llm" in shells.bash("ls", "category", ":")
    assert "mine" in shells.bash("ls", "-tag", ":", "mi")
    assert shells.bash("set", SMALL, "category", "=", "video/v") == ["video/vae"]


def test_a_broken_library_offers_nothing_and_says_nothing(shelf: Program) -> None:
    (shelf.store / "catalog.sqlite3").write_bytes(b"no database at all" * 100)
    asked = {"_MODELFS_COMPLETE": "complete_bash", "COMP_WORDS": "modelfs\nshow\nS"}
    done = subprocess.run(
        COMMAND, env={**os.environ, **asked, "COMP_CWORD": "2"}, capture_output=True, text=True
    )
    assert done.stdout.strip() == done.stderr == ""
