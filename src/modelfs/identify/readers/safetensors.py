"""Read the JSON header of a safetensors file: its tensors and what it says of itself.

The limits are those of the reference library (a header of 100 MB at most), which also wants the
tensors to fill the rest of the file exactly; here a difference is a warning, never a refusal.
"""

import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from math import prod
from typing import BinaryIO, TypeGuard

from modelfs.identify.reading import (
    MAX_KEPT_TENSORS,
    MAX_NUMBER,
    Reading,
    Tensor,
    plain_text,
    truncated,
)
from modelfs.identify.tables import load_table
from modelfs.identify.weighing import Weight, weighed
from modelfs.types import Facts

MAX_HEADER_BYTES = 100_000_000
MAX_PARSED_BYTES = 25_000_000
"""The hub's own limit for a remote header; 3000 tensors take 0.4 MB."""
MAX_TENSORS = 1_000_000
MAX_METADATA_CHARS = 1_000_000
"""Training tools keep the tags of whole data sets here; the rest is pictures."""


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


def data_start(head: bytes, size_bytes: int) -> int | None:
    """Return where the tensors begin, from a file's first nine bytes; ``None`` if it is not one."""
    header_bytes = int.from_bytes(head[:8], "little")
    if head[8:9] not in (b"{", b" ") or not 2 <= header_bytes <= MAX_HEADER_BYTES:
        return None
    return 8 + header_bytes if 8 + header_bytes <= size_bytes else None


def _unread(head: bytes, warning: str) -> Reading | None:
    """Without its whole header a file counts only if it begins as no other file does."""
    if not any(mark in head for mark in (b'"dtype"', b'"__metadata__"', b'"data_offsets"')):
        return None
    return Reading(Facts(format="safetensors", warnings=(warning,)))


def _reading(
    entries: Mapping[str, object], metadata: object, data_start: int, size_bytes: int
) -> Reading | None:
    elements: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    tensors: dict[str, Tensor] = {}
    data_end, damaged = 0, 0
    for name, entry in entries.items():
        tensor = _tensor(entry)
        if tensor is None:
            damaged += 1
            continue
        dtype, shape, start, end = tensor
        elements[dtype] += prod(shape)
        sizes[dtype] += end - start
        if end > data_end:
            data_end = end
        if len(tensors) < MAX_KEPT_TENSORS:
            tensors[name] = Tensor(dtype, shape)
    if damaged and not sizes and not any(_is_entry(entry) for entry in entries.values()):
        return None
    return Reading(
        facts=weighed(
            Facts(
                format="safetensors",
                reasons=("safetensors header",),
                warnings=_warnings(damaged, data_start + data_end, size_bytes),
            ),
            (Weight(dtype, elements[dtype], size) for dtype, size in sizes.items()),
            tensor_count=len(entries) - damaged,
        ),
        tensors=tensors,
        metadata=_texts(metadata),
        data_start=data_start if data_start + data_end <= size_bytes else None,
    )


def _is_entry(entry: object) -> TypeGuard[dict[str, object]]:
    return isinstance(entry, dict) and {"dtype", "shape", "data_offsets"} <= entry.keys()


def _tensor(entry: object) -> tuple[str, tuple[int, ...], int, int] | None:
    """Return dtype, shape and data offsets, or ``None`` when they make no sense."""
    # This runs for each of thousands of tensors: the checks are those that C does at once.
    if not _is_entry(entry):
        return None
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or not _are_counts(shape) or not _are_counts(offsets):
        return None
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        return None
    bits = _bits().get(dtype)
    if bits is None:
        dtype = plain_text(dtype, 32)
    elif prod(shape) * bits != 8 * (offsets[1] - offsets[0]):
        return None
    return dtype, tuple(shape), offsets[0], offsets[1]


_WHOLE = {int}
"""``True`` is no number here."""


def _are_counts(value: object) -> TypeGuard[list[int]]:
    if not isinstance(value, list) or len(value) > 64 or not set(map(type, value)) <= _WHOLE:
        return False
    return not value or (min(value) >= 0 and max(value) <= MAX_NUMBER)


@cache
def _bits() -> dict[str, int]:
    bits: dict[str, int] = load_table("safetensors")["bits"]
    return bits


def _warnings(damaged: int, promised_bytes: int, size_bytes: int) -> tuple[str, ...]:
    warnings = []
    if damaged:
        warnings.append(f"damaged safetensors header: {damaged} entries make no sense")
    if promised_bytes > size_bytes:
        warnings.append(truncated(promised_bytes, size_bytes))
    elif promised_bytes < size_bytes:
        warnings.append(f"{size_bytes - promised_bytes} bytes follow the last tensor")
    return tuple(warnings)


def _texts(metadata: object) -> dict[str, str]:
    if not isinstance(metadata, dict):
        return {}
    return {
        key: value
        for key, value in metadata.items()
        if isinstance(value, str) and len(value) <= MAX_METADATA_CHARS
    }
