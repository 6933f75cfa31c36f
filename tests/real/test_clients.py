"""Real programs load real models through the mount, and get from them what originals give."""

from collections.abc import Callable
from pathlib import Path

import pytest

from real.client import ask, needs
from real.models import (
    EMBEDDING,
    LANGUAGE,
    LEGACY_PICKLE,
    PITCH,
    SPEAKER,
    SPEECH,
    USUAL,
    VOICE_DETECTOR,
    VOICE_DETECTOR_SCRIPT,
    VOICE_DETECTOR_TENSORS,
    RealModel,
)
from real.shelf import Shelf, until

pytestmark = pytest.mark.timeout(600)

CAPITAL = "The capital of France is"
WAYS_TO_LOAD = ("safe_open", "load_file", "read")


@pytest.mark.parametrize("mapped", [True, False], ids=["mmap", "read"])
def test_llama_cpp_writes_the_same_words(shelf: Shelf, mapped: bool) -> None:
    needs("xllamacpp")
    request = {"prompt": CAPITAL, "mapped": mapped}
    path = shelf.category_path(LANGUAGE)
    through_mount = ask("run_llama", shelf.environment, path=path, **request)
    assert through_mount["mapped"] is mapped
    assert through_mount["text"].startswith(" Paris")
    from_original = ask("run_llama", shelf.environment, path=shelf.original(LANGUAGE), **request)
    assert through_mount == from_original


@pytest.mark.parametrize("how", WAYS_TO_LOAD)
@pytest.mark.parametrize(
    ("model", "inner", "tensors"),
    [(EMBEDDING, "model.safetensors", 104), (VOICE_DETECTOR_TENSORS, "", 15)],
    ids=["folder", "file"],
)
def test_safetensors_loads_the_same_tensors(
    shelf: Shelf, model: RealModel, inner: str, tensors: int, how: str
) -> None:
    needs("safetensors")
    path, original = shelf.category_path(model) / inner, shelf.original(model) / inner
    through_mount = ask("load_safetensors", shelf.environment, path=path, how=how)
    assert through_mount["tensors"] == tensors
    assert through_mount["mapped"] is (how == "safe_open")
    assert through_mount == ask("load_safetensors", shelf.environment, path=original, how=how)


def test_transformers_makes_the_same_vectors(shelf: Shelf) -> None:
    needs("torch", "transformers")
    texts = ["A cat sleeps.", "A kitten naps.", "Interest rates rose."]
    path = shelf.mountpoint / "by-tag" / "safetensors+sentence-transformers" / EMBEDDING.entry
    vectors = ask("embed_text", shelf.environment, path=path, texts=texts)
    assert [len(vector) for vector in vectors] == [384, 384, 384]
    cat, kitten, money = vectors
    assert _likeness(cat, kitten) > 0.5 > 0.2 > _likeness(cat, money)
    expected = ask("embed_text", shelf.environment, path=shelf.original(EMBEDDING), texts=texts)
    for vector, original in zip(vectors, expected, strict=True):
        assert vector == pytest.approx(original, abs=1e-6)


def _likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_torch_loads_a_legacy_pickle(shelf: Shelf) -> None:
    needs("torch")
    path, original = shelf.category_path(LEGACY_PICKLE), shelf.original(LEGACY_PICKLE)
    through_mount = ask("load_torch", shelf.environment, path=path, mapped=False)
    assert through_mount["tensors"] == 5
    assert through_mount == ask("load_torch", shelf.environment, path=original, mapped=False)


def test_torch_loads_a_script(shelf: Shelf) -> None:
    needs("torch")
    model = VOICE_DETECTOR_SCRIPT
    path, original = shelf.category_path(model), shelf.original(model)
    through_mount = ask("load_torch", shelf.environment, path=path, is_script=True)
    assert through_mount["tensors"] == 30
    assert through_mount == ask("load_torch", shelf.environment, path=original, is_script=True)


def test_torch_loads_what_it_wrote_mapped_and_read(new_shelf: Shelf, tmp_path: Path) -> None:
    """A ``.pth`` of today, added while the mount is up, is there and loads both ways."""
    needs("torch")
    written = tmp_path / "all-minilm.pth"
    tensors = new_shelf.original(EMBEDDING) / "model.safetensors"
    assert ask("save_torch", new_shelf.environment, path=tensors, target=written) == 104
    (added,) = new_shelf.answer("add", written)["models"]
    assert added["model"]["format"] == "pytorch"
    path = new_shelf.mountpoint / "by-category" / added["model"]["category"] / written.name
    until(path.exists, "the mount shows what was added")
    answers = [
        ask("load_torch", new_shelf.environment, path=each, mapped=mapped)
        for each in (path, written)
        for mapped in (True, False)
    ]
    assert [answer.pop("mapped") for answer in answers] == [True, False, True, False]
    assert answers == [answers[0]] * 4
    assert answers[0]["tensors"] == 104


def test_onnxruntime_hears_speech(shelf: Shelf, recording: Path) -> None:
    needs("onnxruntime")
    path, original = shelf.category_path(VOICE_DETECTOR), shelf.original(VOICE_DETECTOR)
    heard = ask("detect_voice", shelf.environment, path=path, wav=recording)
    assert len(heard) == 343
    assert heard[0] < 0.1
    assert sum(chance > 0.5 for chance in heard) > 200
    assert heard == pytest.approx(
        ask("detect_voice", shelf.environment, path=original, wav=recording), abs=1e-6
    )


@pytest.mark.parametrize(
    "model",
    [model for model in USUAL if model.category == "vision/ocr"],
    ids=lambda model: model.entry,
)
def test_onnxruntime_runs_a_text_recogniser(shelf: Shelf, model: RealModel) -> None:
    needs("onnxruntime")
    size = [64, 192] if "_det_" in model.entry else [48, 192]  # found in wholes of 32, read in 48
    path, original = shelf.category_path(model), shelf.original(model)
    through_mount = ask("run_onnx", shelf.environment, path=path, size=size)
    expected = ask("run_onnx", shelf.environment, path=original, size=size)
    assert through_mount["shape"] == expected["shape"]
    assert through_mount["sum"] == pytest.approx(expected["sum"])


def test_whisper_writes_down_what_is_said(
    shelf: Shelf, need: Callable[..., None], recording: Path
) -> None:
    """CTranslate2, from the folder that the whisper tools are pointed at."""
    needs("ctranslate2")
    need(SPEECH)
    folder = shelf.tool_path(SPEECH, "faster-whisper")
    said = ask("transcribe", shelf.environment, path=folder, wav=recording)
    assert "ask not what your country can do for you" in said
    original = shelf.original(SPEECH)
    assert said == ask("transcribe", shelf.environment, path=original, wav=recording)


@pytest.mark.long
@pytest.mark.parametrize(
    ("model", "mapped", "tensors"),
    [(PITCH, True, 44), (PITCH, False, 44), (SPEAKER, False, 48)],
    ids=["zip-mmap", "zip-read", "legacy-with-optimizer"],
)
def test_torch_loads_large_files(
    big_shelf: Shelf, model: RealModel, mapped: bool, tensors: int
) -> None:
    needs("torch")
    path, original = big_shelf.category_path(model), big_shelf.original(model)
    through_mount = ask("load_torch", big_shelf.environment, path=path, mapped=mapped)
    assert through_mount["tensors"] == tensors
    assert through_mount["mapped"] is mapped
    assert through_mount == ask("load_torch", big_shelf.environment, path=original, mapped=mapped)
