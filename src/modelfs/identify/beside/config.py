"""The configurations that libraries keep beside weights: transformers, diffusers, PEFT."""

from collections.abc import Mapping

from modelfs.identify.beside.said import Relation, Said
from modelfs.identify.beside.values import Values, inner, number, read_json, text, texts
from modelfs.types import FactValue, SourceFile

_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")


def read_config(files: Mapping[str, SourceFile]) -> Said:
    """Return what the configurations at the top of a folder say."""
    config = read_json(files.get("config.json"))
    index = read_json(files.get("model_index.json"))
    adapter = read_json(files.get("adapter_config.json"))
    class_name = _class(files, config, index)
    quant, group = _quant(config)
    details = _details(config, index, adapter, class_name)
    if group:
        details["group_size"] = group
    relation: Relation | None = "adapter" if adapter else None
    reasons = [f"config: {class_name}"] if class_name else []
    return Said(
        class_name=class_name,
        is_diffusers="_class_name" in config or bool(index),
        model_type=text(config, "model_type"),
        quant=quant,
        base_model=text(adapter, "base_model_name_or_path"),
        relation=relation,
        details=details,
        reasons=tuple(reasons),
    )


def _class(files: Mapping[str, SourceFile], config: Values, index: Values) -> str | None:
    declared = text(read_json(files.get("config_sentence_transformers.json")), "model_type")
    if declared == "CrossEncoder":
        return declared
    named = text(index, "_class_name") or text(config, "_class_name")
    return named or next(iter(texts(config.get("architectures"))), None)


def _details(
    config: Values, index: Values, adapter: Values, class_name: str | None
) -> dict[str, FactValue]:
    nested = inner(config, "text_config", "llm_config", "language_config")
    found: dict[str, FactValue | None] = {
        "class_name": class_name,
        "context_length": number(config, *_CONTEXT_KEYS) or number(nested, *_CONTEXT_KEYS),
        "embedding_length": number(config, "hidden_size", "d_model"),
        "block_count": number(config, "num_hidden_layers", "n_layer"),
        "expert_count": number(config, "num_local_experts", "num_experts", "n_routed_experts"),
        "adapter_type": text(adapter, "peft_type"),
        "rank": number(adapter, "r"),
        "alpha": number(adapter, "lora_alpha"),
        "dtype": text(config, "dtype", "torch_dtype"),
        "components": _components(index),
    }
    if isinstance(config.get("auto_map"), dict):
        found["needs_remote_code"] = True
    return {name: value for name, value in found.items() if value}


def _components(index: Values) -> tuple[str, ...]:
    """Return the parts of a diffusers pipeline with their classes: ``vae: AutoencoderKL``."""
    parts = ((name, value) for name, value in index.items() if not name.startswith("_"))
    return tuple(
        f"{name}: {classes[1]}" for name, value in parts if len(classes := texts(value)) == 2
    )[:16]


def _quant(config: Values) -> tuple[str | None, int | None]:
    """Return the method by which weights were packed, with its bits, and how many share a scale."""
    declared = inner(config, "quantization_config")
    plain = inner(config, "quantization")
    if not declared and not plain:
        return None, None
    declared = declared or plain
    method = text(declared, "quant_method", "quant_algo") or text(plain, "quant_algo")
    if method is None and "group_size" in declared:
        method = "mlx"
    group = number(declared, "group_size")
    return (_label(method.lower(), declared), group) if method else (None, group)


def _label(method: str, declared: Values) -> str:
    if method == "bitsandbytes":
        if declared.get("load_in_8bit") is True:
            return "bnb-int8"
        return f"bnb-{text(declared, 'bnb_4bit_quant_type') or '4bit'}"
    if method == "compressed-tensors":
        return text(declared, "format") or method
    bits = number(declared, "bits", "w_bit", "nbits")
    return f"{method}-{bits}bit" if bits and bits <= 16 else method
