"""Header-true tiny model files, built in memory from the formats' own documents."""

import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Mapping, Sequence

from modelfs.types import SourceFile

U8, U16, U32, F32, BOOL, STRING, ARRAY, U64 = 0, 2, 4, 6, 7, 8, 9, 10


def source(path: str, data: bytes) -> SourceFile:
    return SourceFile(path, len(data), lambda: io.BytesIO(data))


def folder(files: Mapping[str, bytes | object]) -> list[SourceFile]:
    """Values that are no bytes become JSON."""
    return [
        source(path, data if isinstance(data, bytes) else json.dumps(data).encode())
        for path, data in files.items()
    ]


def gguf(
    values: Mapping[str, object],
    tensors: Sequence[tuple[str, Sequence[int], int]] = (),
    order: str = "<",
    data_bytes: int = 0,
) -> bytes:
    """Tensors are (name, dimensions, ggml type), all at offset 0."""
    out = bytearray(b"GGUF" + struct.pack(order + "IQQ", 3, len(tensors), len(values)))
    for key, value in values.items():
        out += _gguf_text(key, order) + _gguf_value(value, order)
    for name, dimensions, type_number in tensors:
        out += _gguf_text(name, order) + struct.pack(order + "I", len(dimensions))
        out += struct.pack(f"{order}{len(dimensions)}Q", *dimensions)
        out += struct.pack(order + "IQ", type_number, 0)
    out += bytes(-len(out) % 32)
    return bytes(out) + bytes(data_bytes)


def _gguf_text(text: str, order: str) -> bytes:
    return struct.pack(order + "Q", len(text.encode())) + text.encode()


def _gguf_value(value: object, order: str) -> bytes:
    if isinstance(value, bool):
        return struct.pack(order + "I?", BOOL, value)
    if isinstance(value, int):
        return struct.pack(order + "II", U32, value)
    if isinstance(value, float):
        return struct.pack(order + "If", F32, value)
    if isinstance(value, str):
        return struct.pack(order + "I", STRING) + _gguf_text(value, order)
    assert isinstance(value, list)
    texts = b"".join(_gguf_text(text, order) for text in value)
    return struct.pack(order + "IIQ", ARRAY, STRING, len(value)) + texts


def safetensors(
    tensors: Mapping[str, Sequence[int]],
    dtype: str = "F16",
    width: int = 2,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for name, shape in tensors.items():
        size = width
        for dimension in shape:
            size *= dimension
        entries[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [position, position + size],
        }
        position += size
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + bytes(position)


def torch_zip(*extra: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("model/data.pkl", "model/version", "model/data/0", *extra):
            archive.writestr(name, b"\x80\x02}.")
    return out.getvalue()


def legacy_torch() -> bytes:
    return bytes.fromhex("80028a0a6cfc9c46f9206aa850192e8002") + b"M\xe9\x03.\x80\x02}q\x00."


def onnx() -> bytes:
    node = b"\x0a\x04" + b"node"
    graph = b"\x0a" + bytes([len(node)]) + node + b"\x12\x01g"
    return (
        b"\x08\x08\x12\x07pytorch\x1a\x032.1"
        + b"\x3a"
        + bytes([len(graph)])
        + graph
        + b"\x42\x04\x0a\x00\x10\x11"
    )


def ctranslate2(specification: str = "WhisperSpec") -> bytes:
    name = specification.encode() + b"\0"
    variable = b"\x02\x00w\0" + b"\x02" + struct.pack("<II", 4, 8) + b"\x04"
    variable += struct.pack("<I", 64) + bytes(64)
    return struct.pack("<IH", 6, len(name)) + name + struct.pack("<II", 3, 1) + variable


def whisper_ggml(file_type: int = 1, audio_layers: int = 4, text_layers: int = 4) -> bytes:
    numbers = (51865, 1500, 384, 6, audio_layers, 448, 384, 6, text_layers, 80, file_type)
    return b"lmgg" + struct.pack("<11i", *numbers) + bytes(64)


def silero_ggml() -> bytes:
    return b"lmgg" + struct.pack("<I", 10) + b"silero-16k" + bytes(64)


def tflite() -> bytes:
    return b"\x1c\0\0\0TFL3" + bytes(24)


def protobuf(*fields: tuple[int, object]) -> bytes:
    """Fields are (number, value): whole numbers become varints, texts and bytes themselves."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
        else:
            data = value.encode() if isinstance(value, str) else bytes(value)  # type: ignore[call-overload]
            out += _varint(number << 3 | 2) + _varint(len(data)) + data
    return bytes(out)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def onnx_tensor(name: str, shape: Sequence[int], kind: int = 1, outside: str = "") -> bytes:
    """A TensorProto, with bytes of its own or in a file beside."""
    dims = [(1, size) for size in shape]
    if outside:
        place = protobuf((1, "location"), (2, outside))
        return protobuf(*dims, (2, kind), (8, name), (13, place), (14, 1))
    return protobuf(*dims, (2, kind), (8, name), (9, bytes(8)))


def onnx_port(name: str, shape: Sequence[int | str]) -> bytes:
    """A ValueInfoProto."""
    sizes = (protobuf((1, each) if isinstance(each, int) else (2, each)) for each in shape)
    dims = protobuf(*((1, size) for size in sizes))
    return protobuf((1, name), (2, protobuf((1, protobuf((1, 1), (2, dims))))))


def onnx_model(
    tensors: Sequence[bytes] = (),
    inputs: Sequence[bytes] = (),
    outputs: Sequence[bytes] = (),
    nodes: Sequence[bytes] = (),
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A ModelProto."""
    graph = protobuf(
        *((1, node) for node in nodes or [protobuf((1, "x"), (2, "y"), (4, "Relu"))]),
        (2, "g"),
        *((5, tensor) for tensor in tensors),
        *((11, port) for port in inputs),
        *((12, port) for port in outputs),
    )
    props = [(14, protobuf((1, key), (2, value))) for key, value in (metadata or {}).items()]
    opset = protobuf((1, ""), (2, 17))
    return protobuf((1, 8), (2, "pytorch"), (7, graph), (8, opset), *props)


def zipped(**members: bytes) -> bytes:
    """An archive; ``__`` in a name stands for a dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return out.getvalue()


def nemo(config: str, packed: bool = False) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz" if packed else "w") as archive:
        for name, data in (
            ("./model_config.yaml", config.encode()),
            ("./model_weights.ckpt", b"x" * 99),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def llamafile(model: bytes) -> bytes:
    """A program of cosmopolitan libc with a zip behind it."""
    out = io.BytesIO(b"MZqFpD='\n" + bytes(500))
    with zipfile.ZipFile(out, "a") as archive:  # its offsets count from the program's start
        archive.writestr(".args", b"-m")
        archive.writestr("model.gguf", model)
    return out.getvalue()


def keras(*layers: str) -> bytes:
    config = {
        "class_name": "Functional",
        "config": {"name": "net", "layers": [{"class_name": n} for n in layers]},
    }
    return zipped(
        config__json=json.dumps(config).encode(),
        model__weights__h5=b"",
        metadata__json=b'{"keras_version": "3.1"}',
    )


def keras_hdf5(*layers: str) -> bytes:
    layer = "".join(f'{{"class_name": "{name}"}}' for name in layers)
    text = f'model_config {{"class_name": "Sequential", "name": "net"}} {layer} keras_version 2.4'
    return b"\x89HDF\r\n\x1a\n" + bytes(200) + text.encode() + bytes(100)


FIXTURES: Mapping[str, tuple[str, bytes]] = {
    "gguf": (
        "model.gguf",
        gguf(
            {"general.architecture": "llama", "tokens": ["a", "b"], "general.file_type": 15},
            [("blk.0.attn_q.weight", (256, 4), 12)],
            data_bytes=4 * 144,
        ),
    ),
    "safetensors": ("model.safetensors", safetensors({"a.weight": (4, 8), "b": (2,)})),
    "pytorch": ("model.pt", torch_zip()),
    "torchscript": ("model.jit", torch_zip("model/code/__torch__.py")),
    "pickle": ("model.pth", legacy_torch()),
    "onnx": ("model.onnx", onnx()),
    "ctranslate2": ("model.bin", ctranslate2()),
    "whisper-ggml": ("ggml-tiny.bin", whisper_ggml()),
    "tflite": ("model.tflite", tflite()),
    "keras": ("model.keras", keras("Dense")),
    "keras-hdf5": ("model.h5", keras_hdf5("Dense")),
    "nemo": ("model.nemo", nemo("target: nemo.collections.asr.models.EncDecCTCModelBPE")),
    "llamafile": ("model.llamafile", llamafile(gguf({"general.architecture": "llama"}))),
    "ncnn": ("model.param", b"7767517\n2 2\nInput data 0 1 data\nConvolution c 1 1 data out\n"),
    "numpy": ("model.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}"),
}
