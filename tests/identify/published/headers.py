"""Tensors written as lines, and files made of them that have a true header and a hole for weights.

A line is a name with ``{0-18}`` or ``{0,2,5}`` for the numbers in it, then the shape, then the type
where it is not the section's: ``double_blocks.{0-18}.img_attn.qkv.weight 9216,3072 F32``. A section
begins with ``[name] TYPE``, and may take in others under a prefix: ``+ model. flux1``.
"""

import json
import os
import re
import struct
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from pathlib import Path

Tensors = dict[str, tuple[str, tuple[int, ...]]]

WIDTHS = {
    "F64": 8,
    "F32": 4,
    "I32": 4,
    "U32": 4,
    "F16": 2,
    "BF16": 2,
    "F8_E4M3": 1,
    "U8": 1,
    "I8": 1,
    "I64": 8,
}
_RANGE = re.compile(r"\{([^}]*)\}")
_SECTION = re.compile(r"\[(\S+)\] (\S+)")


def load(folder: Path = Path(__file__).parent) -> dict[str, Tensors]:
    """Return the tensors of every section of every file."""
    sections: dict[str, list[str]] = {}
    types: dict[str, str] = {}
    for file in sorted(folder.glob("*.txt")):
        name = ""
        for line in file.read_text("utf-8").splitlines():
            match = _SECTION.fullmatch(line)
            if match:
                name = match[1]
                assert name not in sections, name
                sections[name], types[name] = [], match[2]
            elif line and not line.startswith("#"):
                sections[name].append(line)
    return {name: _tensors(name, sections, types) for name in sections}


def _tensors(name: str, sections: Mapping[str, list[str]], types: Mapping[str, str]) -> Tensors:
    found: Tensors = {}
    for line in sections[name]:
        if line.startswith("+ "):
            prefix, other = line[2:].rsplit(" ", 1)
            prefix = "" if prefix == "-" else prefix
            inner = _tensors(other, sections, types)
            found |= {prefix + key: (types[name], shape) for key, (_, shape) in inner.items()}
            continue
        pattern, shape, *dtype = line.split(" ")
        sizes = tuple(int(size) for size in shape.split(",") if size)
        for key in expanded(pattern):
            assert key not in found, f"{name}: {key} twice"
            found[key] = (dtype[0] if dtype else types[name]), sizes
    return found


def expanded(pattern: str) -> Iterator[str]:
    """Yield the names that a pattern stands for."""
    parts = _RANGE.split(pattern)
    choices = [list(_numbers(part)) if at % 2 else [part] for at, part in enumerate(parts)]
    yield from ("".join(chosen) for chosen in product(*choices))


def _numbers(text: str) -> Iterator[str]:
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if dash and first.isdecimal() and last.isdecimal():
            yield from map(str, range(int(first), int(last) + 1))
        else:
            yield part


def write_safetensors(
    path: Path, tensors: Tensors, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a file that has the header of these tensors, and a hole where they would be."""
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for name, (dtype, shape) in tensors.items():
        size = prod(shape) * WIDTHS[dtype]
        offsets = [position, position + size]
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
        position += size
    header = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    os.truncate(path, 8 + len(header) + position)
    return path


_BLOCKS = {
    0: (1, 4),
    1: (1, 2),
    30: (1, 2),
    8: (32, 34),
    2: (32, 18),
    12: (256, 144),
    14: (256, 210),
}
"""ggml types that are used here: elements and bytes of a block."""


def write_gguf(
    path: Path, keys: Mapping[str, object], tensors: Mapping[str, tuple[int, tuple[int, ...]]]
) -> Path:
    """Write a GGUF header; tensors are (ggml type, shape outermost first), offsets are true."""
    out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)))
    for key, value in keys.items():
        out += _text(key) + _value(value)
    offset = 0
    for name, (kind, shape) in tensors.items():
        elements, size = _BLOCKS[kind]
        out += _text(name) + struct.pack("<I", len(shape))
        out += struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", kind, offset)
        offset += -(-(-(-prod(shape) // elements) * size) // 32) * 32
    out += bytes(-len(out) % 32)
    path.write_bytes(out)
    os.truncate(path, len(out) + offset)
    return path


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: object) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    assert isinstance(value, list)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
