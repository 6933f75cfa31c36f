"""Read ncnn's ``.param``: a text that lists the layers of a model whose weights lie in ``.bin``."""

from collections import Counter
from typing import BinaryIO

from modelfs.identify.reading import Reading, plain_text
from modelfs.types import Facts, FactValue

MAGIC = b"7767517\n"
MAX_READ_BYTES = 4 << 20
MAX_SHOWN = 8


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what a ``.param`` says, or ``None`` when it is not one."""
    if not head.replace(b"\r\n", b"\n").startswith(MAGIC):
        return None
    handle.seek(0)
    lines = handle.read(min(size_bytes, MAX_READ_BYTES)).decode("utf-8", "replace").splitlines()
    layers = [line.split() for line in lines[2:] if line.strip()]
    kinds = Counter(plain_text(words[0], 64) for words in layers)
    inputs = [
        plain_text(words[1], 64) for words in layers if words[0] == "Input" and len(words) > 1
    ]
    details: dict[str, FactValue] = {
        "operators": tuple(f"{kind} {count}" for kind, count in kinds.most_common(MAX_SHOWN)),
    }
    if inputs:
        details["inputs"] = tuple(inputs[:MAX_SHOWN])
    return Reading(Facts("ncnn", details=details, reasons=("ncnn magic",)))
