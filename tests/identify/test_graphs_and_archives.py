"""What ONNX graphs, TFLite, Keras, NeMo, llamafiles and ncnn tell."""

import struct

import pytest

from modelfs.identify import identify
from modelfs.identify.formats import read_header
from modelfs.identify.reading import Reading, Tensor
from modelfs.identify.verdict import Level

from .builders import (
    gguf,
    keras,
    keras_hdf5,
    llamafile,
    nemo,
    onnx_model,
    onnx_port,
    onnx_tensor,
    protobuf,
    source,
)


def read(data: bytes, name: str = "m") -> Reading:
    return read_header(source(name, data))


OPERATORS = (("Conv", ""), ("Conv", ""), ("Gelu", "com.microsoft"))


def test_onnx_tells_weights_ports_operators_and_its_own_words() -> None:
    reading = read(
        onnx_model(
            tensors=[onnx_tensor("w", (4, 8)), onnx_tensor("q", (16,), kind=3)],
            inputs=[onnx_port("images", (1, 3, "h", 640)), onnx_port("w", (4, 8))],
            outputs=[onnx_port("boxes", (1, 84, 8400))],
            nodes=[
                protobuf((4, "Conv")),
                protobuf((4, "Conv")),
                protobuf((4, "Gelu"), (7, "com.microsoft")),
            ],
            metadata={"task": "detect"},
        )
    )
    assert reading.facts.format == "onnx"
    assert (reading.facts.parameters, reading.facts.quant) == (48, "F32")
    details = reading.facts.details
    assert details["inputs"] == ("images[1,3,?,640]",), "weights among the inputs are no inputs"
    assert details["outputs"] == ("boxes[1,84,8400]",)
    assert details["operators"] == ("Conv 2", "com.microsoft.Gelu 1")
    assert reading.tensors["q"] == Tensor("I8", (16,))
    assert reading.metadata == {"task": "detect"}


def test_weights_in_constants_count_and_small_ones_do_not() -> None:
    tensor = protobuf((1, 10), (1, 5), (2, 1), (9, bytes(200)))
    axes = protobuf((1, 2), (2, 7), (9, bytes(16)))
    nodes = [
        protobuf((2, "w"), (4, "Constant"), (5, protobuf((1, "value"), (5, tensor)))),
        protobuf((2, "axes"), (4, "Constant"), (5, protobuf((1, "value"), (5, axes)))),
    ]
    assert read(onnx_model(nodes=nodes)).facts.parameters == 50


def test_files_that_hold_weights_of_a_graph_are_named() -> None:
    reading = read(
        onnx_model(
            tensors=[
                onnx_tensor("a", (2,), outside="data/w.bin"),
                onnx_tensor("b", (2,), outside="./w2"),
            ]
        )
    )
    assert reading.needs == ("data/w.bin", "w2")


@pytest.mark.parametrize("place", ["../secret", "/etc/passwd", "a/../../b", "."])
def test_a_graph_may_not_name_files_elsewhere(place: str) -> None:
    reading = read(onnx_model(tensors=[onnx_tensor("a", (2,), outside=place)]))
    assert reading.needs == ()
    assert "not beside it" in reading.facts.warnings[0]


def test_a_graph_that_breaks_off_is_still_onnx() -> None:
    whole = onnx_model(tensors=[onnx_tensor("a", (4, 4))])
    reading = read(whole[: len(whole) - 12])
    assert reading.facts.format in ("onnx", "unknown")


def test_keras_archives_and_hdf5_tell_their_class() -> None:
    for data in (keras("Dense"), keras_hdf5("Dense")):
        reading = read(data)
        assert str(reading.facts.details["class_name"]) in ("Functional", "Sequential")
        assert reading.verdict is not None
        assert reading.verdict.level is Level.WEIGHTS_ONLY
    assert read(keras("Dense")).facts.details["version"] == "3.1"


@pytest.mark.parametrize("data", [keras("Dense", "Lambda"), keras_hdf5("Lambda")])
def test_a_lambda_layer_would_run_code(data: bytes) -> None:
    assert str(read(data).verdict) == "would run code when loaded: a Lambda layer"


def test_hdf5_without_keras_is_just_data() -> None:
    assert read(b"\x89HDF\r\n\x1a\n" + bytes(100)).facts.format == "hdf5"


@pytest.mark.parametrize("packed", [True, False])
def test_nemo_tells_its_class(packed: bool) -> None:
    config = "target: nemo.collections.asr.models.EncDecRNNTBPEModel\nsample_rate: 16000\n"
    found = identify([source("parakeet.nemo", nemo(config, packed))])
    assert found.facts.format == "nemo"
    assert found.facts.architecture == "EncDecRNNTBPEModel"
    assert found.facts.details["sample_rate_hz"] == 16000
    assert found.category == "speech/speech-to-text"
    assert "was not looked into" in str(found.facts.details["pickle_verdict"])


def test_a_llamafile_is_a_program_with_the_gguf_inside_it() -> None:
    model = gguf(
        {"general.architecture": "llama", "general.file_type": 15},
        [("a", (256, 2), 12)],
        data_bytes=288,
    )
    found = identify([source("chat.llamafile", llamafile(model))])
    assert (found.facts.format, found.facts.architecture, found.facts.quant) == (
        "llamafile",
        "llama",
        "Q4_K_M",
    )
    assert found.facts.parameters == 512
    assert found.category == "language/llm"
    assert found.facts.details["pickle_verdict"] == "would run code when loaded: it is a program"


def test_a_program_without_a_model_is_none() -> None:
    assert read(b"\x7fELF" + bytes(300)).facts.format == "unknown"


def test_ncnn_lists_its_layers() -> None:
    text = "7767517\n3 2\nInput data 0 1 data\nConvolution a 1 1 data x\nConvolution b 1 1 x y\n"
    assert read(text.encode()).facts.details["operators"] == ("Convolution 2", "Input 1")


class FlatBuffer:
    """Lays out tables front to back: offsets only lead forward, so parents come first."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0\0\0\0TFL3")

    def put(self, data: bytes) -> int:
        self.data.extend(bytes(-len(self.data) % 4))
        self.data.extend(data)
        return len(self.data) - len(data)

    def point(self, place: int, target: int) -> None:
        struct.pack_into("<I", self.data, place, target - place)

    def table(self, place: int, **fields: int | None) -> dict[str, int]:
        """Put a table that ``place`` leads to; returns where each of its fields stands."""
        last = max(int(name[1:]) for name in fields) + 1
        offsets = [0] * last
        for number, name in enumerate(fields):
            offsets[int(name[1:])] = 4 + 4 * number
        vtable = self.put(struct.pack(f"<2H{last}H", 4 + 2 * last, 4 + 4 * len(fields), *offsets))
        at = self.put(bytes(4 + 4 * len(fields)))
        struct.pack_into("<i", self.data, at, at - vtable)
        self.point(place, at)
        for name, value in fields.items():
            if value is not None:
                struct.pack_into("<I", self.data, at + offsets[int(name[1:])], value)
        return {name: at + offsets[int(name[1:])] for name in fields}

    def vector(self, place: int, count: int) -> list[int]:
        at = self.put(struct.pack("<I", count) + bytes(4 * count))
        self.point(place, at)
        return [at + 4 + 4 * number for number in range(count)]

    def raw(self, place: int, data: bytes, count: int | None = None) -> None:
        self.point(place, self.put(struct.pack("<I", count or len(data)) + data))


def flatbuffer() -> bytes:
    """A TFLite model of one tensor [2,3] of F32 with bytes, which is the input and the output."""
    buffer = FlatBuffer()
    model = buffer.table(0, _0=3, _2=None, _3=None, _4=None)
    (graph_at,) = buffer.vector(model["_2"], 1)
    buffer.raw(model["_3"], b"tiny")
    graph = buffer.table(graph_at, _0=None, _1=None, _2=None)
    (tensor_at,) = buffer.vector(graph["_0"], 1)
    for side in ("_1", "_2"):
        buffer.raw(graph[side], struct.pack("<i", 0), count=1)
    tensor = buffer.table(tensor_at, _0=None, _1=0, _2=1, _3=None)
    buffer.raw(tensor["_0"], struct.pack("<2i", 2, 3), count=2)
    buffer.raw(tensor["_3"], b"x")
    empty, full = buffer.vector(model["_4"], 2)
    buffer.table(empty, _1=0)
    held = buffer.table(full, _0=None)
    buffer.raw(held["_0"], bytes(24))
    return bytes(buffer.data)


def test_tflite_tells_its_ports_and_weights() -> None:
    reading = read(flatbuffer())
    assert reading.facts.format == "tflite"
    assert (reading.facts.parameters, reading.facts.quant) == (6, "F32")
    assert reading.facts.details["inputs"] == ("x[2,3]",)
    assert reading.facts.details["description"] == "tiny"
    assert reading.facts.warnings == ()


def test_a_flatbuffer_that_leads_out_of_the_file_is_damaged() -> None:
    data = flatbuffer()
    for end in range(8, len(data), 3):
        assert read(data[:end]).facts.format == "tflite"
    broken = struct.pack("<I", 2**31) + data[4:]
    assert "damaged" in read(broken).facts.warnings[0]
