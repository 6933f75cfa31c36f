"""The little language in which tables ask about tensors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfs.identify.shapes import Shapes, condition

SHAPES = Shapes(
    {
        "img_in.weight": (3072, 64),
        "double_blocks.0.img_attn.qkv.weight": (9216, 3072),
        "double_blocks.1.img_attn.qkv.weight": (9216, 3072),
        "bias": (),
    }
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("img_in.weight", True),
        ("img_in.bias", False),
        ("img_in", False),
        ("double_blocks.*", True),
        ("*.qkv.weight", True),
        ("double_blocks.*.qkv.weight", True),
        ("double_blocks.*.mlp.weight", False),
        ("img_in.weight[1] = 64", True),
        ("img_in.weight[1] = 65", False),
        ("img_in.weight[1] in 32 64", True),
        ("img_in.weight[-1] = 64", True),
        ("img_in.weight[0] >= 3072", True),
        ("img_in.weight[0] <= 3071", False),
        ("img_in.weight[2] = 64", False),
        ("double_blocks.*[0] = 9216", True),
        ("bias[0] = 1", False),
        ("!img_in.weight", False),
        ("!guidance_in.*", True),
        ("!img_in.weight[1] = 384", True),
        ("nothing | img_in.weight", True),
        ("nothing | nothing.else", False),
    ],
)
def test_a_condition_holds_or_not(text: str, holds: bool) -> None:
    assert condition(text)(SHAPES) is holds


@pytest.mark.parametrize(
    "text", ["", "a b", "a[1]", "a = 1", "a[x] = 1", "a[1] = ", "a[1] > 3", "| a"]
)
def test_what_is_no_condition_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="no condition"):
        condition(text)


def test_names_below_a_prefix_lose_it() -> None:
    below = SHAPES.below("double_blocks.")
    assert below.named("*") == ["0.img_attn.qkv.weight", "1.img_attn.qkv.weight"]
    assert SHAPES.count("double_blocks.") == len(below) == 2


NAMES = st.text("ab.", min_size=1, max_size=6)


@given(st.sets(NAMES, max_size=12), st.text("ab.*", min_size=1, max_size=6))
def test_looking_up_is_the_same_as_trying_every_name(names: set[str], pattern: str) -> None:
    def fits(pattern: str, name: str) -> bool:
        if not pattern:
            return not name
        if pattern[0] == "*":
            return any(fits(pattern[1:], name[at:]) for at in range(len(name) + 1))
        return name[:1] == pattern[0] and fits(pattern[1:], name[1:])

    shapes = Shapes(dict.fromkeys(names, (1,)))
    assert shapes.named(pattern) == sorted(name for name in names if fits(pattern, name))
