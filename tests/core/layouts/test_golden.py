"""Each tool's folder, name by name: a change of a layout is seen before it is made."""

import pytest

from core.layouts import golden

TREES = golden.trees()


@pytest.mark.parametrize("tool", TREES)
def test_a_tools_folder_is_as_it_was_agreed(tool: str) -> None:
    assert TREES[tool] == (golden.FOLDER / f"{tool}.txt").read_text()


def test_no_tree_is_of_a_tool_that_is_gone() -> None:
    assert {file.stem for file in golden.FOLDER.glob("*.txt")} == set(TREES)
