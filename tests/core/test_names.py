"""Whatever a name came from, it is legal as a file name before it touches a path."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import WEIRD_NAMES
from modelfs.names import (
    MAX_BYTES,
    alternatives,
    check_tag,
    fold,
    legal_name,
    legal_path,
    shorten,
    split_extension,
)

HOSTILE = [
    "",
    ".",
    "..",
    "../..",
    "/etc/passwd",
    "a/b",
    "nul\0",
    "line\nbreak",
    "\x1b[31m",
    "\x7f",
    "\x85",
    "\u2028",
    " ",
    ". .",
    ".hidden",
    "dot.",
    "x" * 300,
    "é" * 200,
    "\U0001f600" * 100,
    os.fsdecode(b"\xff\xfe"),
    "e\u0301",
]


def assert_legal(name: str) -> None:
    raw = name.encode()
    assert 1 <= len(raw) <= MAX_BYTES
    assert name not in (".", "..")
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))
    assert not set(name) & set("/\0\n\r\x1b\x7f\u2028\u2029")
    assert unicodedata.is_normalized("NFC", name)


@given(WEIRD_NAMES | st.sampled_from(HOSTILE))
def test_any_text_becomes_a_legal_name(text: str) -> None:
    name = legal_name(text)
    assert_legal(name)
    assert legal_name(name) == name, "a legal name stays as it is"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_disk_takes_every_legal_name(tmp_path: Path, text: str) -> None:
    (tmp_path / legal_name(text)).write_bytes(b"")
    assert [path.name for path in tmp_path.iterdir()] == [legal_name(text)]


@pytest.mark.parametrize("text", ["a", "Llama 3.1 (8B)", "x.gguf", "-dash", "日本語", "~tilde"])
def test_an_ordinary_name_is_left_alone(text: str) -> None:
    assert legal_name(text) == text


@given(st.lists(WEIRD_NAMES | st.sampled_from(HOSTILE), min_size=1))
def test_a_legal_path_never_leads_out(parts: list[str]) -> None:
    for part in legal_path([*parts, "end"]).split("/"):
        assert part not in ("", ".", "..")
        assert len(part.encode()) <= MAX_BYTES
        assert "\0" not in part


def test_inside_a_model_a_leading_dot_stays() -> None:
    assert legal_path([".cache", "..", "...x", "a"]) == ".cache/unnamed/x/a"


@given(WEIRD_NAMES, st.none() | WEIRD_NAMES, st.sampled_from(["", ".gguf", ".safetensors"]))
def test_alternatives_are_legal_distinct_and_start_with_the_name(
    text: str, publisher: str | None, extension: str
) -> None:
    name = shorten(legal_name(text), len(extension)) or "x"
    found = alternatives(name, publisher, "abc123", extension)
    assert found[0] == name
    for one in found[:4] + found[-2:]:
        assert_legal(one + extension)
    rest = found[2:] if publisher else found[1:]
    assert len(set(rest)) == len(rest) >= 900


@pytest.mark.parametrize("publisher", ["x" * 300, "a/b", "../up", "new\nline", "\0"])
def test_a_hostile_publisher_makes_no_illegal_name(publisher: str) -> None:
    for name in alternatives("model", publisher, "abc123", ".gguf")[:4]:
        assert_legal(name + ".gguf")


def test_the_order_of_alternatives() -> None:
    assert alternatives("a", "org", "abc123", "")[:4] == [
        "a",
        "a-org",
        "a-abc123",
        "a-abc123-2",
    ]


@given(WEIRD_NAMES, st.integers(0, 250))
def test_shortened_text_fits_and_is_a_beginning(text: str, spare: int) -> None:
    clean = text.encode(errors="replace").decode()
    short = shorten(clean, spare)
    assert len(short.encode()) <= MAX_BYTES - spare
    assert clean.startswith(short)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.b.gguf", ("a.b", ".gguf")),
        ("a", ("a", "")),
        (".gguf", (".gguf", "")),
        ("v1.5 final", ("v1.5 final", "")),
        ("a.", ("a.", "")),
    ],
)
def test_an_extension_is_split_off(name: str, parts: tuple[str, str]) -> None:
    assert split_extension(name) == parts


def test_names_clash_without_regard_to_case_and_composition() -> None:
    assert fold("STRASSE") == fold("straße")
    assert fold("e\u0301") == fold("É")
    assert fold("a") != fold("b")


@given(st.text(max_size=300))
def test_an_accepted_tag_is_legal_as_a_folder(text: str) -> None:
    if check_tag(text) is None:
        assert 1 <= len(text.encode()) <= MAX_BYTES
        assert not set(text) & set("/+,\0\n")
        assert not text.startswith(("~", "."))


def test_ordinary_tags_are_accepted() -> None:
    for tag in ("gguf", "Q4_K_M", "my favourite", "日本", "c#", "a~b"):
        assert check_tag(tag) is None
