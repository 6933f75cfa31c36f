"""Read the JSON header of a safetensors file: parameters, dtype, and whether it is a delta.

The limits are those of the reference library (a header of 100 MB at most), which also wants the
tensors to fill the rest of the file exactly; here a difference is a warning, never a refusal.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import BinaryIO, TypeGuard

from modelfs.identify.reading import Reading, plain_text, truncated
from modelfs.identify.tables import load_table
from modelfs.types import Facts, FactValue

MAX_HEADER_BYTES = 100_000_000
MAX_PARSED_BYTES = 25_000_000
"""The hub's own limit for a remote header; 3000 tensors take 0.4 MB."""
MAX_TENSORS = 1_000_000
MAX_KEPT_NAMES = 20_000
MAX_NUMBER = 2**63 - 1

_METADATA_KEYS = {
    "metadata_format": "format",
    "modelspec_architecture": "modelspec.architecture",
    "title": "modelspec.title",
    "author": "modelspec.author",
    "license": "modelspec.license",
    "base_model_version": "ss_base_model_version",
    "network_module": "ss_network_module",
    "network_dim": "ss_network_dim",
}


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what a safetensors header says, or ``None`` when the file is not safetensors.

    The magic is weak (a plausible length, then an opening brace), so a file counts only when the
    header also parses, or when it is merely cut off inside one that begins like a header.
    """
    header_bytes = int.from_bytes(head[:8], "little")
    if not 2 <= header_bytes <= MAX_HEADER_BYTES or not head[8:].lstrip(b" ").startswith(b"{"):
        return None
    if 8 + header_bytes > size_bytes:
        return _unread(head, truncated(8 + header_bytes, size_bytes))
    if header_bytes > MAX_PARSED_BYTES:
        return _unread(head, f"the header of {header_bytes} bytes is too large to read")
    handle.seek(8)
    header = handle.read(header_bytes)
    if header.count(b"{") + header.count(b"[") > 4 * MAX_TENSORS:
        return _unread(head, "the header names more tensors than can be read")
    try:
        entries = json.loads(header)
    except (ValueError, RecursionError):
        return _unread(head, "damaged safetensors header: not JSON")
    if not isinstance(entries, dict):
        return None
    metadata = entries.pop("__metadata__", {})
    return _reading(entries, metadata, 8 + header_bytes, size_bytes)


def _unread(head: bytes, warning: str) -> Reading | None:
    """Without its whole header a file counts only if it begins as no other file does."""
    if not any(mark in head for mark in (b'"dtype"', b'"__metadata__"', b'"data_offsets"')):
        return None
    return Reading(Facts(format="safetensors", warnings=(warning,)))


def _reading(
    entries: Mapping[str, object], metadata: object, data_start: int, size_bytes: int
) -> Reading | None:
    elements: dict[str, int] = {}
    bytes_by_dtype: Counter[str] = Counter()
    data_end, damaged = 0, 0
    for name, entry in entries.items():
        tensor = _tensor(entry)
        if tensor is None:
            damaged += 1
            continue
        dtype, elements[name], start, end = tensor
        bytes_by_dtype[dtype] += end - start
        data_end = max(data_end, end)
    if damaged and not elements and not any(_is_entry(entry) for entry in entries.values()):
        return None
    names = tuple(elements)
    parameters = sum(elements.values())
    return Reading(
        facts=Facts(
            format="safetensors",
            quant=_packing(names) or _largest(bytes_by_dtype),
            parameters=parameters if 0 < parameters <= MAX_NUMBER else None,
            details=_details(metadata, bytes_by_dtype, len(names)),
            reasons=("safetensors header",),
            warnings=_warnings(damaged, data_start + data_end, size_bytes),
        ),
        tensor_names=names[:MAX_KEPT_NAMES],
        is_delta=is_delta(names),
    )


def _is_entry(entry: object) -> TypeGuard[dict[str, object]]:
    return isinstance(entry, dict) and {"dtype", "shape", "data_offsets"} <= entry.keys()


def _tensor(entry: object) -> tuple[str, int, int, int] | None:
    """Return dtype, element count and data offsets, or ``None`` when they make no sense."""
    if not _is_entry(entry):
        return None
    dtype, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or not _are_counts(shape) or not _are_counts(offsets):
        return None
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        return None
    elements = prod(shape)
    bits = load_table("safetensors")["bits"].get(dtype)
    if bits is not None and elements * bits != 8 * (offsets[1] - offsets[0]):
        return None
    return plain_text(dtype, 32), elements, offsets[0], offsets[1]


def _are_counts(value: object) -> TypeGuard[list[int]]:
    return (
        isinstance(value, list)
        and len(value) <= 64
        and all(type(number) is int and 0 <= number <= MAX_NUMBER for number in value)
    )


def _warnings(damaged: int, promised_bytes: int, size_bytes: int) -> tuple[str, ...]:
    warnings = []
    if damaged:
        warnings.append(f"damaged safetensors header: {damaged} entries make no sense")
    if promised_bytes > size_bytes:
        warnings.append(truncated(promised_bytes, size_bytes))
    elif promised_bytes < size_bytes:
        warnings.append(f"{size_bytes - promised_bytes} bytes follow the last tensor")
    return tuple(warnings)


def _details(
    metadata: object, bytes_by_dtype: Counter[str], tensor_count: int
) -> dict[str, FactValue]:
    details: dict[str, FactValue] = {"tensor_count": tensor_count}
    total = bytes_by_dtype.total()
    if total:
        details["tensor_types"] = tuple(
            f"{label} {100 * part / total:.0f}%" for label, part in bytes_by_dtype.most_common(8)
        )
    for name, key in _METADATA_KEYS.items():
        value = metadata.get(key) if isinstance(metadata, dict) else None
        if isinstance(value, str) and value:
            details[name] = plain_text(value)
    return details


def _largest(bytes_by_dtype: Counter[str]) -> str | None:
    return bytes_by_dtype.most_common(1)[0][0] if bytes_by_dtype else None


def _packing(names: Sequence[str]) -> str | None:
    for row in load_table("safetensors")["packing"]:
        if any(name.endswith(row["suffix"]) for name in names):
            return str(row["label"])
    return None


def is_delta(names: Iterable[str]) -> bool:
    """Tell whether most tensors are differences to another model (LoRA, LoHa, LoKr, …).

    A majority, because some full models were saved with a few such keys left in them.
    """
    table = load_table("safetensors")["delta"]
    prefixes, suffixes = tuple(table["prefixes"]), tuple(table["suffixes"])
    delta, total = 0, 0
    for name in names:
        total += 1
        delta += (
            name.startswith(prefixes)
            or name.endswith(suffixes)
            or any(part in name for part in table["contains"])
        )
    return delta * 2 > total
