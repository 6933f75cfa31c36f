"""What belongs to a model comes with it, whether its folder is given or the file alone."""

import json
from pathlib import Path

import pytest

from core.conftest import bring, write
from identify.builders import onnx_model, onnx_tensor, safetensors
from modelfs.catalog import models
from modelfs.catalog.filters import Filter
from modelfs.catalog.records import ModelRecord
from modelfs.library import Library


def only_model(library: Library) -> ModelRecord:
    (model,) = models.find(library.catalog, Filter())
    return model


def paths_of(model: ModelRecord) -> list[str]:
    return sorted(file.path for file in model.files)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """An ONNX graph whose weights lie in two files beside it."""
    tensors = [
        onnx_tensor("w", (64, 64), outside="model.onnx_data"),
        onnx_tensor("v", (64, 64), outside="more/weights.bin"),
    ]
    folder = tmp_path / "exported"
    write(folder / "model.onnx", onnx_model(tensors))
    write(folder / "model.onnx_data", bytes(20_000))
    write(folder / "more" / "weights.bin", b"w" * 20_000)
    write(folder / "else.txt", b"not of the model")
    return folder


@pytest.mark.parametrize("given", [".", "model.onnx"])
def test_external_data_of_a_graph(library: Library, exported: Path, given: str) -> None:
    bring(library, exported / given)
    model = only_model(library)
    assert {"model.onnx", "model.onnx_data", "more/weights.bin"} <= set(paths_of(model))
    assert model.facts.format == "onnx"
    assert model.facts.parameters == 2 * 64 * 64


def test_a_graph_whose_data_is_not_there_is_a_model_all_the_same(
    library: Library, exported: Path
) -> None:
    (exported / "more" / "weights.bin").unlink()
    bring(library, exported / "model.onnx")
    model = only_model(library)
    assert paths_of(model) == ["model.onnx", "model.onnx_data"]
    assert model.facts.warnings == ["weights are missing: more/weights.bin"]


def test_what_a_sidecar_says_is_known_and_the_sidecar_stays(
    library: Library, tmp_path: Path
) -> None:
    layer = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"
    shapes = {f"{layer}.lora_down.weight": (8, 2048), f"{layer}.lora_up.weight": (640, 8)}
    weights = write(tmp_path / "loras" / "birds.safetensors", safetensors(shapes))
    said = {"baseModel": "SDXL 1.0", "trainedWords": ["b1rd"], "model": {"type": "LORA"}}
    write(tmp_path / "loras" / "birds.civitai.info", json.dumps(said).encode())
    bring(library, weights)
    model = only_model(library)
    assert model.category == "image/lora"
    assert model.facts.details["trigger_words"] == ["b1rd"]
    assert (tmp_path / "loras" / "birds.civitai.info").exists()
