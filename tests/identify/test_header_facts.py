"""What the headers of GGUF, safetensors and the speech formats tell."""

import io
import struct

import pytest

from modelfs.identify.deltas import read_delta
from modelfs.identify.formats import read_header
from modelfs.identify.readers.cursor import MAX_HEADER_BYTES
from modelfs.types import Facts, SourceFile

from .builders import ctranslate2, gguf, safetensors, silero_ggml, source, whisper_ggml


def facts_of(data: bytes) -> Facts:
    return read_header(source("model", data)).facts


def test_gguf_tells_what_its_keys_say() -> None:
    facts = facts_of(
        gguf(
            {
                "general.architecture": "llama",
                "general.type": "model",
                "general.name": "Tiny Llama",
                "general.basename": "tiny",
                "general.size_label": "1K",
                "general.license": "mit",
                "llama.context_length": 4096,
                "general.base_model.0.name": "Base",
                "tokenizer.chat_template": "x" * 10_000,
                "general.file_type": 15,
            },
            [("a", (256, 2), 12), ("b", (256,), 0)],
            data_bytes=1024,
        )
    )
    assert (facts.architecture, facts.quant, facts.parameters) == ("llama", "Q4_K_M", 768)
    assert facts.base_model == "Base"
    assert facts.warnings == ()
    wanted = {
        "type": "model",
        "name": "Tiny Llama",
        "basename": "tiny",
        "size_label": "1K",
        "license": "mit",
        "context_length": 4096,
        "tensor_count": 2,
        "has_chat_template": True,
        "bits_per_weight": round(8 * (2 * 144 + 1024) / 768, 2),
    }
    assert wanted.items() <= facts.details.items()


def test_gguf_keys_behind_a_large_vocabulary_are_found() -> None:
    tokens = [f"token{number}" for number in range(50_000)]
    facts = facts_of(gguf({"general.architecture": "x", "t": tokens, "general.file_type": 7}))
    assert facts.quant == "Q8_0"


def test_big_endian_gguf_is_read() -> None:
    facts = facts_of(gguf({"general.architecture": "llama", "general.file_type": 1}, order=">"))
    assert (facts.architecture, facts.quant, facts.warnings) == ("llama", "F16", ())


def test_unknown_tensor_type_is_a_warning() -> None:
    facts = facts_of(gguf({"general.architecture": "x"}, [("a", (4,), 99)]))
    assert facts.warnings == ("tensor type 99 is not known",)
    assert facts.parameters == 4


@pytest.mark.parametrize(
    "tail",
    [
        struct.pack("<QQ", 2**63, 0),
        struct.pack("<QQ", 0, 2**40),
        struct.pack("<QQ", 0, 1) + struct.pack("<Q", 2**62),
        struct.pack("<QQ", 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<I", 77),
        struct.pack("<QQ", 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 8, 2**60),
        struct.pack("<QQ", 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 9, 1),
        struct.pack("<QQ", 0, 1)
        + struct.pack("<Q", 1)
        + b"k"
        + struct.pack("<IIQQ", 9, 8, 2, 2**64 - 1),
        struct.pack("<QQ", 1, 0) + struct.pack("<Q", 1) + b"t" + struct.pack("<I", 2**31),
    ],
)
def test_gguf_lengths_that_lie_give_a_warning(tail: bytes) -> None:
    facts = facts_of(b"GGUF" + struct.pack("<I", 3) + tail + bytes(64))
    assert facts.format == "gguf"
    assert len(facts.warnings) == 1


class EndlessArray(io.BytesIO):
    """A GGUF whose one array of empty strings never ends; counts what is read of it."""

    HEAD = b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 2**60)
    at = 0
    bytes_read = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset
        return offset

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None and size >= 0
        data = self.HEAD[self.at : self.at + size].ljust(size, b"\0")
        self.at += size
        self.bytes_read += size
        return data


def test_gguf_header_is_read_no_further_than_the_limit() -> None:
    stream = EndlessArray()
    facts = read_header(SourceFile("a.gguf", 10**13, lambda: stream)).facts
    assert facts.warnings == ("truncated: 64 MiB pass before the GGUF header is complete",)
    assert stream.bytes_read <= MAX_HEADER_BYTES + 8192


def test_safetensors_counts_parameters_and_names_the_widest_dtype() -> None:
    facts = facts_of(safetensors({"a": (10, 10), "b": (5,)}, "BF16", metadata={"format": "pt"}))
    assert (facts.parameters, facts.quant) == (105, "BF16")
    assert facts.details["tensor_types"] == ("BF16 100%",)


def test_bytes_behind_the_last_tensor_are_reported() -> None:
    facts = facts_of(safetensors({"a": (2,)}) + b"more")
    assert facts.warnings == ("4 bytes follow the last tensor",)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["lora_unet_x.lora_down.weight", "lora_unet_x.lora_up.weight", "lora_unet_x.alpha"], True),
        (["transformer.x.lora_A.weight", "transformer.x.lora_B.weight"], True),
        (["a.hada_w1_a", "a.hada_w1_b"], True),
        (["a.weight", "b.weight", "c.weight", "c.lora_A.weight"], False),
        (["model.embed_tokens.weight"], False),
    ],
)
def test_delta_is_told_by_the_majority_of_keys(names: list[str], expected: bool) -> None:
    reading = read_header(source("a", safetensors(dict.fromkeys(names, (2,)))))
    assert (read_delta(reading.tensors) is not None) is expected


@pytest.mark.parametrize(
    ("data", "architecture", "quant", "size"),
    [
        (whisper_ggml(1, 4), "whisper", "F16", "tiny"),
        (whisper_ggml(1008, 6), "whisper", "Q5_0", "base"),
        (whisper_ggml(7, 32, 4), "whisper", "Q8_0", "large-turbo"),
        (silero_ggml(), "silero-vad", None, None),
    ],
)
def test_whisper_header(
    data: bytes, architecture: str, quant: str | None, size: str | None
) -> None:
    facts = facts_of(data)
    assert (facts.architecture, facts.quant) == (architecture, quant)
    assert facts.details.get("size_label") == size


def test_ctranslate2_header() -> None:
    facts = facts_of(ctranslate2())
    assert (facts.architecture, facts.quant, facts.parameters) == ("WhisperSpec", "F16", 32)
