"""Every file of every real model has its own bytes, wherever the mount shows it."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from real.client import ask
from real.models import ADDED_TAG, EMBEDDING, LANGUAGE, SPEECH, VOICE_DETECTOR, RealModel
from real.shelf import Pair, Shelf, disk_usage, listed_files, made_up_bytes

pytestmark = pytest.mark.timeout(600)

WAYS = ("read", "mmap")
TOOL_OF = {"speech/speech-to-text": "whisperx"}
"""A tool that must see a category; others may see it too."""


OLLAMA = "by-tool/ollama"


def _compare(shelf: Shelf, pairs: list[Pair], how: str) -> dict[str, Any]:
    answer = ask("compare", shelf.environment, pairs=pairs, how=how)
    assert isinstance(answer, dict)
    return answer


def _expect_equal(shelf: Shelf, pairs: list[Pair], how: str) -> None:
    expected_bytes = sum(original.stat().st_size for _, original in pairs)
    assert _compare(shelf, pairs, how) == {"different": [], "bytes": expected_bytes}


def _tool_pairs(shelf: Shelf) -> list[Pair]:
    """Return every file below by-tool, matched to its original by inode, whatever its name."""
    originals = {
        os.stat(path).st_ino: original
        for model in shelf.models
        for path, original in shelf.pairs_at(shelf.category_path(model), model)
    }
    files = [path for path in listed_files(shelf.mountpoint) if path.parts[0] == "by-tool"]
    found = [shelf.mountpoint / path for path in files]
    return [(path, originals[os.stat(path).st_ino]) for path in found]


@pytest.mark.parametrize("how", WAYS)
def test_by_category_shows_every_file_with_its_bytes(shelf: Shelf, how: str) -> None:
    pairs = [
        pair for model in shelf.models for pair in shelf.pairs_at(shelf.category_path(model), model)
    ]
    below = {path for path in listed_files(shelf.mountpoint) if path.parts[0] == "by-category"}
    assert below == {path.relative_to(shelf.mountpoint) for path, _ in pairs}
    _expect_equal(shelf, pairs, how)


@pytest.mark.parametrize("how", WAYS)
def test_by_tag_shows_every_file_with_its_bytes(shelf: Shelf, how: str) -> None:
    pairs = [
        pair
        for model in shelf.models
        for tag in model.tags
        for pair in shelf.pairs_at(shelf.mountpoint / "by-tag" / tag / model.entry, model)
    ]
    below = {path for path in listed_files(shelf.mountpoint) if path.parts[0] == "by-tag"}
    assert below == {path.relative_to(shelf.mountpoint) for path, _ in pairs}
    _expect_equal(shelf, pairs, how)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize(
    ("folder", "shows"),
    [
        ("safetensors+f32", lambda tags: {"safetensors", "f32"} <= tags),
        (f"f32+{ADDED_TAG}+safetensors", lambda tags: {"safetensors", "f32"} <= tags),
        (f"{ADDED_TAG}+~onnx", lambda tags: "onnx" not in tags),
        ("f16+~ctranslate2", lambda tags: "f16" in tags and "ctranslate2" not in tags),
        ("gguf+onnx", lambda tags: False),
    ],
)
def test_combined_tags_show_what_fits_with_its_bytes(
    shelf: Shelf, folder: str, shows: Callable[[set[str]], bool], how: str
) -> None:
    place = shelf.mountpoint / "by-tag" / folder
    fitting = [model for model in shelf.models if shows(model.tags)]
    assert sorted(os.listdir(place)) == sorted(model.entry for model in fitting)
    assert folder not in os.listdir(place.parent)
    pairs = [pair for model in fitting for pair in shelf.pairs_at(place / model.entry, model)]
    _expect_equal(shelf, pairs, how)


@pytest.mark.parametrize("how", WAYS)
def test_by_tool_shows_the_bytes_in_the_tools_own_folders(shelf: Shelf, how: str) -> None:
    pairs = _tool_pairs(shelf)
    shown = {original for _, original in pairs}
    for model in shelf.models:
        if model.category in TOOL_OF:
            assert set(shelf.originals(model).values()) <= shown
    _expect_equal(shelf, pairs, how)


def test_a_models_files_count_once_however_often_they_are_shown(shelf: Shelf) -> None:
    """``du`` counts names of one inode once, as it does for hard links."""
    logical_bytes = sum(
        original.stat().st_size
        for model in shelf.models
        for original in shelf.originals(model).values()
    )
    used = disk_usage(shelf.mountpoint / "by-category", "--apparent-size", "--block-size=1")
    assert used == logical_bytes
    made_up = made_up_bytes(shelf.mountpoint)
    everywhere = disk_usage(shelf.mountpoint, "--apparent-size", "--block-size=1")
    assert everywhere == logical_bytes + made_up
    assert shelf.answer("status")["logical_bytes"] == logical_bytes


def test_a_files_links_are_the_places_where_it_is_listed(shelf: Shelf) -> None:
    found: Counter[int] = Counter()
    said: dict[int, int] = {}
    in_ollama = {path.stat().st_ino for path in (shelf.mountpoint / OLLAMA).glob("blobs/*")}
    for path in listed_files(shelf.mountpoint):
        status = os.lstat(shelf.mountpoint / path)
        found[status.st_ino] += 1
        said[status.st_ino] = status.st_nlink - (status.st_ino in in_ollama)
    assert said == dict(found)
    assert len(found) == sum(len(shelf.originals(model)) for model in shelf.models)


@pytest.mark.parametrize("model", [LANGUAGE, EMBEDDING, SPEECH], ids=lambda model: model.entry)
def test_where_a_model_is_said_to_be_it_is(
    shelf: Shelf, need: Callable[..., None], model: RealModel
) -> None:
    need(model)
    said = [Path(p) for p in shelf.show(model)["appears_at"] if "/by-tool/ollama/" not in p]
    listed = {
        shelf.mountpoint.joinpath(*path.parts[: path.parts.index(model.entry) + 1])
        for path in listed_files(shelf.mountpoint)
        if model.entry in path.parts
    }
    assert sorted(said) == sorted(listed)
    assert len(said) >= 1 + len(model.tags) + (model.category in TOOL_OF)
    for place in said:
        for path, original in shelf.pairs_at(place, model):
            assert path.stat().st_size == original.stat().st_size


@pytest.mark.long
def test_comfyui_is_not_shown_an_upscaler_that_it_cannot_load(big_shelf: Shelf) -> None:
    """It would list the ``.bin`` of an ncnn pair among its own, and fail on it."""
    (upscaler,) = (model for model in big_shelf.models if model.entry == "realesrgan-x4plus")
    places = big_shelf.show(upscaler)["appears_at"]
    assert str(big_shelf.category_path(upscaler)) in places
    assert [place for place in places if "/by-tool/comfyui/" in place] == []


def test_path_is_where_a_program_finds_the_model(shelf: Shelf, need: Callable[..., None]) -> None:
    need(SPEECH)
    said = shelf.modelfs("path", SPEECH.entry).rstrip("\n")
    assert Path(said) == shelf.category_path(SPEECH)
    assert (shelf.tool_path(SPEECH, "faster-whisper") / "model.bin").is_file()


def test_extended_attributes_say_what_a_file_is(shelf: Shelf) -> None:
    path = shelf.category_path(VOICE_DETECTOR)
    shown = shelf.show(VOICE_DETECTOR)
    expected = {
        "user.modelfs.model": VOICE_DETECTOR.entry,
        "user.modelfs.category": "speech/vad",
        "user.modelfs.tags": f"onnx,{ADDED_TAG}",
        "user.modelfs.source": f"local:{shelf.original(VOICE_DETECTOR)}",
        "user.modelfs.blob": shown["files"][0]["blob"],
    }
    assert sorted(os.listxattr(path)) == sorted(expected)
    assert {name: os.getxattr(path, name).decode() for name in expected} == expected


def test_extended_attributes_of_a_models_folder_and_its_files_agree(shelf: Shelf) -> None:
    folder = shelf.category_path(EMBEDDING)
    file = folder / "1_Pooling" / "config.json"
    for place in (folder, folder / "1_Pooling", file):
        assert os.getxattr(place, "user.modelfs.model") == EMBEDDING.entry.encode()
        assert os.getxattr(place, "user.modelfs.category") == b"language/embedding"
    blobs = {f["path"]: f["blob"] for f in shelf.show(EMBEDDING)["files"]}
    blob = blobs["1_Pooling/config.json"]
    assert os.getxattr(file, "user.modelfs.blob") == blob.encode()
    kept = shelf.store / "blobs" / blob[:2] / blob
    assert kept.read_bytes() == (shelf.original(EMBEDDING) / "1_Pooling/config.json").read_bytes()
