"""Recognise ONNX: a bounded walk over the top-level fields of a protobuf ModelProto.

Payloads are stepped over, so the cost does not grow with the file. Protobuf has no magic: a file
counts only when its version comes first, every field has the type that onnx.proto gives it, and
there is a graph that itself begins like one.
"""

from typing import BinaryIO

from modelfs.identify.reading import Reading, plain_text, truncated
from modelfs.types import Facts, FactValue

MAX_FIELDS = 4096
MAX_KEPT_BYTES = 256
MAX_IR_VERSION = 64

_VARINT, _BYTES = 0, 2
_IR_VERSION, _PRODUCER, _PRODUCER_VERSION, _DOMAIN, _MODEL_VERSION, _DOC = 1, 2, 3, 4, 5, 6
_GRAPH, _OPSET, _METADATA, _TRAINING, _FUNCTIONS, _CONFIGURATION = 7, 8, 14, 20, 25, 26
_FIELD_TYPES = {
    _IR_VERSION: _VARINT,
    _PRODUCER: _BYTES,
    _PRODUCER_VERSION: _BYTES,
    _DOMAIN: _BYTES,
    _MODEL_VERSION: _VARINT,
    _DOC: _BYTES,
    _GRAPH: _BYTES,
    _OPSET: _BYTES,
    _METADATA: _BYTES,
    _TRAINING: _BYTES,
    _FUNCTIONS: _BYTES,
    _CONFIGURATION: _BYTES,
}
_GRAPH_FIELDS = frozenset({1, 2, 5, 10, 11, 12, 13, 14, 15, 16})
"""GraphProto: node, name, initializer, doc_string, input, output, value_info and newer ones."""


class _NotOnnx(Exception):
    """The bytes cannot be a ModelProto."""


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what an ONNX file says of itself, or ``None`` when it is not ONNX."""
    if not head.startswith(b"\x08"):
        return None
    try:
        fields, warnings = _top_level(handle, size_bytes)
    except _NotOnnx:
        return None
    if _GRAPH not in fields or not 1 <= int(fields.get(_IR_VERSION, 0)) <= MAX_IR_VERSION:
        return None
    if _OPSET not in fields and _PRODUCER not in fields:
        return None
    details: dict[str, FactValue] = {"ir_version": fields[_IR_VERSION]}
    for name, number in (("producer", _PRODUCER), ("producer_version", _PRODUCER_VERSION)):
        if fields.get(number):
            details[name] = fields[number]
    return Reading(
        Facts("onnx", details=details, reasons=("ONNX model fields",), warnings=warnings)
    )


def _top_level(handle: BinaryIO, size_bytes: int) -> tuple[dict[int, int | str], tuple[str, ...]]:
    """Return the scalar value, kept text or presence of each field, and the warnings."""
    fields: dict[int, int | str] = {}
    position = 0
    for _ in range(MAX_FIELDS):
        if position >= size_bytes:
            break
        tag, position = _varint(handle, position, size_bytes)
        number, wire_type = tag >> 3, tag & 7
        if _FIELD_TYPES.get(number) != wire_type:
            raise _NotOnnx
        value, position = _varint(handle, position, size_bytes)
        if wire_type == _VARINT:
            fields[number] = min(value, 2**63 - 1)
            continue
        fields[number] = _payload_text(handle, position, value, number)
        position += value
        if position > size_bytes:
            return fields, (truncated(position, size_bytes),)
    return fields, ()


def _payload_text(handle: BinaryIO, position: int, length: int, number: int) -> str:
    if number == _GRAPH and not _begins_like_a_graph(handle, position, length):
        raise _NotOnnx
    if number not in (_PRODUCER, _PRODUCER_VERSION) or length > MAX_KEPT_BYTES:
        return ""
    handle.seek(position)
    return plain_text(handle.read(length).decode("utf-8", "replace"))


def _begins_like_a_graph(handle: BinaryIO, position: int, length: int) -> bool:
    try:
        tag, position_after_tag = _varint(handle, position, position + length)
        inner_bytes, payload = _varint(handle, position_after_tag, position + length)
    except _NotOnnx:
        return False
    fits = payload + inner_bytes <= position + length
    return tag & 7 == _BYTES and tag >> 3 in _GRAPH_FIELDS and fits


def _varint(handle: BinaryIO, position: int, end: int) -> tuple[int, int]:
    """Return the number at ``position`` and the position behind it."""
    handle.seek(position)
    value = 0
    for index, byte in enumerate(handle.read(min(10, max(0, end - position)))):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise _NotOnnx
