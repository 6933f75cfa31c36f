"""Programs that come with models of their own use them from the folder that is theirs."""

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

from real.client import ask, needs
from real.models import EMBEDDING, LANGUAGE, SPEECH
from real.packages import ModelCache
from real.shelf import Shelf, until
from real.test_hub_clients import COMMIT, add_from_hub

pytestmark = pytest.mark.timeout(600)

TEXTS = ["A cat sleeps.", "A kitten naps."]


def test_llama_cpp_writes_from_its_folder(shelf: Shelf) -> None:
    needs("xllamacpp")
    path = shelf.tool_path(LANGUAGE, "llama.cpp")
    assert path.parent.name == path.stem, "the router takes a folder for a model"
    said = ask(
        "run_llama", shelf.environment, path=path, prompt="The capital of France is", mapped=True
    )
    assert said["text"].startswith(" Paris")


@pytest.mark.parametrize("by", ["name", "folder"])
def test_sentence_transformers_makes_the_same_vectors(new_shelf: Shelf, by: str) -> None:
    needs("torch", "transformers", "sentence_transformers")
    repository = "sentence-transformers/all-MiniLM-L6-v2"
    environment = add_from_hub(new_shelf, EMBEDDING, f"hf:{repository}@{COMMIT}")
    folder = new_shelf.tool_path(EMBEDDING, "sentence-transformers")
    path = repository if by == "name" else str(folder)
    vectors = ask("embed_sentences", environment, path=path, texts=TEXTS)
    original = new_shelf.original(EMBEDDING)
    assert vectors == ask("embed_sentences", new_shelf.environment, path=original, texts=TEXTS)


def test_faster_whisper_finds_its_model_by_the_usual_name(
    new_shelf: Shelf, need: Callable[..., None], recording: Path
) -> None:
    need(SPEECH)
    environment = add_from_hub(new_shelf, SPEECH, f"hf:Systran/faster-whisper-tiny.en@{COMMIT}")
    said = ask("listen", environment, path="tiny.en", wav=recording)
    assert "ask what you can do for your country" in said
    folder = new_shelf.tool_path(SPEECH, "faster-whisper")
    assert said == ask("listen", new_shelf.environment, path=folder, wav=recording)


def test_rapidocr_reads(new_shelf: Shelf, model_cache: ModelCache) -> None:
    models = model_cache.folder("rapidocr") / "rapidocr" / "models"
    new_shelf.modelfs("add", models)
    shown = {each["entry_name"]: each["id"] for each in new_shelf.answer("ls")}
    parts = {"Det": "_det_", "Cls": "_cls_", "Rec": "_rec_"}
    places = {}
    for part, mark in parts.items():
        (entry,) = (name for name in shown if mark in name)
        places[part] = Path(new_shelf.modelfs("path", entry).rstrip("\n"))
        until(places[part].exists, f"the mount shows {entry}")
    said = ask("read_text", new_shelf.environment, models=places, text="read through the mount")
    assert difflib.SequenceMatcher(None, "".join(said), "read through the mount").ratio() > 0.8


def test_pocketsphinx_hears(new_shelf: Shelf, model_cache: ModelCache, recording: Path) -> None:
    original = model_cache.folder("pocketsphinx") / "model" / "en-us"
    new_shelf.modelfs("add", original, "--name", "english")
    folder = Path(new_shelf.modelfs("path", "english").rstrip("\n"))
    until(folder.exists, "the mount shows the model")
    said = ask("hear_words", new_shelf.environment, path=folder, wav=recording)
    assert "what you can do for" in said
    assert said == ask("hear_words", new_shelf.environment, path=original, wav=recording)
