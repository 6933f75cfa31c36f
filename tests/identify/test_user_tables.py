"""The tables can be added to, and an addition that cannot be used is told and left out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelfs import paths
from modelfs.identify import identify, load_taxonomy, rules, structures
from modelfs.identify.explain import explain
from modelfs.identify.tables import ORDERED, load_table, rows, user_tables

from .builders import safetensors, source


@pytest.fixture(autouse=True)
def fresh_tables() -> Iterator[None]:
    for cached in (rows, user_tables):
        cached.cache_clear()
    yield
    for cached in (rows, user_tables):
        cached.cache_clear()


def add(text: str) -> Path:
    folder = paths.user_tables_folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.toml").write_text(text)
    return folder / "mine.toml"


def test_a_rule_of_ones_own_comes_before_those_shipped() -> None:
    data = safetensors({"my_head.weight": (2, 3), "model.embed_tokens.weight": (4, 4)})
    assert identify([source("m.safetensors", data)]).category == "other/unsorted"
    add('[[rule]]\ncategory = "vision/face"\nbecause = "mine"\ntensors = ["my_head.*[1] = 3"]\n')
    fresh = [rows, user_tables]
    for cached in fresh:
        cached.cache_clear()
    found = identify([source("m.safetensors", data)])
    assert (found.category, found.reason, found.confidence) == ("vision/face", "mine", "sure")


def test_a_family_of_ones_own_is_found_and_tagged() -> None:
    add(
        '[[structure]]\nid = "newdit"\ntitle = "New DiT"\nmedium = "image"\n'
        'tensors = ["fresh_blocks.0.weight"]\nlora = ["fresh_blocks_*"]\n'
    )
    weights = safetensors({f"fresh_blocks.{n}.weight": (4, 4) for n in range(8)})
    found = identify([source("m.safetensors", weights)])
    assert (found.category, found.facts.architecture) == ("image/diffusion-model", "newdit")
    lora = safetensors(
        {
            "diffusion_model.fresh_blocks.0.lora_A.weight": (2, 4),
            "diffusion_model.fresh_blocks.0.lora_B.weight": (4, 2),
        }
    )
    found = identify([source("l.safetensors", lora)])
    assert (found.category, "newdit" in found.auto_tags) == ("image/lora", True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[rule", "Expected"),
        ("[[nothing]]\na = 1", "there is no [[nothing]]"),
        ('[[rule]]\ncategory = "a/b"', "'because' is a text"),
        ('[[rule]]\ncategory = "a/b"\nbecause = "x"', "it asks nothing"),
        ('[[rule]]\ncategory = "a/b"\nbecause = "x"\nwrods = "y"', "there is no 'wrods'"),
        ('[[rule]]\ncategory = "a/b"\nbecause = "x"\nwords = "("', "words:"),
        ('[[rule]]\ncategory = "a/b"\nbecause = "x"\ntensors = ["a ="]', "no condition"),
        ('[[rule]]\ncategory = "a/b"\nbecause = "x"\nformats = "gguf"', "list of texts"),
        ('[[rule]]\ncategory = "a/b"\nbecause = "x"\ndelta = 1', "true or false"),
        (
            '[[rule]]\ncategory = "a/b"\nbecause = "x"\nwords = "y"\nconfidence = "certain"',
            "'confidence'",
        ),
        ('[[structure]]\nid = "x"', "'id', 'title' and 'medium'"),
        (
            '[[structure]]\nid = "x"\ntitle = "X"\nmedium = "smell"\ntensors = []',
            "'medium' is one of",
        ),
        ('[[structure]]\nid = "x"\ntitle = "X"\nmedium = "image"\ntensors = [1]', "list of texts"),
        (
            '[[structure]]\nid = "x"\ntitle = "X"\nmedium = "3d"\ntensors = []\nvariant = [{}]',
            "a variant",
        ),
    ],
)
def test_what_cannot_be_used_is_told_where_and_why(text: str, told: str) -> None:
    file = add(text)
    found = identify([source("m.safetensors", safetensors({"w": (2,)}))])
    (warning,) = found.facts.warnings
    assert str(file) in warning
    assert told in warning


def test_a_category_that_there_is_not_becomes_unsorted_with_a_word() -> None:
    add('[[rule]]\ncategory = "no/such"\nbecause = "mine"\nformats = ["safetensors"]\n')
    found = identify([source("m.safetensors", safetensors({"w": (2,)}))])
    placed = found.within(load_taxonomy())
    assert placed.category == "other/unsorted"
    assert "no/such" in placed.facts.warnings[0]


def test_every_shipped_row_would_pass_as_a_users() -> None:
    for kind, check in (("structure", structures.problem), ("rule", rules.problem)):
        for name in ORDERED[kind]:
            for row in load_table(name)[kind]:
                if row.get("id") != structures.LANGUAGE_BASE:
                    assert check(row) is None, row


@pytest.mark.parametrize(
    "about", ["sdxl", "image/lora", "gguf", "wan2.1", "speech", "lora", "flux", "whisper"]
)
def test_rows_are_explained_by_family_category_and_format(about: str) -> None:
    found = explain(about)
    assert found
    assert all(each.title and each.conditions for each in found)


def test_nothing_is_explained_of_what_no_row_speaks_of() -> None:
    assert explain("no such thing") == []
