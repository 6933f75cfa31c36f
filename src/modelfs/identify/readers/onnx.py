"""Read ONNX: a bounded walk over a protobuf ModelProto, its graph and its initializers.

Payloads are stepped over, so the cost grows with the graph and not with the weights. Protobuf has
no magic: a file counts only when its version comes first, every field has the type that onnx.proto
gives it, and there is a graph that itself begins like one. Field numbers are those of onnx.proto3.
"""

from collections import Counter
from dataclasses import dataclass, field
from math import prod
from posixpath import normpath
from typing import BinaryIO

from modelfs.identify.readers.protobuf import BYTES, VARINT, BadMessage, Field, Message
from modelfs.identify.reading import (
    MAX_KEPT_TENSORS,
    MAX_NUMBER,
    Reading,
    Tensor,
    plain_text,
    truncated,
)
from modelfs.identify.weighing import Weight, weighed
from modelfs.types import Facts, FactValue

MAX_FIELDS = 4096
MAX_GRAPH_FIELDS = 400_000
MAX_NODE_FIELDS = 256
MAX_KEPT_BYTES = 256
MAX_METADATA = 64
MAX_METADATA_BYTES = 4096
MAX_IR_VERSION = 64
MAX_SHOWN_PORTS = 8
MAX_SHOWN_OPERATORS = 8

_IR_VERSION, _PRODUCER, _PRODUCER_VERSION, _DOMAIN, _MODEL_VERSION, _DOC = 1, 2, 3, 4, 5, 6
_GRAPH, _OPSET, _METADATA, _TRAINING, _FUNCTIONS, _CONFIGURATION = 7, 8, 14, 20, 25, 26
_FIELD_TYPES = {
    _IR_VERSION: VARINT,
    _PRODUCER: BYTES,
    _PRODUCER_VERSION: BYTES,
    _DOMAIN: BYTES,
    _MODEL_VERSION: VARINT,
    _DOC: BYTES,
    _GRAPH: BYTES,
    _OPSET: BYTES,
    _METADATA: BYTES,
    _TRAINING: BYTES,
    _FUNCTIONS: BYTES,
    _CONFIGURATION: BYTES,
}
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12
_GRAPH_FIELDS = frozenset({1, 2, 5, 10, 11, 12, 13, 14, 15, 16})
"""GraphProto: node, name, initializer, doc_string, input, output, value_info and newer ones."""

_TYPES = {
    1: ("F32", 4),
    2: ("U8", 1),
    3: ("I8", 1),
    4: ("U16", 2),
    5: ("I16", 2),
    6: ("I32", 4),
    7: ("I64", 8),
    9: ("BOOL", 1),
    10: ("F16", 2),
    11: ("F64", 8),
    12: ("U32", 4),
    13: ("U64", 8),
    14: ("C64", 8),
    16: ("BF16", 2),
    17: ("F8_E4M3", 1),
    18: ("F8_E4M3FNUZ", 1),
    19: ("F8_E5M2", 1),
    20: ("F8_E5M2FNUZ", 1),
    21: ("U4", 0.5),
    22: ("I4", 0.5),
    23: ("F4", 0.5),
}
"""TensorProto.DataType: the label that safetensors would give it, and bytes of an element."""


@dataclass(slots=True)
class _Model:
    """What the walk has collected so far; kept when the file ends early."""

    fields: dict[int, int | str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    opsets: list[str] = field(default_factory=list)
    operators: Counter[str] = field(default_factory=Counter)
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    weights: list[Weight] = field(default_factory=list)
    outside: dict[str, None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what an ONNX file says of itself, or ``None`` when it is not ONNX."""
    if not head.startswith(b"\x08"):
        return None
    message, model = Message(handle, size_bytes), _Model()
    try:
        _walk_model(message, model)
    except BadMessage:
        return None
    if (
        _GRAPH not in model.fields
        or not 1 <= int(model.fields.get(_IR_VERSION, 0)) <= MAX_IR_VERSION
    ):
        return None
    if not model.opsets and _PRODUCER not in model.fields:
        return None
    return _reading(model)


def _walk_model(message: Message, model: _Model) -> None:
    for each in message.fields(0, message.size_bytes, MAX_FIELDS):
        if _FIELD_TYPES.get(each.number) != each.wire_type:
            raise BadMessage
        if each.wire_type == VARINT:
            model.fields[each.number] = min(each.value, MAX_NUMBER)
            continue
        model.fields.setdefault(each.number, "")
        if each.number == _GRAPH:
            _walk_graph(message, each, model)
        if each.end > message.size_bytes:
            model.warnings.append(truncated(each.end, message.size_bytes))
            return
        if each.number in (_PRODUCER, _PRODUCER_VERSION) and each.value <= MAX_KEPT_BYTES:
            model.fields[each.number] = plain_text(message.text(each, MAX_KEPT_BYTES))
        elif each.number == _OPSET:
            model.opsets.append(_opset(message, each))
        elif each.number == _METADATA and len(model.metadata) < MAX_METADATA:
            key, value = _entry(message, each)
            model.metadata[key] = value


def _walk_graph(message: Message, graph: Field, model: _Model) -> None:
    first = next(iter(message.fields(graph.start, graph.end, 1)), None)
    if first is None or first.number not in _GRAPH_FIELDS or first.wire_type != BYTES:
        raise BadMessage
    if first.end > graph.end:
        raise BadMessage
    # What comes behind is part of a graph by now: damage is told, and no reason to say "not ONNX".
    end = min(graph.end, message.size_bytes)
    try:
        for each in message.fields(graph.start, end, MAX_GRAPH_FIELDS):
            if each.wire_type != BYTES or each.end > end:
                continue
            if each.number == _NODE:
                _walk_node(message, each, model)
            elif each.number == _INITIALIZER:
                _walk_tensor(message, each, model)
            elif each.number in (_INPUT, _OUTPUT):
                name, shape = _port(message, each)
                (model.inputs if each.number == _INPUT else model.outputs)[name] = shape
    except BadMessage:
        model.warnings.append("damaged: the graph makes no sense")


def _walk_node(message: Message, node: Field, model: _Model) -> None:
    """Count a node by its operator, with the domain unless that is ONNX's own."""
    operator, domain, output = "", "", ""
    attributes = []
    for each in message.fields(node.start, node.end, MAX_NODE_FIELDS):
        if each.wire_type != BYTES:
            continue
        if each.number == 2:
            output = message.text(each, MAX_KEPT_BYTES)
        elif each.number == 4:
            operator = plain_text(message.text(each, 64))
        elif each.number == 5:
            attributes.append(each)
        elif each.number == 7:
            domain = plain_text(message.text(each, 64))
    model.operators[f"{domain}.{operator}" if domain not in ("", "ai.onnx") else operator] += 1
    if operator == "Constant":
        for attribute in attributes:
            for each in message.fields(attribute.start, attribute.end, 16):
                if each.number == 5 and each.wire_type == BYTES and each.value >= _LEAST_CONSTANT:
                    _walk_tensor(message, each, model, output)


_LEAST_CONSTANT = 64
"""Smaller ones are shapes and axes; some exporters keep all weights in constants."""


def _walk_tensor(message: Message, tensor: Field, model: _Model, name: str = "") -> None:
    shape: list[int] = []
    data_type, outside = 0, False
    places: dict[str, str] = {}
    for each in message.fields(tensor.start, tensor.end, 256):
        if each.number == 1:
            shape += _dimensions(message, each)
        elif each.number == 2:
            data_type = each.value
        elif each.number == 8:
            name = name or message.text(each, MAX_KEPT_BYTES)
        elif each.number == 13 and each.wire_type == BYTES:
            key, value = _entry(message, each)
            places[key] = value
        elif each.number == 14:
            outside = each.value == 1
    label, width = _TYPES.get(data_type, (f"type#{data_type}", 1))
    elements = prod(shape)
    model.weights.append(Weight(label, elements, int(elements * width)))
    if len(model.tensors) < MAX_KEPT_TENSORS:
        model.tensors[plain_text(name)] = Tensor(label, tuple(shape))
    if outside:
        _keep_place(places.get("location", ""), model)


def _dimensions(message: Message, each: Field) -> list[int]:
    """Return one dimension, or several that were packed."""
    if each.wire_type == VARINT:
        return [each.value]
    found, position = list[int](), each.start
    while position < each.end and len(found) < 64:
        value, position = message.varint(position, each.end)
        found.append(value)
    return found


def _keep_place(location: str, model: _Model) -> None:
    """Note a file beside this one that holds weights; one that leads elsewhere is refused."""
    path = normpath(location) if location else ""
    if not path or path.startswith(("/", "..")) or "\0" in path or path == ".":
        model.warnings.append(f"weights in {plain_text(location, 80)!r}, which is not beside it")
    else:
        model.outside[path] = None


def _port(message: Message, port: Field) -> tuple[str, str]:
    """Return the name of an input or output, and its shape: ``1,3,?,640``."""
    name, shape = "", ""
    for each in message.fields(port.start, port.end, 16):
        if each.number == 1 and each.wire_type == BYTES:
            name = plain_text(message.text(each, 100))
        elif each.number == 2 and each.wire_type == BYTES:
            shape = ",".join(_sizes(message, each))
    return name, shape


def _sizes(message: Message, type_field: Field) -> list[str]:
    """TypeProto.tensor_type.shape.dim: a number, a name, or nothing."""
    found: list[str] = []
    for tensor in message.fields(type_field.start, type_field.end, 4):
        for shape in message.fields(tensor.start, tensor.end, 4) if tensor.number == 1 else ():
            if shape.number != 2 or shape.wire_type != BYTES:
                continue
            for size in message.fields(shape.start, shape.end, 16):
                parts = message.fields(size.start, size.end, 2) if size.number == 1 else ()
                values = [str(p.value) for p in parts if p.number == 1 and p.value <= MAX_NUMBER]
                found.append(values[0] if values else "?")
    return found


def _opset(message: Message, each: Field) -> str:
    domain, version = "", 0
    for part in message.fields(each.start, each.end, 4):
        if part.number == 1 and part.wire_type == BYTES:
            domain = plain_text(message.text(part, 64))
        elif part.number == 2:
            version = part.value
    return f"{domain} {version}".strip()


def _entry(message: Message, each: Field) -> tuple[str, str]:
    """Return a StringStringEntryProto."""
    key, value = "", ""
    for part in message.fields(each.start, each.end, 4):
        if part.number == 1 and part.wire_type == BYTES:
            key = message.text(part, MAX_KEPT_BYTES)
        elif part.number == 2 and part.wire_type == BYTES:
            value = message.text(part, MAX_METADATA_BYTES)
    return key, value


def _reading(model: _Model) -> Reading:
    details: dict[str, FactValue] = {"ir_version": model.fields[_IR_VERSION]}
    for name, number in (("producer", _PRODUCER), ("producer_version", _PRODUCER_VERSION)):
        if model.fields.get(number):
            details[name] = model.fields[number]
    # Old files list their weights among the inputs.
    inputs = {name: shape for name, shape in model.inputs.items() if name not in model.tensors}
    for name, ports in (("inputs", inputs), ("outputs", model.outputs)):
        if ports:
            shown = list(ports.items())[:MAX_SHOWN_PORTS]
            details[name] = tuple(f"{port}[{shape}]" for port, shape in shown)
    if model.opsets:
        details["opsets"] = tuple(dict.fromkeys(model.opsets))[:MAX_SHOWN_PORTS]
    common = model.operators.most_common(MAX_SHOWN_OPERATORS)
    details["operators"] = tuple(f"{operator} {count}" for operator, count in common)
    facts = Facts(
        "onnx",
        details=details,
        reasons=("ONNX model fields",),
        warnings=tuple(dict.fromkeys(model.warnings)),
    )
    return Reading(
        weighed(facts, model.weights) if model.weights else facts,
        tensors=model.tensors,
        metadata=model.metadata,
        needs=tuple(model.outside),
    )
