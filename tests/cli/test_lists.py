"""``export-list`` prints a list or writes one, and replaces none unasked."""

import pytest

from modelfs.library.list_text import read_list

from .conftest import LORA, MARKUP, SMALL, Program

HUB = f"hf:org/repo@{'ab' * 20}"


@pytest.fixture
def mixed(shelf: Program) -> Program:
    """The shelf, with one model that is from the hub."""
    with shelf.open() as library, library.catalog.write():
        row = [HUB, SMALL.removesuffix(".gguf")]
        library.catalog.rows("UPDATE model SET source = ? WHERE name = ?", row)
    return shelf


def test_stdout_is_the_list_and_the_rest_is_beside_it(mixed: Program) -> None:
    done = mixed.ok("export-list", LC_ALL="C", PYTHONIOENCODING="latin-1")
    (wanted,) = read_list(done.stdout, mixed.originals / "list")
    assert (wanted.source, wanted.name, wanted.files) == (HUB, SMALL, (SMALL,))
    assert f"# {MARKUP}: it was added from a file" in done.stdout
    assert "5 models cannot be fetched again" in done.stderr
    assert "1 model in the list" in done.stderr


def test_a_query_says_which(mixed: Program) -> None:
    document = mixed.json("export-list", f"name:{LORA}")
    assert document["models"] == [] and document["file"] is None
    (skipped,) = document["skipped"]
    assert skipped.keys() == {"name", "source", "reason"} and skipped["name"] == LORA
    done = mixed("export-list", "no-such-thing")
    assert done.returncode == 3 and done.stdout == "" and "no-such-thing" in done.stderr


def test_a_file_is_written_and_not_replaced_unasked(mixed: Program) -> None:
    target = mixed.originals / "lists" / "models.toml"
    done = mixed("export-list", "--output", str(target))
    assert done.returncode == 3 and "cannot be written" in done.stderr
    target.parent.mkdir()
    document = mixed.json("export-list", "-o", str(target))
    assert document["file"] == str(target)
    assert document["models"] == [{"source": HUB, "name": SMALL, "files": [SMALL]}]
    text = target.read_text()
    assert text == mixed.ok("export-list").stdout
    target.write_text("mine")
    assert mixed("export-list", "-o", str(target)).returncode == 4
    assert target.read_text() == "mine"
    link = mixed.originals / "link.toml"
    link.symlink_to(target)
    done = mixed.ok("export-list", "-o", str(link), "--yes")
    assert done.stdout == "" and "modelfs add --from models.toml" in done.stderr
    assert link.is_symlink() and target.read_text() == text
    assert mixed("export-list", "-o", str(target.parent), "--yes").returncode == 2
