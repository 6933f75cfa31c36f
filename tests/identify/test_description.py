"""The door of the room: facts of whole models, tags, and the files beside the weights."""

import subprocess
import sys
from pathlib import Path

import pytest

from modelfs.identify import identify
from modelfs.types import SourceFile

from .builders import folder, gguf, legacy_torch, safetensors, source


def test_facts_tags_and_reason_travel_together() -> None:
    data = gguf({"general.architecture": "llama", "general.file_type": 15})
    found = identify([source("m.gguf", data)])
    assert found.auto_tags == ("gguf", "q4_k_m")
    assert found.reason in found.facts.reasons


def test_name_of_a_quantisation_wins_over_the_header() -> None:
    data = gguf({"general.architecture": "llama", "general.file_type": 15})
    assert identify([source("m-UD-Q4_K_XL.gguf", data)]).facts.quant == "UD-Q4_K_XL"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("m-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("m-Q8_0.gguf", "Q4_K_M"),  # a wrong name
        ("m-F16.gguf", "Q4_K_M"),  # a name of what it was made from
        ("m.gguf", "Q4_K_M"),
    ],
)
def test_name_of_a_quantisation_is_believed_where_tensors_bear_it_out(
    name: str, expected: str
) -> None:
    tensors = [("blk.0.ffn_up.weight", (256, 256), 12), ("output.weight", (256, 64), 14)]
    data = gguf({"general.architecture": "llama", "general.file_type": 15}, tensors)
    assert identify([source(name, data)]).facts.quant == expected


def test_unknown_bytes_believe_no_name() -> None:
    found = identify([source("m-Q4_K_M.gguf", b"not a model")])
    assert found.facts.format == "unknown"
    assert found.facts.quant is None
    assert found.auto_tags == ()
    assert found.category == "other/unsorted"


def test_parameters_of_shards_add_up() -> None:
    files = [
        source(f"m-0000{part}-of-00002.safetensors", safetensors({f"w{part}": (10, part)}))
        for part in (1, 2)
    ]
    assert identify(files).facts.parameters == 30
    one = identify(files[:1]).facts
    assert one.parameters is None
    assert one.warnings == ("1 of 2 parts are missing",)


def test_folder_takes_facts_from_its_config() -> None:
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "max_position_embeddings": 8192,
        "quantization_config": {"quant_method": "awq", "bits": 4},
        "auto_map": {"AutoModel": "x.Y"},
    }
    files = folder({"config.json": config, "model.safetensors": safetensors({"w": (2, 3)})})
    found = identify(files)
    assert found.facts.architecture == "llama"
    assert found.facts.quant == "awq-4bit"
    assert found.facts.parameters == 6
    assert found.facts.details["context_length"] == 8192
    assert found.facts.details["needs_remote_code"] is True
    assert found.facts.details["weights_format"] == "safetensors"
    assert found.auto_tags == ("transformers", "safetensors", "awq-4bit")


def test_adapter_folder_names_its_base() -> None:
    config = {"peft_type": "LORA", "base_model_name_or_path": "org/base", "r": 8}
    files = folder(
        {"adapter_config.json": config, "adapter_model.safetensors": safetensors({"w": (2,)})}
    )
    facts = identify(files).facts
    assert facts.base_model == "org/base"
    assert facts.details["rank"] == 8


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"{",
        b"[1]",
        b"[" * 100_000,
        b'{"architectures": 3, "model_type": [], "quantization_config": 1}',
        b'{"architectures": [], "max_position_embeddings": "x", "_class_name": {}}',
        b'{"quantization_config": {"quant_method": "a/b,c+d", "bits": 1e400}}',
        b"\xff\xfe",
    ],
)
def test_bad_config_never_raises(config: bytes) -> None:
    files = [source("config.json", config), source("m.safetensors", safetensors({"w": (2,)}))]
    found = identify(files)
    assert not any(letter in tag for tag in found.auto_tags for letter in "/+,~")


def test_main_weights_are_preferred_over_other_formats_of_the_same_model() -> None:
    files = folder(
        {
            "config.json": {},
            "pytorch_model.bin": legacy_torch(),
            "model.safetensors": safetensors({"w": (7,)}),
        }
    )
    assert identify(files).facts.parameters == 7


def test_no_files_is_unknown() -> None:
    assert identify([]).facts.format == "unknown"


def test_missing_file_is_an_os_error(tmp_path: Path) -> None:
    gone = tmp_path / "gone.gguf"
    with pytest.raises(FileNotFoundError):
        identify([SourceFile("gone.gguf", 3, lambda: gone.open("rb"))])


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys, modelfs.identify;"
        "heavy = {'zipfile', 'numpy', 'torch', 'sqlite3', 'apsw'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
