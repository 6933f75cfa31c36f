"""Read the head of a CTranslate2 ``model.bin``: its specification's name and its variables.

There is no magic, so the name must end in ``Spec`` and every length must fit the file. Layout as
written by ctranslate2's ``model_spec.py``; variables are stepped over, never loaded.
"""

import struct
from collections import Counter
from math import prod
from typing import BinaryIO

from modelfs.identify.readers.whisper import FIRST_MULTILINGUAL_VOCABULARY
from modelfs.identify.reading import Reading, truncated
from modelfs.types import Facts, FactValue

MAX_VERSION = 32
MAX_VARIABLES = 100_000
MAX_NAME_BYTES = 512
_FIRST_TYPED_VERSION = 4
"""Before binary version 4 a variable told its item size instead of its type."""
_TYPE_LABELS = {0: "F32", 1: "I8", 2: "I16", 3: "I32", 4: "F16", 5: "BF16"}
_EMBEDDINGS = b"decoder/embeddings/weight"


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what a CTranslate2 model says, or ``None`` when the file is not one."""
    if len(head) < 6:
        return None
    version, name_bytes = struct.unpack_from("<IH", head)
    name = head[6 : 6 + name_bytes]
    if not 1 <= version <= MAX_VERSION or not name.endswith(b"Spec\0"):
        return None
    if len(name) != name_bytes or not name[:-1].isalnum():
        return None
    details: dict[str, FactValue] = {"binary_version": version}
    specification = name[:-1].decode("ascii", "replace")
    walk = _Variables()
    warnings: tuple[str, ...] = ()
    if version >= _FIRST_TYPED_VERSION:
        warnings = walk.read(handle, 6 + name_bytes, size_bytes)
    if specification == "WhisperSpec" and walk.vocabulary >= FIRST_MULTILINGUAL_VOCABULARY:
        details["multilingual"] = True
    return Reading(
        Facts(
            format="ctranslate2",
            architecture=specification,
            quant=walk.quant,
            parameters=walk.parameters or None,
            details=details,
            reasons=(f"CTranslate2 specification {specification}",),
            warnings=warnings,
        )
    )


class _Variables:
    """Adds up the variables of a model: elements, and bytes of each type."""

    def __init__(self) -> None:
        self.parameters = 0
        self.vocabulary = 0
        """Rows of the decoder's embeddings."""
        self._bytes_by_type: Counter[str] = Counter()

    @property
    def quant(self) -> str | None:
        common = self._bytes_by_type.most_common(1)
        return common[0][0] if common else None

    def read(self, handle: BinaryIO, position: int, size_bytes: int) -> tuple[str, ...]:
        handle.seek(position)
        counts = handle.read(8)
        if len(counts) < 8:
            return ("truncated: the file ends before its variables",)
        count = min(struct.unpack("<2I", counts)[1], MAX_VARIABLES)
        position += 8
        for _ in range(count):
            end = self._read_one(handle, position)
            if end is None:
                return ("truncated: the file ends inside its variables",)
            if end > size_bytes:
                return (truncated(end, size_bytes),)
            position = end
        return ()

    def _read_one(self, handle: BinaryIO, position: int) -> int | None:
        """Count the variable at ``position``; return where its data ends, ``None`` if cut."""
        handle.seek(position)
        block = handle.read(2 + MAX_NAME_BYTES + 1 + 4 * 255 + 5)
        name_bytes = int.from_bytes(block[:2], "little")
        rank_at = 2 + name_bytes
        if name_bytes > MAX_NAME_BYTES or rank_at >= len(block):
            return None
        rank = block[rank_at]
        type_at = rank_at + 1 + 4 * rank
        if type_at + 5 > len(block):
            return None
        shape = struct.unpack_from(f"<{rank}I", block, rank_at + 1)
        if block[2:rank_at].rstrip(b"\0") == _EMBEDDINGS and shape:
            self.vocabulary = shape[0]
        elements = prod(shape)
        type_number, data_bytes = struct.unpack_from("<BI", block, type_at)
        if data_bytes >= elements and elements > 1:
            self.parameters += elements
            label = _TYPE_LABELS.get(type_number, f"type#{type_number}")
            self._bytes_by_type[label] += data_bytes
        return position + type_at + 5 + int(data_bytes)
