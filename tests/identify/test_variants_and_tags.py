"""Which models are one model in several forms, how large people call it, and what tags follow."""

import pytest

from modelfs.identify import identify
from modelfs.identify.variants import family_key, same_name, size_label
from modelfs.types import Facts

from .builders import folder, gguf, safetensors, source

LLM = "language/llm"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SmolLM2-135M-Instruct.Q4_1", "SmolLM2-135M-Instruct-Q8_0"),
        ("SmolLM2-135M-Instruct-f16", "smollm2-135m-instruct"),
        ("Qwen3-8B-UD-Q4_K_XL", "Qwen3-8B-GGUF"),
        ("flux1-dev-fp8", "flux1-dev-Q4_K_S"),
        ("Mistral-7B-v0.3-Q6_K-00001-of-00002.gguf", "Mistral-7B-v0.3-AWQ"),
        ("model.fp16", "model"),
    ],
)
def test_forms_of_one_model_have_one_family(one: str, other: str) -> None:
    assert family_key(Facts("safetensors"), one, LLM) == family_key(
        Facts("safetensors"), other, LLM
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Qwen3-8B-Q4_K_M", "Qwen3-14B-Q4_K_M"),
        ("Llama-3.1-8B-Instruct", "Llama-3.1-8B"),
        ("Mistral-7B-v0.2", "Mistral-7B-v0.3"),
        ("flux1-dev-fp8", "flux1-schnell-fp8"),
    ],
)
def test_other_models_have_other_families(one: str, other: str) -> None:
    assert family_key(Facts("safetensors"), one, LLM) != family_key(
        Facts("safetensors"), other, LLM
    )


def test_a_header_that_says_it_in_so_many_words_stands_over_the_name() -> None:
    details = {"basename": "SmolLM2", "size_label": "135M", "finetune": "Instruct"}
    said = family_key(Facts("gguf", details=details), "whatever-Q4_0", LLM)
    assert said == family_key(Facts("safetensors"), "SmolLM2-135M-Instruct-Q8_0", LLM)


def test_a_projector_belongs_to_the_family_of_its_model() -> None:
    projector = family_key(Facts("safetensors"), "mmproj-gemma-3-4b-it-f16", "language/projector")
    assert projector == family_key(Facts("safetensors"), "gemma-3-4b-it-Q4_K_M", LLM)


def test_models_of_other_categories_are_no_family() -> None:
    assert family_key(Facts("safetensors"), "anime", "image/lora") != family_key(
        Facts("safetensors"), "anime", "image/vae"
    )


def test_a_name_that_tells_nothing_has_no_family() -> None:
    assert family_key(Facts("safetensors"), "model-fp16", LLM) is None


@pytest.mark.parametrize(
    ("name", "parameters", "label"),
    [
        ("Llama-3.1-8B-Instruct", 8_030_261_248, "8b"),
        ("Qwen2.5-7B", 7_615_616_512, "7b"),
        ("Mixtral-8x7B", 46_702_792_704, "8x7b"),
        ("Qwen3-30B-A3B", 30_532_122_624, "30b-a3b"),
        ("SmolLM2-135M", 134_515_008, "135m"),
        ("gemma-3n-E4B", 7_849_978_192, "e4b"),
        ("unnamed", 1_235_814_400, "1.2b"),
        ("model-128k-70B", 8_000_000_000, "8b"),
        ("v2.5B", None, None),
        ("named-13B", None, "13b"),
    ],
)
def test_sizes_are_called_as_people_call_them(
    name: str, parameters: int | None, label: str | None
) -> None:
    assert size_label(Facts(parameters=parameters), name) == label


def test_names_are_compared_without_their_form() -> None:
    assert same_name("Qwen3 8B", "qwen3-8b-GGUF")
    assert not same_name("Qwen3 8B Instruct", "Qwen3 8B")


def test_a_gguf_trained_further_than_its_base_is_a_fine_tune() -> None:
    keys = {
        "general.architecture": "llama",
        "general.name": "Hermes 3",
        "general.base_model.0.name": "Llama 3.1",
    }
    found = identify([source("m.gguf", gguf(keys))])
    assert found.facts.details["relation"] == "finetune"
    assert "fine-tune" in found.auto_tags
    same = {**keys, "general.name": "Llama 3.1"}
    assert identify([source("m.gguf", gguf(same))]).facts.details["relation"] == "quantized"


def test_tags_say_what_people_filter_by() -> None:
    card = b"---\nbase_model: a/b\nlanguage: [en, de]\n---\n"
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    weights = safetensors({"w": (1000, 1000)})
    found = identify(folder({"config.json": config, "README.md": card, "m.safetensors": weights}))
    assert {"transformers", "safetensors", "f16", "1m", "fine-tune", "multilingual"} <= set(
        found.auto_tags
    )


def test_a_pickle_that_would_run_code_is_tagged() -> None:
    found = identify([source("m.pt", b"\x80\x02cos\nsystem\n(S'x'\ntR.")])
    assert "runs-code" in found.auto_tags
    assert found.facts.details["pickle_verdict"] == "would run code when loaded: os.system"


def test_every_pickle_of_a_folder_is_looked_into() -> None:
    files = folder({"config.json": {}, "model.safetensors": safetensors({"w": (2,)})})
    files.append(source("training_args.bin", b"\x80\x02cos\nsystem\n(S'x'\ntR."))
    verdict = identify(files).facts.details["pickle_verdict"]
    assert verdict == "would run code when loaded: os.system in training_args.bin"
