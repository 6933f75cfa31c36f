"""No reader raises, hangs or takes memory, whatever the bytes: cut, changed, lying."""

import io
import resource
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfs.identify import identify
from modelfs.identify.formats import READERS, read_header
from modelfs.types import SourceFile

from .builders import FIXTURES, gguf, onnx_model, onnx_tensor, safetensors, source
from .test_graphs_and_archives import flatbuffer

WHOLE = {
    **FIXTURES,
    "tflite": ("m.tflite", flatbuffer()),
    "onnx": (
        "m.onnx",
        onnx_model(tensors=[onnx_tensor("w", (4, 8)), onnx_tensor("x", (2,), outside="d")]),
    ),
    "lora": (
        "m.safetensors",
        safetensors({"lora_unet_a.lora_down.weight": (4, 8), "lora_unet_a.lora_up.weight": (8, 4)}),
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_cut_at_every_byte_nothing_raises(name: str) -> None:
    path, data = WHOLE[name]
    step = max(1, len(data) // 600)
    for end in range(0, len(data), step):
        identify([source(path, data[:end])])


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(
        st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=9)), min_size=1, max_size=4
    ),
)
def test_changed_anywhere_nothing_raises(name: str, changes: list[tuple[int, bytes]]) -> None:
    path, data = WHOLE[name]
    changed = bytearray(data)
    for at, piece in changes:
        at %= len(changed)
        changed[at : at + len(piece)] = piece
    identify([source(path, bytes(changed))])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 2**63 - 1))
def test_a_size_that_lies_raises_nothing(name: str, size: int) -> None:
    path, data = WHOLE[name]
    read_header(SourceFile(path, size, lambda: io.BytesIO(data)))


HUGE = {
    "2^63 dimensions": gguf(
        {"general.architecture": "x"}, [("a", (2**63 - 1, 2**63 - 1, 2**63 - 1), 0)]
    ),
    "2^63 in a shape": safetensors({}).replace(
        b"{}",
        b'{"a":{"dtype":"F16","shape":['
        + b",".join([b"9223372036854775807"] * 64)
        + b'],"data_offsets":[0,0]}}',
    ),
    "nested JSON": struct.pack("<Q", 200_000) + b'{"dtype":' + b"[" * 199_991,
    "the same key a hundred thousand times": struct.pack("<Q", 1_400_001)
    + b"{"
    + b'"dtype":"F16",' * 100_000,
    "a million empty tensors": struct.pack("<Q", 4_000_000)
    + b'{"data_offsets":'
    + b"[" * 3_999_984,
    "an ONNX of nothing but nodes": b"\x08\x08\x12\x01a\x3a\xff\xff\xff\x7f"
    + b"\x0a\x00" * 900_000,
    "an ONNX tensor of 2^64 elements": onnx_model(tensors=[onnx_tensor("w", [2**63] * 60)]),
    "a card of aliases": b"---\na: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b]\n---\n",
}


@pytest.mark.parametrize("data", HUGE.values(), ids=HUGE)
def test_what_would_be_huge_takes_little_time_and_memory(data: bytes) -> None:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    for name in ("m.safetensors", "m.gguf", "m.onnx", "README.md"):
        identify([source(name, data), source("config.json", data)])
    assert time.monotonic() - started < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 10))
def test_no_reader_takes_another_formats_bytes_for_its_own(data: bytes, pad: int) -> None:
    """Random bytes are nobody's; a reader that claims them would claim text files too."""
    text = b"Once upon a time there was a file of text.\n" * pad + data
    if not text.startswith((b"\x80", b"PK", b"GGUF", b"\x08", b"lmgg")):
        assert [
            reader for reader in READERS if reader(text[:4096], io.BytesIO(text), len(text))
        ] == []
