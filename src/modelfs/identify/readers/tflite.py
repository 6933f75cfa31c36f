"""Read TensorFlow Lite: a bounded look at the FlatBuffer's model, its subgraphs and its tensors.

Layout: flatbuffers.dev (tables with vtables, offsets relative to where they stand) and the field
order of tensorflow/lite/schema/schema.fbs. Only tables are read, in blocks; weights are told by
shape and type.
"""

import struct
from collections.abc import Sequence
from math import prod
from typing import BinaryIO

from modelfs.identify.reading import MAX_NUMBER, Reading, plain_text
from modelfs.identify.weighing import Weight, weighed
from modelfs.types import Facts, FactValue

MAGIC = b"TFL3"
MAX_BLOCKS = 512
_BLOCK_BYTES = 64 * 1024
MAX_TENSORS = 100_000
MAX_SHOWN_PORTS = 8

_MODEL_VERSION, _MODEL_SUBGRAPHS, _MODEL_DESCRIPTION, _MODEL_BUFFERS = 0, 2, 3, 4
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS = 0, 1, 2
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BUFFER, _TENSOR_NAME = 0, 1, 2, 3
_TYPES = {
    0: ("F32", 4),
    1: ("F16", 2),
    2: ("I32", 4),
    3: ("U8", 1),
    4: ("I64", 8),
    6: ("BOOL", 1),
    7: ("I16", 2),
    8: ("C64", 8),
    9: ("I8", 1),
    10: ("F64", 8),
    12: ("U64", 8),
    15: ("U32", 4),
    16: ("U16", 2),
    17: ("I4", 0.5),
    18: ("BF16", 2),
}
"""TensorType: the label that safetensors would give it, and bytes of an element."""


class _Bad(Exception):
    """An offset leads out of the file."""


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what a TFLite file says, or ``None`` when it is not one."""
    if head[4:8] != MAGIC:
        return None
    facts = Facts("tflite", reasons=("TFL3 magic",))
    try:
        return _reading(_Buffer(handle, size_bytes), facts)
    except _Bad:
        warning = ("damaged: its tables lead out of the file",)
        return Reading(Facts("tflite", reasons=facts.reasons, warnings=warning))


class _Buffer:
    """A FlatBuffer; every offset is checked before it is followed."""

    def __init__(self, handle: BinaryIO, size_bytes: int) -> None:
        self._handle = handle
        self._size_bytes = size_bytes
        self._blocks: dict[int, bytes] = {}

    def _bytes(self, at: int, count: int) -> bytes:
        if not 0 <= at <= self._size_bytes - count:
            raise _Bad
        number, offset = divmod(at, _BLOCK_BYTES)
        taken = self._block(number)[offset : offset + count]
        if len(taken) < count:
            taken += self._block(number + 1)[: count - len(taken)]
        if len(taken) < count:
            raise _Bad
        return taken

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            if len(self._blocks) >= MAX_BLOCKS:
                raise _Bad
            self._handle.seek(number * _BLOCK_BYTES)
            self._blocks[number] = self._handle.read(_BLOCK_BYTES)
        return self._blocks[number]

    def number(self, at: int, code: str) -> int:
        layout = struct.Struct("<" + code)
        return int(layout.unpack(self._bytes(at, layout.size))[0])

    def follow(self, at: int) -> int:
        return at + self.number(at, "I")

    def field(self, table: int, index: int) -> int:
        """Return where a field of a table stands, or 0 when it has its default."""
        vtable = table - self.number(table, "i")
        entry = 4 + 2 * index
        if entry + 2 > self.number(vtable, "H"):
            return 0
        offset = self.number(vtable + entry, "H")
        return table + offset if offset else 0

    def vector(self, table: int, index: int, width: int) -> tuple[int, int]:
        """Return where a vector's elements begin and how many there are."""
        at = self.field(table, index)
        if not at:
            return 0, 0
        start = self.follow(at)
        count = self.number(start, "I")
        if start + 4 + count * width > self._size_bytes:
            raise _Bad
        return start + 4, count

    def numbers(self, table: int, index: int, limit: int) -> list[int]:
        start, count = self.vector(table, index, 4)
        return [self.number(start + 4 * at, "i") for at in range(min(count, limit))]

    def text(self, table: int, index: int) -> str:
        start, count = self.vector(table, index, 1)
        return plain_text(self._bytes(start, min(count, 300)).decode("utf-8", "replace"))


def _reading(buffer: _Buffer, facts: Facts) -> Reading:
    model = buffer.follow(0)
    version_at = buffer.field(model, _MODEL_VERSION)
    details: dict[str, FactValue] = {"version": buffer.number(version_at, "I") if version_at else 0}
    if description := buffer.text(model, _MODEL_DESCRIPTION):
        details["description"] = description
    graphs, graph_count = buffer.vector(model, _MODEL_SUBGRAPHS, 4)
    buffers, buffer_count = buffer.vector(model, _MODEL_BUFFERS, 4)
    weights: list[Weight] = []
    for number in range(min(graph_count, 64)):
        graph = buffer.follow(graphs + 4 * number)
        weights += _weights(buffer, graph, (buffers, buffer_count))
        if number == 0:
            for name, index in (("inputs", _GRAPH_INPUTS), ("outputs", _GRAPH_OUTPUTS)):
                details[name] = _ports(buffer, graph, index)
    told = Facts("tflite", details=details, reasons=facts.reasons)
    return Reading(weighed(told, weights) if weights else told)


def _weights(buffer: _Buffer, graph: int, buffers: tuple[int, int]) -> list[Weight]:
    """Return the tensors that have bytes in the file: those are the weights."""
    start, count = buffer.vector(graph, _GRAPH_TENSORS, 4)
    found = []
    for number in range(min(count, MAX_TENSORS)):
        tensor = buffer.follow(start + 4 * number)
        at = buffer.field(tensor, _TENSOR_BUFFER)
        index = buffer.number(at, "I") if at else 0
        if not 0 < index < buffers[1]:
            continue
        held = buffer.follow(buffers[0] + 4 * index)
        if not buffer.vector(held, 0, 1)[1]:
            continue
        label, width = _type(buffer, tensor)
        elements = min(prod(_shape(buffer, tensor)), MAX_NUMBER)
        found.append(Weight(label, elements, int(elements * width)))
    return found


def _type(buffer: _Buffer, tensor: int) -> tuple[str, float]:
    at = buffer.field(tensor, _TENSOR_TYPE)
    number = buffer.number(at, "b") if at else 0
    return _TYPES.get(number, (f"type#{number}", 1))


def _shape(buffer: _Buffer, tensor: int) -> Sequence[int]:
    return [max(size, 0) for size in buffer.numbers(tensor, _TENSOR_SHAPE, 16)]


def _ports(buffer: _Buffer, graph: int, index: int) -> tuple[str, ...]:
    start, count = buffer.vector(graph, _GRAPH_TENSORS, 4)
    shown = []
    for number in buffer.numbers(graph, index, MAX_SHOWN_PORTS):
        if 0 <= number < count:
            tensor = buffer.follow(start + 4 * number)
            sizes = ",".join(map(str, _shape(buffer, tensor)))
            shown.append(f"{buffer.text(tensor, _TENSOR_NAME)}[{sizes}]")
    return tuple(shown)
