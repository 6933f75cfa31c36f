"""The format comes from the bytes; no bytes, however bad, make identification raise."""

import io
import json
import pickle
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfs.identify import identify
from modelfs.identify.formats import read_header
from modelfs.types import SourceFile

from .builders import FIXTURES, ctranslate2, onnx, safetensors, source, torch_zip

MAGICS = [data[:12] for _, data in FIXTURES.values()]


def format_of(data: bytes, path: str = "file.bin") -> str:
    return read_header(source(path, data)).facts.format


@pytest.mark.parametrize("expected", FIXTURES)
def test_each_format_is_known_by_its_bytes_whatever_the_name(expected: str) -> None:
    assert format_of(FIXTURES[expected][1], "nameless") == expected


@pytest.mark.parametrize("expected", FIXTURES)
def test_whole_file_gives_no_warning(expected: str) -> None:
    path, data = FIXTURES[expected]
    assert read_header(source(path, data)).facts.warnings == ()


@pytest.mark.parametrize("expected", FIXTURES)
def test_file_cut_at_any_byte_is_its_format_or_unknown(expected: str) -> None:
    path, data = FIXTURES[expected]
    less = {"torchscript": "pytorch", "keras-hdf5": "hdf5"}.get(expected, expected)
    allowed = {expected, less, "unknown"}
    for end in range(len(data)):
        found = identify([source(path, data[:end])])
        assert found.facts.format in allowed, end


@pytest.mark.parametrize("expected", ["gguf", "safetensors", "ctranslate2"])
def test_missing_tensor_data_is_reported(expected: str) -> None:
    path, data = FIXTURES[expected]
    facts = read_header(source(path, data[:-1])).facts
    assert facts.format == expected
    assert any(warning.startswith("truncated") for warning in facts.warnings)


def test_truncation_names_both_sizes() -> None:
    data = safetensors({"w": (1000, 1000)})
    warnings = read_header(source("a.safetensors", data[:1000])).facts.warnings
    assert warnings == (
        f"truncated: the header promises {len(data)} bytes of data, the file has 1000",
    )


def test_torch_archive_without_its_end_is_still_torch_and_truncated() -> None:
    facts = read_header(source("a.pt", torch_zip()[:200])).facts
    assert facts.format == "pytorch"
    assert facts.warnings


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GGUF",
        b"GGUF is a file format, says this text file",
        b"<!DOCTYPE html><html></html>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        b'{"a": 1}',
        struct.pack("<Q", 9) + b'{"a": 1} ',
        b"\x08\x01\x12\x04\x0a\x02ab",
        b"\x08\x08\x12\x07pytorch",
        b"PK\x05\x06" + bytes(18),
        b"\x80\x02 not a pickle at all, only text",
        b"lmgg" + b"\xff" * 60,
        struct.pack("<IH", 6, 5) + b"Nope\0",
        bytes(4096),
    ],
)
def test_other_bytes_are_unknown(data: bytes) -> None:
    assert format_of(data) == "unknown"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_pickles_are_pickles(protocol: int) -> None:
    assert format_of(pickle.dumps({"weights": [1.0, 2, "three"]}, protocol)) == "pickle"


def test_pickle_is_never_executed() -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return pytest.fail, ("it ran",)

    assert format_of(pickle.dumps(Trap(), 4)) == "pickle"


def test_zip_of_something_else_is_unknown() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", b"<x/>")
    assert format_of(out.getvalue()) == "unknown"


def test_zip_that_claims_a_huge_directory_is_not_read() -> None:
    data = bytearray(torch_zip())
    end = data.rfind(b"PK\x05\x06")
    struct.pack_into("<I", data, end + 12, 0xFFFFFFF0)
    assert format_of(bytes(data)) in {"pytorch", "unknown"}


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 100_000_001])
def test_safetensors_header_over_the_cap_is_unknown(length: int) -> None:
    assert format_of(struct.pack("<Q", length) + b'{"a":{"dtype":"F32"') == "unknown"


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]},
        {"dtype": 7, "shape": [4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [10**30], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": "no", "data_offsets": None},
    ],
)
def test_safetensors_entry_that_lies_gives_a_warning(entry: object) -> None:
    header = json.dumps({"w": entry}).encode()
    facts = read_header(
        source("a.safetensors", struct.pack("<Q", len(header)) + header + bytes(16))
    ).facts
    assert facts.format == "safetensors"
    assert facts.parameters is None
    assert facts.warnings


def test_deeply_nested_header_does_not_break_the_reader() -> None:
    header = b'{"__metadata__":' + b"[" * 200_000
    facts = read_header(source("a", struct.pack("<Q", len(header)) + header)).facts
    assert facts.warnings == ("damaged safetensors header: not JSON",)


def test_huge_onnx_graph_is_stepped_over() -> None:
    data = onnx()
    opened = CountingFile(data)
    read_header(SourceFile("a.onnx", len(data), lambda: opened))
    assert opened.bytes_read < 3 * 4096 + 66_000


def test_control_characters_of_a_header_do_not_become_facts() -> None:
    data = safetensors({"w": (1,)}, metadata={"modelspec.title": "a\x1b[31m\nb" + "x" * 5000})
    title = identify([source("a", data)]).facts.details["title"]
    assert isinstance(title, str)
    assert title.isprintable()
    assert len(title) <= 300


def test_size_that_is_larger_than_the_file_does_not_raise() -> None:
    for path, data in FIXTURES.values():
        identify([SourceFile(path, 10**12, lambda data=data: io.BytesIO(data))])


@given(st.binary(max_size=400))
def test_random_bytes_never_raise(data: bytes) -> None:
    identify([source("file.bin", data)])


@given(st.sampled_from(MAGICS), st.binary(max_size=400))
def test_random_bytes_behind_a_magic_never_raise(magic: bytes, data: bytes) -> None:
    identify([source("file.bin", magic + data)])


@given(
    st.sampled_from(sorted(FIXTURES)),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_changed_bytes_never_raise(name: str, changes: list[tuple[int, int]]) -> None:
    path, data = FIXTURES[name][0], bytearray(FIXTURES[name][1])
    for place, byte in changes:
        data[place % len(data)] = byte
    identify([source(path, bytes(data))])


def test_ctranslate2_name_has_to_end_as_specifications_do() -> None:
    assert format_of(ctranslate2("Whisper")) == "unknown"


class CountingFile(io.BytesIO):
    """Counts what is read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data
