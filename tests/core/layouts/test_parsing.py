"""Layouts are data that people edit: what is wrong is said with the file and the rule."""

from pathlib import Path

import pytest

from core.conftest import write
from modelfs.errors import BadInput
from modelfs.identify import load_taxonomy
from modelfs.layouts import load_layouts, parse_layout

GOOD = """
title = "Tool"
about = "Point it here."
folders = ["always", "deep/er"]

[[rule]]
folder = "loras"
categories = ["image/lora"]
extensions = [".SafeTensors"]
shape = "file"

[[rule]]
categories = ["image/vae"]
"""


def test_a_layout_is_read() -> None:
    layout = parse_layout("tool", "tool.toml", GOOD)
    assert (layout.tool, layout.title, layout.about) == ("tool", "Tool", "Point it here.")
    assert layout.folders == (("always",), ("deep", "er"))
    first, second = layout.rules
    assert (first.folder, first.extensions, first.shape) == (("loras",), {".safetensors"}, "file")
    assert (second.folder, second.extensions, second.shape) == ((), frozenset(), "any")


@pytest.mark.parametrize(
    ("category", "extension", "is_single", "expected"),
    [
        ("image/lora", ".safetensors", True, True),
        ("image/lora", ".SAFETENSORS", True, True),
        ("image/lora", ".gguf", True, False),
        ("image/lora", "", False, False),
        ("image/vae", ".safetensors", True, False),
    ],
)
def test_a_rule_takes_its_category_form_and_extension(
    category: str, extension: str, is_single: bool, expected: bool
) -> None:
    rule = parse_layout("tool", "tool.toml", GOOD).rules[0]
    assert rule.takes(category, extension, is_single=is_single) is expected


def test_a_rule_without_limits_takes_files_and_folders() -> None:
    rule = parse_layout("tool", "tool.toml", GOOD).rules[1]
    assert rule.takes("image/vae", ".gguf", is_single=True)
    assert rule.takes("image/vae", "", is_single=False)


WRONG = {
    "not toml": ("= =", "tool.toml"),
    "a strange key": ('titel = "x"', "tool.toml, line 1: there is no 'titel'"),
    "a strange key in a rule": (
        GOOD + '[[rule]]\ncategory = "x"',
        "tool.toml, line 15, rule 3: there is no 'category'",
    ),
    "a rule that is no table": ("rule = 3", "tool.toml, line 1: 'rule'"),
    "a rule in a list of numbers": ("rule = [1]", "tool.toml, line 1: 'rule'"),
    "no category": ('[[rule]]\nfolder = "x"', "tool.toml, line 1, rule 1: 'categories'"),
    "categories as one text": (
        '[[rule]]\ncategories = "x"',
        "tool.toml, line 2, rule 1: 'categories'",
    ),
    "a strange shape": (
        '[[rule]]\ncategories = ["x"]\nshape = "round"',
        "tool.toml, line 3, rule 1: 'shape'",
    ),
    "an extension without its dot": (
        '[[rule]]\ncategories = ["x"]\nextensions = ["gguf"]',
        "tool.toml, line 3, rule 1: 'extensions'",
    ),
    "companions of a model as a whole": (
        '[[rule]]\ncategories = ["x"]\ncompanions = ["y"]',
        "tool.toml, line 3, rule 1: 'companions'",
    ),
    "a name for no companion": (
        '[[rule]]\ncategories = ["x"]\nshow = "files"\ncompanion_name = "y"',
        "tool.toml, line 4, rule 1: 'companion_name'",
    ),
    "a field that is not there, in a companion's name": (
        '[[rule]]\ncategories = ["x"]\nshow = "files"\ncompanions = ["y"]\ncompanion_name = "{x}"',
        "tool.toml, line 5, rule 1: '{x}'",
    ),
    "needs as a text": (
        '[[rule]]\ncategories = ["x"]\nneeds = "y"',
        "tool.toml, line 3, rule 1: 'needs'",
    ),
    "folders as a text": ('folders = "x"', "tool.toml, line 1: 'folders'"),
}
FOLDERS = [
    "..",
    "../up",
    "a//b",
    "/abs",
    "a/",
    "./a",
    "a/../b",
    "new\\nline",
    "nul\\u0000",
    "x" * 300,
]


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_with_the_file_and_the_rule(what: str) -> None:
    text, said = WRONG[what]
    with pytest.raises(BadInput) as caught:
        parse_layout("tool", "tool.toml", text)
    assert caught.value.message.startswith(said), caught.value.message


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_that_leads_out_or_no_disk_can_have_is_refused(folder: str) -> None:
    for text, said in (
        (f'folders = ["{folder}"]', "tool.toml, line 1: "),
        (f'[[rule]]\nfolder = "{folder}"\ncategories = ["x"]', "tool.toml, line 2, rule 1: "),
    ):
        with pytest.raises(BadInput) as caught:
            parse_layout("tool", "tool.toml", text)
        assert caught.value.message.startswith(said), caught.value.message


def test_every_shipped_layout_names_categories_that_exist() -> None:
    layouts = load_layouts()
    assert [layout.tool for layout in layouts] == sorted(layout.tool for layout in layouts)
    assert {"comfyui", "whisper"} <= {layout.tool for layout in layouts}
    taxonomy = load_taxonomy()
    for layout in layouts:
        for rule in layout.rules:
            for category in rule.categories:
                assert category in taxonomy, f"{layout.tool}: {category}"


def test_the_users_file_replaces_the_shipped_one(tmp_path: Path) -> None:
    write(tmp_path / "comfyui.toml", b'title = "Mine"')
    write(tmp_path / "extra.toml", GOOD.encode())
    layouts = {layout.tool: layout for layout in load_layouts(tmp_path)}
    assert (layouts["comfyui"].title, layouts["comfyui"].rules) == ("Mine", ())
    assert layouts["extra"].title == "Tool"
    assert "whisper" in layouts


def test_a_wrong_file_of_the_users_is_named(tmp_path: Path) -> None:
    for raw in (b"= =", b"title = '\xff'"):
        file = write(tmp_path / "mine.toml", raw)
        with pytest.raises(BadInput, match=str(file)):
            load_layouts(tmp_path)


def test_what_editors_leave_beside_a_layout_is_not_one(tmp_path: Path) -> None:
    (tmp_path / ".#mine.toml").symlink_to("nobody@nowhere")
    write(tmp_path / "._mine.toml", b"\0\1\2")
    write(tmp_path / "mine.toml~", b"= =")
    assert load_layouts(tmp_path) == load_layouts()


def test_without_a_folder_of_the_users_there_are_the_shipped_ones(tmp_path: Path) -> None:
    assert load_layouts(tmp_path / "none") == load_layouts()
