"""What configurations, model cards and sidecars say, and that odd ones say nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfs.identify.beside import read_beside
from modelfs.identify.beside.card import read_card
from modelfs.identify.beside.said import Said

from .builders import folder, source


def said(main: str = "model.safetensors", **files: object) -> Said:
    """Names of files are written with ``__`` for a dot and ``_0_`` for a slash."""
    named = {name.replace("_0_", "/").replace("__", "."): each for name, each in files.items()}
    return read_beside(folder({main: b"", **named}), main)


def card(front: str) -> Said:
    return read_card(source("README.md", f"---\n{front}\n---\n# Model\n".encode()))


def test_a_language_models_config() -> None:
    found = said(
        config__json={
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "max_position_embeddings": 131072,
            "num_hidden_layers": 32,
            "hidden_size": 4096,
            "auto_map": {"AutoModel": "x.Y"},
        }
    )
    assert (found.class_name, found.model_type) == ("LlamaForCausalLM", "llama")
    assert found.details["context_length"] == 131072
    assert found.details["block_count"] == 32
    assert found.details["needs_remote_code"] is True


def test_a_vision_models_context_is_that_of_its_text_part() -> None:
    config = {"architectures": ["X"], "text_config": {"max_position_embeddings": 4096}}
    assert said(config__json=config).details["context_length"] == 4096


@pytest.mark.parametrize(
    ("declared", "label"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "gptq-4bit"),
        ({"quant_method": "awq", "bits": 4}, "awq-4bit"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bnb-int8"),
        ({"quant_method": "bitsandbytes", "bnb_4bit_quant_type": "nf4"}, "bnb-nf4"),
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "compressed-tensors", "format": "float-quantized"}, "float-quantized"),
        ({"quant_algo": "NVFP4"}, "nvfp4"),
    ],
)
def test_quantisation_by_config(declared: dict[str, object], label: str) -> None:
    assert said(config__json={"quantization_config": declared}).quant == label


def test_mlx_says_its_bits() -> None:
    found = said(config__json={"quantization": {"group_size": 64, "bits": 6}})
    assert (found.quant, found.details["group_size"]) == ("mlx-6bit", 64)


def test_a_pipeline_lists_its_parts() -> None:
    index = {
        "_class_name": "FluxPipeline",
        "vae": ["diffusers", "AutoencoderKL"],
        "x": [None, None],
    }
    found = said(model_index__json=index)
    assert found.is_diffusers
    assert found.class_name == "FluxPipeline"
    assert found.details["components"] == ("vae: AutoencoderKL",)


def test_an_adapter_names_its_base() -> None:
    adapter = {
        "peft_type": "LORA",
        "r": 16,
        "lora_alpha": 32.0,
        "base_model_name_or_path": "o/base",
    }
    found = said(adapter_config__json=adapter)
    assert (found.base_model, found.relation) == ("o/base", "adapter")
    assert (found.details["rank"], found.details["alpha"]) == (16, 32)


def test_a_piper_voice() -> None:
    voice = {
        "audio": {"sample_rate": 22050, "quality": "medium"},
        "language": {"code": "de_DE"},
        "num_speakers": 1,
        "phoneme_id_map": {},
    }
    found = said("voice.onnx", voice__onnx__json=voice)
    assert found.class_name == "PiperVoice"
    assert found.details["languages"] == ("de_DE",)
    assert found.details["sample_rate_hz"] == 22050
    assert found.details["voice_quality"] == "medium"


def test_vosk_says_its_rate() -> None:
    found = said(
        "am/final.mdl", conf_0_mfcc__conf=b"--use-energy=false\n--sample-frequency=16000\n"
    )
    assert found.details["sample_rate_hz"] == 16000


def test_a_card_of_a_quantised_model() -> None:
    found = card(
        "base_model: Qwen/Qwen3-8B\nquantized_by: someone\nlicense: mit\nlanguage:\n- en\n- zh\n"
        "pipeline_tag: text-generation\nlibrary_name: gguf\ntags: [gguf]"
    )
    assert (found.base_model, found.relation, found.task) == (
        "Qwen/Qwen3-8B",
        "quantized",
        "text-generation",
    )
    assert found.details["quantized_by"] == "someone"
    assert found.details["languages"] == ("en", "zh")
    assert found.details["multilingual"] is True


@pytest.mark.parametrize(
    ("front", "relation"),
    [
        ("base_model: a/b", "finetune"),
        ("base_model: a/b\nbase_model_relation: adapter", "adapter"),
        ("base_model: a/b\ntags: [lora, flux]", "adapter"),
        ("base_model: [a/b, c/d]", "merge"),
        ("base_model: a/b\ntags: [mergekit]", "merge"),
        ("base_model: a/b\ntags: ['base_model:quantized:a/b']", "quantized"),
        ("base_model: a/b\ntags: [exl2]", "quantized"),
        ("license: mit", None),
        ("base_model: a/b\nbase_model_relation: 7", "finetune"),
    ],
)
def test_the_relation_to_a_base_is_inferred_as_the_hub_does(
    front: str, relation: str | None
) -> None:
    assert card(front).relation == relation


def test_another_licence_gives_its_name() -> None:
    found = card("license: other\nlicense_name: flux-1-dev\nlicense_link: LICENSE.md")
    assert found.details["license"] == "flux-1-dev"


@pytest.mark.parametrize(
    "front",
    [
        "",
        "- a\n- b",
        "a: [",
        "a: &x [1]\nb: *x",
        "\t",
        "base_model: {a: 1}",
        "tags: 5",
        "? [a]\n: b",
    ],
)
def test_odd_front_matter_says_nothing_of_a_base(front: str) -> None:
    assert card(front).base_model is None


def test_a_card_without_front_matter_says_nothing() -> None:
    assert read_card(source("README.md", b"# Title\nbase_model: x\n---\n")) == Said()


def test_civitai_helpers_notes() -> None:
    info = {
        "modelId": 12,
        "baseModel": "Pony",
        "trainedWords": ["aaa", "bbb"],
        "model": {"name": "Style", "type": "LORA"},
        "creator": {"username": "me"},
    }
    found = said("x.safetensors", x__civitai__info=info)
    assert (found.declared, found.base_model) == ("lora", "Pony")
    assert found.details["trigger_words"] == ("aaa", "bbb")
    assert found.details["model_page"] == "https://civitai.com/models/12"
    assert (found.details["title"], found.details["author"]) == ("Style", "me")


def test_notes_of_other_programs() -> None:
    matrix = {"ModelId": 3, "ModelType": "Checkpoint", "BaseModel": "SDXL 1.0", "ModelName": "N"}
    assert said("x.safetensors", **{"x__cm-info__json": matrix}).declared == "checkpoint"
    manager = {"base_model": "Flux.1 D", "civitai": {"trainedWords": ["w"]}}
    found = said("x.safetensors", x__metadata__json=manager)
    assert (found.base_model, found.details["trigger_words"]) == ("Flux.1 D", ("w",))
    webui = {"activation text": "a, b", "sd version": "SD1"}
    assert said("x.safetensors", x__json=webui).details["trigger_words"] == ("a", "b")
    assert said("x.safetensors", x__json={"anything": 1}) == Said()
    swarm = {"modelspec.title": "T", "modelspec.trigger_phrase": "z"}
    assert said("x.safetensors", x__swarm__json=swarm).details["title"] == "T"


def test_a_preview_is_found() -> None:
    assert said("a/x.safetensors", a_0_x__preview__png=b"").details["preview"] == "a/x.preview.png"


NAMES = (
    "config.json",
    "model_index.json",
    "adapter_config.json",
    "m.civitai.info",
    "m.cm-info.json",
    "m.metadata.json",
    "m.swarm.json",
    "m.json",
    "m.onnx.json",
    "generation_config.json",
    "config_sentence_transformers.json",
)
KEYS = [
    "architectures",
    "model_type",
    "_class_name",
    "quantization_config",
    "quantization",
    "bits",
    "quant_method",
    "modelId",
    "audio",
    "base_model_name_or_path",
    "r",
    "trainedWords",
    "baseModel",
    "model",
    "type",
    "civitai",
    "creator",
    "text_config",
    "sample_rate",
    "language",
    "code",
    "is_multilingual",
    "group_size",
    "max_position_embeddings",
    "vae",
    "auto_map",
    "ModelId",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.sampled_from(NAMES), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_any_json_is_taken_without_complaint(name: str, values: dict[str, object]) -> None:
    data = json.dumps(values).encode()
    for main in ("m.safetensors", "m.onnx"):
        read_beside([source(main, b""), source(name, data), source("model.bin", b"")], main)


@given(st.text(max_size=120))
def test_any_front_matter_is_taken_without_complaint(text: str) -> None:
    card(text)
