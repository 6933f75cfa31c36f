"""What the small JSON files beside the weights say: class, model type, base model, quantisation.

Written by strangers, as headers are: bounded in size, and each value checked for its type.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modelfs.identify.reading import plain_text
from modelfs.types import FactValue, SourceFile

MAX_JSON_BYTES = 4 * 1024 * 1024
_CONFIGS = ("model_index.json", "adapter_config.json", "config.json")
_CROSS_ENCODER_CONFIG = "config_sentence_transformers.json"


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """The facts that a folder's own files give; ``None`` and empty where they are silent."""

    class_name: str | None = None
    is_diffusers: bool = False
    model_type: str | None = None
    quant: str | None = None
    base_model: str | None = None
    details: Mapping[str, FactValue] = field(default_factory=dict)


def read_folder(files: Sequence[SourceFile]) -> FolderFacts:
    """Return what the configuration files at the top of a folder say; never raises on bad ones."""
    by_path = {file.path: file for file in files}
    merged: dict[str, object] = {}
    for name in reversed(_CONFIGS):
        if name in by_path:
            merged |= read_json(by_path[name])
    class_name = _text(merged, "_class_name") or _first(merged.get("architectures"))
    if _CROSS_ENCODER_CONFIG in by_path:
        declared = _text(read_json(by_path[_CROSS_ENCODER_CONFIG]), "model_type")
        class_name = "CrossEncoder" if declared == "CrossEncoder" else class_name
    return FolderFacts(
        class_name=class_name,
        is_diffusers="_class_name" in merged,
        model_type=_text(merged, "model_type"),
        quant=_quant(merged),
        base_model=_text(merged, "base_model_name_or_path"),
        details=_details(merged, class_name),
    )


def read_json(file: SourceFile) -> dict[str, object]:
    """Return the JSON object in a file; anything else, or too much of it, gives an empty one."""
    if file.size_bytes > MAX_JSON_BYTES:
        return {}
    with file.open() as handle:
        text = handle.read(MAX_JSON_BYTES)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _details(config: Mapping[str, object], class_name: str | None) -> dict[str, FactValue]:
    details: dict[str, FactValue] = {}
    for name, text in (("class_name", class_name), ("adapter_type", _text(config, "peft_type"))):
        if text:
            details[name] = text
    for name, key in (("context_length", "max_position_embeddings"), ("rank", "r")):
        value = config.get(key)
        if type(value) is int and 0 < value < 2**63:
            details[name] = value
    if isinstance(config.get("auto_map"), dict):
        details["needs_remote_code"] = True
    return details


def _quant(config: Mapping[str, object]) -> str | None:
    """Return the method that ``quantization_config`` names, with its bits when it says them."""
    declared = config.get("quantization_config") or config.get("quantization")
    if not isinstance(declared, dict):
        return None
    method = _text(declared, "quant_method") or ("mlx" if "group_size" in declared else None)
    bits = declared.get("bits")
    if method is None or type(bits) is not int or not 1 <= bits <= 16:
        return method
    return f"{method}-{bits}bit"


def _text(values: Mapping[str, object], key: str) -> str | None:
    value = values.get(key)
    return plain_text(value) if isinstance(value, str) and value else None


def _first(value: object) -> str | None:
    if isinstance(value, list) and value and isinstance(value[0], str):
        return plain_text(value[0])
    return None
