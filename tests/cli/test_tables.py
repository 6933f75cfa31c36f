"""Tables fit the terminal, mark what is damaged in words, and show names as they are."""

import pytest

from .conftest import ESCAPE, LONG, LORA, MARKUP, SMALL, Program


@pytest.mark.parametrize("columns", [80, 160])
def test_tables_fit_and_are_plain_without_colour(shelf: Program, columns: int) -> None:
    shelf.ok("rm", LORA, "--yes")
    for words in (["ls"], ["trash"], ["categories"], ["history"]):
        shown = shelf.drawn(*words, columns=columns)
        assert shown.strip() and not ESCAPE.search(shown)
        assert max(map(len, shown.splitlines())) <= columns, words


def test_ls_tells_more_where_there_is_room(shelf: Program) -> None:
    narrow, wide = shelf.drawn("ls", columns=80), shelf.drawn("ls", columns=180)
    assert LONG not in narrow and LONG in wide
    (shortened,) = [line for line in narrow.splitlines() if line.startswith("DeepSeek")]
    assert "…" in shortened and "Q5_K_S.gguf" in shortened, "names differ at their ends"
    assert "Tags" in wide and "Tags" not in narrow
    assert "Logical" in narrow, "a size says which it is"


def test_names_like_markup_are_shown_as_they_are(shelf: Program) -> None:
    assert MARKUP in shelf.drawn("ls", columns=160)
    assert MARKUP in shelf.ok("ls").stdout
    assert MARKUP in shelf.ok("show", MARKUP).stdout
    assert MARKUP in shelf.ok("tag", MARKUP, "[blue]x").stdout
    assert "[blue]x" in shelf.drawn("tags", columns=80)
    coloured = shelf.ok("ls", FORCE_COLOR="1", COLUMNS="160").stdout
    assert ESCAPE.search(coloured) and MARKUP in coloured


def test_control_characters_never_reach_the_terminal(program: Program) -> None:
    path = program.originals / "evil\x1b[31m\u202e.txt"
    path.write_text("no model")
    done = program("add", str(program.originals))
    assert done.returncode == 2
    assert not ESCAPE.search(done.stderr) and "\u202e" not in done.stderr
    assert "\\x1b[31m" in done.stderr


def test_a_pipe_gets_tab_separated_lines(shelf: Program) -> None:
    done = shelf.ok("ls")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert {len(row) for row in rows} == {9}
    (small,) = [row for row in rows if row[0] == SMALL]
    size = str((shelf.originals / SMALL).stat().st_size)
    assert small[1:6] == ["language/llm", "gguf", "Q4_K_M", size, "ok"]
    assert done.stderr == ""
    assert shelf.ok("ls", "--plain", FORCE_COLOR="1").stdout == done.stdout


def test_damage_is_found_marked_in_words_and_healed(shelf: Program) -> None:
    blob = shelf.blob_path(SMALL)
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    found = shelf("verify", "--data")
    assert found.returncode == 1 and SMALL in found.stdout and "quarantine" in found.stdout
    (line,) = [row for row in shelf.drawn("ls", columns=80).splitlines() if row.startswith("Smol")]
    assert "damaged" in line
    assert "damaged" in shelf.ok("show", SMALL).stdout
    assert "1 with damage" in shelf.ok("status").stdout
    doctor = shelf("doctor")
    assert doctor.returncode == 1 and "problem" in doctor.stdout
    assert "whole again" in shelf.ok("add", str(shelf.originals / SMALL)).stdout
    assert shelf.ok("verify", "--data").stdout.endswith("all as it should be\n")


def test_verify_says_how_far_it_came(shelf: Program) -> None:
    stopped = shelf.ok("verify", "--seal", "--max-time", "0")
    assert "5 blobs left; the next run goes on there" in stopped.stderr
    assert "5 sealed" in shelf.ok("verify", "--seal").stdout
    assert shelf.model(SMALL)["files"][0]["sha256"]
