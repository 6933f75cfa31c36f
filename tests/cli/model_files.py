"""Tiny model files with true headers, written from the formats' own documents."""

import json
import struct
from pathlib import Path

_U32, _TEXT = 4, 8


def write_gguf(path: Path, rows: int = 4, architecture: str = "llama") -> Path:
    """Write a GGUF v3 with one Q4_K tensor of ``rows`` rows; other rows are other bytes."""
    values = [_key("general.architecture", _TEXT) + _text(architecture)]
    values += [_key("general.file_type", _U32) + struct.pack("<I", 15)]
    tensor = _text("blk.0.attn_q.weight") + struct.pack("<IQQIQ", 2, 256, rows, 12, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(values)) + b"".join(values) + tensor
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(rows * 144))
    return path


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _key(name: str, kind: int) -> bytes:
    return _text(name) + struct.pack("<I", kind)


def write_lora(path: Path, rank: int = 4) -> Path:
    """Write a safetensors file with the two halves of one LoRA tensor."""
    header: dict[str, object] = {}
    end = 0
    for name, shape in (("lora_down", (rank, 8)), ("lora_up", (8, rank))):
        size = 2 * shape[0] * shape[1]
        key = f"lora_unet_down_blocks_0_attentions_0.{name}.weight"
        header[key] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))
    return path
