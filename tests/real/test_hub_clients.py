"""Programs that load models from the hub by name find real ones in the mounted cache, offline."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelfs.library import open_library
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from real.client import ask, needs
from real.models import EMBEDDING, SPEECH, VOICE_DETECTOR, RealModel
from real.shelf import Shelf, until

pytestmark = pytest.mark.timeout(600)

COMMIT = "c0ffee0000" * 4
TEXTS = ["A cat sleeps.", "A kitten naps."]


def add_from_hub(shelf: Shelf, model: RealModel, source: str) -> dict[str, str]:
    """Add a model as fetching it from the hub would; return the environment of its users."""
    with open_library(shelf.store) as library:
        name = model.entry if model.named else None
        plan = plan_add(library, [str(shelf.original(model))], AddOptions(name=name))
        (planned,) = plan.models
        (_,) = add(library, replace(plan, models=(replace(planned, source=source),)))
    cache = shelf.mountpoint / "by-tool/huggingface/hub"
    repository = source.removeprefix("hf:").partition("@")[0]
    folder = cache / f"models--{repository.replace('/', '--')}"
    until((folder / "refs/main").exists, "the mount shows what was added")
    return shelf.environment | {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}


def find(environment: dict[str, str], repository: str, **what: object) -> Path:
    return Path(ask("find_in_hub", environment, repository=repository, **what))


def test_transformers_loads_a_model_by_its_name(new_shelf: Shelf) -> None:
    needs("torch", "transformers")
    repository = "sentence-transformers/all-MiniLM-L6-v2"
    environment = add_from_hub(new_shelf, EMBEDDING, f"hf:{repository}@{COMMIT}")
    vectors = ask("embed_text", environment, path=repository, texts=TEXTS)
    original = new_shelf.original(EMBEDDING)
    expected = ask("embed_text", new_shelf.environment, path=original, texts=TEXTS)
    for vector, other in zip(vectors, expected, strict=True):
        assert vector == pytest.approx(other, abs=1e-6)
    at_commit = find(environment, repository, file="1_Pooling/config.json").parents[1]
    assert at_commit.name == COMMIT
    assert new_shelf.mountpoint in at_commit.parents


def test_a_speech_recogniser_finds_its_snapshot(
    new_shelf: Shelf, need: Callable[..., None], recording: Path
) -> None:
    """As faster-whisper does: it asks for these files of the repository, then for their folder."""
    needs("ctranslate2")
    need(SPEECH)
    repository = "Systran/faster-whisper-tiny.en"
    environment = add_from_hub(new_shelf, SPEECH, f"hf:{repository}@{COMMIT}")
    patterns = ["config.json", "preprocessor_config.json", "model.bin", "tokenizer.json"]
    folder = find(environment, repository, patterns=[*patterns, "vocabulary.*"])
    assert new_shelf.mountpoint in folder.parents
    said = ask("transcribe", environment, path=folder, wav=recording)
    assert "ask not what your country can do for you" in said


def test_onnxruntime_runs_a_file_in_a_folder_of_its_repository(
    new_shelf: Shelf, recording: Path
) -> None:
    needs("onnxruntime")
    repository = "onnx-community/silero-vad"
    environment = add_from_hub(new_shelf, VOICE_DETECTOR, f"hf:{repository}@{COMMIT}/onnx")
    path = find(environment, repository, file="onnx/silero_vad.onnx")
    assert new_shelf.mountpoint in path.parents
    heard = ask("detect_voice", environment, path=path, wav=recording)
    assert heard[0] < 0.1
    assert sum(chance > 0.5 for chance in heard) > 200
