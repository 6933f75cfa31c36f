"""What file names tell."""

import pytest

from modelfs.identify import is_unfinished, quant_from_name
from modelfs.identify.names import is_junk, shard_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1"),
        ("mistral-7b-v0.1.Q5_K_M.gguf", "Q5_K_M"),
        ("Qwen3-30B-A3B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("model.i1-IQ2_XXS.gguf", "IQ2_XXS"),
        ("flux1-dev-Q8_0.gguf", "Q8_0"),
        ("flux1-schnell-q4_k_s.gguf", "Q4_K_S"),
        ("Llama-3.2-1B-Instruct-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("Qwen2.5-7B-Instruct-Q6_K-00001-of-00002.gguf", "Q6_K"),
        ("x-IQ4_NL.gguf", "IQ4_NL"),
        ("x.IQ3_M.gguf", "IQ3_M"),
        ("falcon-TQ1_0.gguf", "TQ1_0"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("gpt-oss-20b-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("Model-55IQ2_XXS-34Q2_K-11Q8_0.gguf", "IQ2_XXS"),
        ("Phi-3-mini-4k-instruct-q4.gguf", "Q4"),
        ("ggml-base.en-q5_1.bin", "Q5_1"),
        ("t5xxl_fp16.safetensors", "F16"),
        ("t5xxl_fp8_e4m3fn_scaled.safetensors", "fp8_e4m3fn_scaled"),
        ("wan2.1_t2v_14B_bf16.safetensors", "BF16"),
        ("flux1-dev-bnb-nf4-v2.safetensors", "nf4"),
        ("svdq-int4_r32-flux.1-dev.safetensors", "svdq-int4_r32"),
        ("model_q4f16.onnx", "q4f16"),
        ("model_int8.onnx", "int8"),
        ("gemma-3-4b-it-qat-4bit", "4bit"),
        ("gemma-unsloth-bnb-4bit", "bnb-4bit"),
        ("Llama-3-8B-GPTQ-Int4", "GPTQ-INT4"),
        ("Qwen2.5-7B-Instruct-AWQ", "AWQ"),
        ("Mistral-7B-exl2-4.0bpw", "exl2-4.0bpw"),
        ("foo-4.65bpw-h6-exl2", "4.65bpw-h6-exl2"),
        ("Llama-4-w4a16", "w4a16"),
        ("fp16-merge.Q4_K_M.gguf", "Q4_K_M"),
        ("Q4_K_M/readme.gguf", None),
        ("v1-5-pruned-emaonly.safetensors", None),
        ("sd_xl_base_1.0.safetensors", None),
        ("gpt2-iq.gguf", None),
        ("model.safetensors", None),
        ("", None),
    ],
)
def test_quantisation_is_read_from_a_name(name: str, expected: str | None) -> None:
    assert quant_from_name(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "model.gguf.incomplete",
        "sha256-" + "a" * 64 + "-partial",
        "sha256-" + "a" * 64 + "-partial-12",
        "sha256-123",
        "model.gguf.partial",
        "model.gguf.part",
        "folder/model.gguf.downloadInProgress",
        "x.tmp",
        "x.CRDOWNLOAD",
        "incomplete-x.gguf",
        "x.$$$",
        "x.gguf.aria2",
        ".model-download-77",
        "tmpinstall_x",
    ],
)
def test_unfinished_names(name: str) -> None:
    assert is_unfinished(name)


@pytest.mark.parametrize(
    "name", ["model.gguf", "sha256-" + "a" * 64, "x.gguf.part1of2", "partial.gguf", "part.bin"]
)
def test_finished_names(name: str) -> None:
    assert not is_unfinished(name)


def test_litter_is_known_by_folder_and_by_file() -> None:
    assert is_junk(".git/objects/ab/cd")
    assert is_junk("model/.cache/huggingface/x.metadata")
    assert is_junk("a/.DS_Store")
    assert not is_junk("a/model.gguf")


def test_shard_names_its_whole_set() -> None:
    shard = shard_of("a/m-00002-of-00003.safetensors")
    assert shard is not None
    assert shard.stem == "m"
    assert shard.names == tuple(f"a/m-0000{part}-of-00003.safetensors" for part in (1, 2, 3))
    assert shard.index == "a/m.safetensors.index.json"


@pytest.mark.parametrize(
    "name", ["m-00000-of-00003.gguf", "m-00004-of-00003.gguf", "m-00001-of-99999.gguf", "m.gguf"]
)
def test_impossible_shards_are_plain_files(name: str) -> None:
    assert shard_of(name) is None
