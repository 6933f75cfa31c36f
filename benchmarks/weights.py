"""Files of weights that real libraries take: random bytes behind a true header."""

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path

_CHUNK_BYTES = 8 << 20
_F16_BYTES = 2

# The GGUF format, version 3: its magic, its two counts, and what a value and a tensor look like.
_GGUF_MAGIC = b"GGUF"
_GGUF_VERSION = 3
_GGUF_TEXT = 8
_GGUF_F16 = 1
_GGUF_ALIGNMENT = 32


def write_weights(path: Path, size_bytes: int, tensors: int = 1) -> None:
    """Write a safetensors file of about ``size_bytes`` random bytes, durably."""
    each = size_bytes // tensors
    header = json.dumps(
        {
            f"weights.{n}" if n else "weights": {
                "dtype": "U8",
                "shape": [each],
                "data_offsets": [n * each, (n + 1) * each],
            }
            for n in range(tensors)
        }
    ).encode()
    _write(path, len(header).to_bytes(8, "little") + header, tensors * each)


def write_gguf(path: Path, size_bytes: int, tensors: int = 64) -> None:
    """Write a GGUF file of about ``size_bytes`` random half-precision numbers, durably."""
    each = size_bytes // tensors // _GGUF_ALIGNMENT * _GGUF_ALIGNMENT
    parts = [_GGUF_MAGIC, struct.pack("<IQQ", _GGUF_VERSION, tensors, 1)]
    parts += [_text("general.architecture"), struct.pack("<I", _GGUF_TEXT), _text("llama")]
    for n in range(tensors):
        parts += [_text(f"blk.{n}.weight"), struct.pack("<IQ", 1, each // _F16_BYTES)]
        parts += [struct.pack("<IQ", _GGUF_F16, n * each)]
    header = b"".join(parts)
    padding = bytes(-len(header) % _GGUF_ALIGNMENT)
    _write(path, header + padding, tensors * each)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _write(path: Path, header: bytes, size_bytes: int) -> None:
    with open(path, "wb") as file:
        file.write(header)
        for chunk in _random(size_bytes):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _random(size_bytes: int) -> Iterator[bytes]:
    for offset in range(0, size_bytes, _CHUNK_BYTES):
        yield os.urandom(min(_CHUNK_BYTES, size_bytes - offset))
