"""Read the header of a GGUF file: a bounded walk that never touches tensor data.

The walk must pass the vocabulary arrays: quantising tools append ``general.file_type`` behind
them. Every length is checked against the bytes left before it is believed. The layout is that of
ggml/docs/gguf.md, the limits are at or below those that llama.cpp enforces.
"""

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from math import prod
from typing import BinaryIO

from modelfs.identify.readers.cursor import MAX_HEADER_BYTES, Cursor, OutOfBytes
from modelfs.identify.reading import (
    MAX_KEPT_TENSORS,
    MAX_NUMBER,
    Reading,
    Tensor,
    plain_text,
    truncated,
)
from modelfs.identify.tables import load_table
from modelfs.identify.weighing import histogram
from modelfs.types import Facts, FactValue

MAGIC = b"GGUF"
MAX_KEYS = 65_536
MAX_TENSORS = 1_000_000
MAX_DIMENSIONS = 8
MAX_NAME_BYTES = 65_535
MAX_KEPT_STRING_BYTES = 4096
"""Longer values (chat templates, images) are passed over: no fact is made of them."""
MAX_KEPT_ARRAY = 64
"""Languages and tags; longer arrays are vocabularies."""

_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9

Scalar = str | int | float | bool


class _Implausible(Exception):
    """The header contradicts the format; the message says how."""


@dataclass(slots=True)
class _Header:
    """What the walk has collected so far; kept when the walk stops early."""

    version: int = 0
    tensor_count: int = 0
    values: dict[str, Scalar] = field(default_factory=dict)
    arrays: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    parameters: int = 0
    bytes_by_type: Counter[str] = field(default_factory=Counter)
    unknown_types: set[int] = field(default_factory=set)
    data_bytes: int = 0
    """From the start of the data section to the end of the last tensor of a known type."""
    end: int = 0


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what a GGUF header says, or ``None`` when the file is not GGUF.

    A header that is cut short or contradicts itself gives what was read before, and a warning.
    """
    if not head.startswith(MAGIC):
        return None
    header, warnings = _Header(), list[str]()
    cursor = Cursor(handle, size_bytes, _byte_order(head))
    try:
        _walk(cursor, header)
        warnings += _data_warnings(header, size_bytes)
    except OutOfBytes:
        if not 1 <= header.version <= 99:
            return None
        reason = "the file ends" if size_bytes <= MAX_HEADER_BYTES else "64 MiB pass"
        warnings.append(f"truncated: {reason} before the GGUF header is complete")
    except _Implausible as problem:
        if not 1 <= header.version <= 99:
            return None
        warnings.append(f"damaged GGUF header: {problem}")
    return _reading(header, warnings)


def _byte_order(head: bytes) -> str:
    """A little-endian reading of a big-endian version has its low half empty."""
    return ">" if head[4:6] == b"\0\0" and head[6:8] != b"\0\0" else "<"


def _walk(cursor: Cursor, header: _Header) -> None:
    cursor.skip(len(MAGIC))
    header.version = cursor.number("I")
    if header.version not in (2, 3):
        raise _Implausible(f"version {header.version} is not known")
    tensor_count, key_count = cursor.number("Q"), cursor.number("Q")
    if tensor_count > MAX_TENSORS or key_count > MAX_KEYS:
        raise _Implausible(f"it claims {tensor_count} tensors and {key_count} keys")
    header.tensor_count = tensor_count
    for _ in range(key_count):
        _walk_key(cursor, header)
    for _ in range(tensor_count):
        _walk_tensor(cursor, header)
    header.end = cursor.position


def _walk_key(cursor: Cursor, header: _Header) -> None:
    key = cursor.text(MAX_NAME_BYTES)
    if not key:
        raise _Implausible("a key is empty or too long")
    type_number = cursor.number("I")
    if type_number == _STRING:
        text = cursor.text(MAX_KEPT_STRING_BYTES)
        header.values[key] = plain_text(text) if text is not None else ""
    elif type_number == _ARRAY:
        _walk_array(cursor, header, key)
    elif type_number in _SCALARS:
        header.values[key] = cursor.scalar(_SCALARS[type_number])
    else:
        raise _Implausible(f"value type {type_number} does not exist")


def _walk_array(cursor: Cursor, header: _Header, key: str) -> None:
    element_type, count = cursor.number("I"), cursor.number("Q")
    if element_type == _STRING and count <= MAX_KEPT_ARRAY and not key.startswith("tokenizer."):
        texts = (cursor.text(MAX_KEPT_STRING_BYTES) for _ in range(count))
        header.arrays[key] = tuple(plain_text(text) for text in texts if text is not None)
    elif element_type == _STRING:
        cursor.skip_strings(count)
    elif element_type in _SCALARS:
        cursor.skip(count * struct.calcsize("<" + _SCALARS[element_type]))
    else:
        raise _Implausible(f"an array of type {element_type}")


def _walk_tensor(cursor: Cursor, header: _Header) -> None:
    name = cursor.text(MAX_NAME_BYTES)
    dimension_count = cursor.number("I")
    if name is None or dimension_count > MAX_DIMENSIONS:
        raise _Implausible("a tensor with too long a name or too many dimensions")
    dimensions = tuple(cursor.number("Q") for _ in range(dimension_count))
    type_number, offset = cursor.number("I"), cursor.number("Q")
    elements = prod(dimensions)
    header.parameters += elements
    known = _tensor_types().get(type_number)
    label = known[0] if known else f"type#{type_number}"
    if len(header.tensors) < MAX_KEPT_TENSORS:
        # ggml writes the innermost dimension first.
        header.tensors[name] = Tensor(label, dimensions[::-1])
    if known is None:
        header.unknown_types.add(type_number)
        return
    _, block_elements, block_bytes = known
    size_bytes = -(-elements // block_elements) * block_bytes
    header.bytes_by_type[label] += size_bytes
    header.data_bytes = max(header.data_bytes, offset + size_bytes)


@cache
def _tensor_types() -> Mapping[int, tuple[str, int, int]]:
    rows = load_table("gguf")["tensor_types"]
    return {int(number): (row[0], row[1], row[2]) for number, row in rows.items()}


def _data_start(header: _Header) -> int | None:
    alignment = header.values.get("general.alignment", 32)
    if not header.end or not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20:
        return None
    return -(-header.end // alignment) * alignment


def _data_warnings(header: _Header, size_bytes: int) -> list[str]:
    warnings = [f"tensor type {number} is not known" for number in sorted(header.unknown_types)]
    start = _data_start(header)
    if start is None:
        return [*warnings, "damaged GGUF header: implausible alignment"]
    if header.data_bytes and start + header.data_bytes > size_bytes:
        warnings.append(truncated(start + header.data_bytes, size_bytes))
    return warnings


def _reading(header: _Header, warnings: list[str]) -> Reading:
    values = header.values
    architecture = _text(values, "general.architecture")
    return Reading(
        facts=Facts(
            format="gguf",
            architecture=architecture,
            quant=_quant(header),
            parameters=header.parameters if 0 < header.parameters <= MAX_NUMBER else None,
            base_model=_text(values, "general.base_model.0.name"),
            details=_details(header, architecture),
            reasons=(f"GGUF version {header.version}",),
            warnings=tuple(warnings),
        ),
        kind=_kind(values, architecture, header.tensor_count),
        tensors=header.tensors,
        metadata={key: str(value) for key, value in values.items() if key.startswith("general.")},
        is_delta=values.get("general.type") == "adapter" or "adapter.type" in values,
        data_start=None if warnings else _data_start(header),
    )


def _quant(header: _Header) -> str | None:
    """Return the file type's label if any tensor bears it out, else the heaviest tensors' type.

    Some converters of image models write a tensor type there, forks their own numbers, or nothing.
    """
    label = _file_type_label(header.values.get("general.file_type"))
    types = header.bytes_by_type
    if label and (not types or any(name.startswith(label.partition("_")[0]) for name in types)):
        return label
    common = types.most_common(1)
    return common[0][0] if common else label


_POOLING_KINDS = {1: "embedding", 2: "embedding", 3: "embedding", 4: "reranker"}
"""llama.cpp's pooling types: mean, first token, last token, rank."""


def _kind(values: Mapping[str, Scalar], architecture: str | None, tensor_count: int) -> str:
    """Return what the keys amount to, or ``general.type`` where they do not say more."""
    if any(key.startswith(("clip.has_", "clip.projector_type")) for key in values):
        return "mmproj"
    if tensor_count == 0 and "tokenizer.ggml.model" in values:
        return "vocabulary"
    if any(key.startswith("imatrix.") for key in values):
        return "imatrix"
    pooling = values.get(f"{architecture}.pooling_type")
    if isinstance(pooling, int) and pooling in _POOLING_KINDS:
        return _POOLING_KINDS[pooling]
    return _text(values, "general.type") or ""


_DETAIL_KEYS = {
    "type": "general.type",
    "name": "general.name",
    "basename": "general.basename",
    "finetune": "general.finetune",
    "size_label": "general.size_label",
    "version": "general.version",
    "author": "general.organization",
    "quantized_by": "general.quantized_by",
    "license": "general.license",
    "file_type": "general.file_type",
    "tokenizer": "tokenizer.ggml.model",
    "split_count": "split.count",
    "license_link": "general.license.link",
    "model_page": "general.repo_url",
    "base_model_page": "general.base_model.0.repo_url",
    "projector": "clip.projector_type",
    "projection_length": "clip.vision.projection_dim",
    "alpha": "adapter.lora.alpha",
}
_ARCHITECTURE_KEYS = (
    "context_length",
    "embedding_length",
    "block_count",
    "pooling_type",
    "expert_count",
    "expert_used_count",
)


def _details(header: _Header, architecture: str | None) -> dict[str, FactValue]:
    values = header.values
    wanted = {**_DETAIL_KEYS, **{name: f"{architecture}.{name}" for name in _ARCHITECTURE_KEYS}}
    details: dict[str, FactValue] = {
        name: values[key] for name, key in wanted.items() if _is_keepable(values.get(key))
    }
    languages = header.arrays.get("general.languages")
    if languages:
        details["languages"] = languages
    details["gguf_version"] = header.version
    details["tensor_count"] = header.tensor_count
    details["has_chat_template"] = "tokenizer.chat_template" in values
    total = header.bytes_by_type.total()
    if total and header.parameters and not header.unknown_types:
        details["bits_per_weight"] = round(total * 8 / header.parameters, 2)
    if total:
        details["tensor_types"] = histogram(header.bytes_by_type)
    return details


def _is_keepable(value: Scalar | None) -> bool:
    """Floats are left out: no wanted key is one, and NaN has no JSON."""
    return (
        bool(value)
        if isinstance(value, str)
        else (isinstance(value, int) and abs(value) <= MAX_NUMBER)
    )


def _text(values: Mapping[str, Scalar], key: str) -> str | None:
    value = values.get(key)
    return value if isinstance(value, str) and value else None


def _file_type_label(number: object) -> str | None:
    label = load_table("gguf")["file_types"].get(str(number))
    return str(label) if label is not None else None
