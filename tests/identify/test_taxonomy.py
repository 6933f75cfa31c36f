"""Categories: ids that never change, and the ways to name them."""

import pytest

from modelfs.errors import BadInput
from modelfs.identify import Taxonomy, load_taxonomy

SHIPPED = {
    "language": "llm multimodal projector embedding reranker translation lora draft tokenizer",
    "image": "checkpoint diffusion-model lora vae text-encoder clip-vision controlnet ip-adapter"
    " style textual-inversion hypernetwork upscaler restoration",
    "video": "checkpoint diffusion-model lora vae interpolation",
    "3d": "checkpoint",
    "speech": "speech-to-text speech-to-text-finetune text-to-speech voice voice-conversion vad"
    " wake-word speaker",
    "audio": "music separation denoise pitch",
    "text": "punctuation diacritisation classifier language-id token-classification",
    "vision": "ocr detection segmentation depth classifier face",
    "other": "unsorted",
}


def test_shipped_ids_are_stable() -> None:
    expected = [f"{top}/{last}" for top, lasts in SHIPPED.items() for last in lasts.split()]
    assert [category.id for category in load_taxonomy().categories] == expected


def test_every_category_says_what_it_is_and_has_a_legal_id() -> None:
    for category in load_taxonomy().categories:
        assert category.title
        assert category.about
        assert Taxonomy(()).check_new_id(category.id) == category.id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("language/llm", "language/llm"),
        ("llm", "language/llm"),
        (" LLM ", "language/llm"),
        ("image/vae/", "image/vae"),
        ("ocr", "vision/ocr"),
    ],
)
def test_resolving(text: str, expected: str) -> None:
    assert load_taxonomy().resolve(text) == expected


def test_ambiguous_last_part_lists_all() -> None:
    with pytest.raises(BadInput) as caught:
        load_taxonomy().resolve("vae")
    assert "image/vae" in caught.value.hint
    assert "video/vae" in caught.value.hint


def test_first_level_alone_is_no_category() -> None:
    with pytest.raises(BadInput) as caught:
        load_taxonomy().resolve("audio")
    assert "audio/pitch" in caught.value.hint


def test_unknown_text_gets_a_near_one() -> None:
    with pytest.raises(BadInput) as caught:
        load_taxonomy().resolve("upscalar")
    assert "image/upscaler" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lora", ("language/lora", "image/lora", "video/lora")),
        ("image/lora", ("image/lora",)),
        ("audio", ("audio/music", "audio/separation", "audio/denoise", "audio/pitch")),
    ],
)
def test_matching_gives_all(text: str, expected: tuple[str, ...]) -> None:
    assert load_taxonomy().matching(text) == expected


def test_matching_nothing_is_bad_input() -> None:
    with pytest.raises(BadInput):
        load_taxonomy().matching("nonsense")


def test_added_categories_resolve_and_shipped_ones_win() -> None:
    taxonomy = load_taxonomy().with_changes(
        [("mine/birds", "Birds", False), ("language/llm", "", False)]
    )
    assert taxonomy.resolve("birds") == "mine/birds"
    found = taxonomy.get("language/llm")
    assert found is not None
    assert found.title == "Language model"


@pytest.mark.parametrize("text", ["birds", "mine/birds", "a/b/c-d2"])
def test_legal_new_ids(text: str) -> None:
    assert load_taxonomy().check_new_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "a//b",
        "/a",
        "a/",
        "a/b/c/d",
        "a b",
        "..",
        "a_b",
        "-a",
        "a--b",
        "x" * 65,
        "a\n",
        "llm/",
    ],
)
def test_illegal_new_ids(text: str) -> None:
    with pytest.raises(BadInput):
        load_taxonomy().check_new_id(text)


def test_id_that_is_there_is_no_new_one() -> None:
    with pytest.raises(BadInput):
        load_taxonomy().check_new_id("language/llm")


def test_a_shipped_category_can_be_retitled_and_hidden() -> None:
    taxonomy = load_taxonomy().with_changes([("image/lora", "Styles", True)])
    found = taxonomy.get("image/lora")
    assert found is not None
    assert (found.title, found.hidden, found.own) == ("Styles", True, False)
    assert taxonomy.unlisted == {"image/lora"}


def test_a_level_of_which_all_is_hidden_is_left_out_too() -> None:
    video = [each.id for each in load_taxonomy().categories if each.id.startswith("video/")]
    taxonomy = load_taxonomy().with_changes([(each, "", True) for each in video])
    assert taxonomy.unlisted == {"video", *video}
    assert load_taxonomy().at_or_below("video") == tuple(video)
    nested = taxonomy.with_changes([("video/lora/mine", "Mine", False)])
    assert "video" not in nested.unlisted, "something below it is shown"
