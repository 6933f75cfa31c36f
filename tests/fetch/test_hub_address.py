"""Addresses of the hub are read as people write and paste them, and nothing else is."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfs.errors import BadInput
from modelfs.fetch.hub_address import Address, is_hub_address, parse_address
from modelfs.fetch.listing import Wishes
from modelfs.fetch.sources.hub import HubSource

HUB = "https://huggingface.co"
MIRROR = "http://127.0.0.1:8080/mirror"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf:org/repo", Address("org/repo")),
        ("  HF:org/repo/ ", Address("org/repo")),
        ("hf:gpt2", Address("gpt2")),
        ("hf://org/repo", Address("org/repo")),
        ("hf:org/repo@v1.0", Address("org/repo", "v1.0")),
        ("hf:org/repo:Q4_K_M", Address("org/repo", None, "Q4_K_M")),
        ("hf:org/repo:latest", Address("org/repo")),
        ("hf:org/repo@main:Q8_0", Address("org/repo", "main", "Q8_0")),
        ("hf:org/repo/unet/*", Address("org/repo", None, None, "unet/*")),
        ("hf:org/repo@v1:Q4/a/b.gguf", Address("org/repo", "v1", "Q4", "a/b.gguf")),
        ("hf:org/repo@refs/pr/3", Address("org/repo", "refs/pr/3")),
        ("hf:org/repo@refs/pr/3/a.bin", Address("org/repo", "refs/pr/3", None, "a.bin")),
        ("hf:org/repo@refs%2Fpr%2F3", Address("org/repo", "refs/pr/3")),
        ("hf:org/repo@feature%2Fx/a", Address("org/repo", "feature/x", None, "a")),
        ("hf:gpt2@main/config.json", Address("gpt2", "main", None, "config.json")),
        ("hf:gpt2:latest/config.json", Address("gpt2", "main", None, "config.json")),
        (f"{HUB}/org/repo", Address("org/repo")),
        (f"{HUB}/org/repo/", Address("org/repo")),
        (f"{HUB}/gpt2", Address("gpt2")),
        (f"hf:{HUB}/org/repo", Address("org/repo")),
        (f"{HUB}/org/repo/tree/main", Address("org/repo", "main")),
        (f"{HUB}/gpt2/tree/main/onnx", Address("gpt2", "main", None, "onnx")),
        (f"{HUB}/org/repo/tree/refs%2Fpr%2F3/a", Address("org/repo", "refs/pr/3", None, "a")),
        (f"{HUB}/org/repo/tree/refs/pr/3/a", Address("org/repo", "refs/pr/3", None, "a")),
        (f"{HUB}/org/repo/blob/v1/x%20y.bin", Address("org/repo", "v1", None, "x y.bin")),
        (f"{HUB}/org/repo/blob/main/a%5B1%5D.bin", Address("org/repo", "main", None, "a[[]1].bin")),
        (
            f"{HUB}/org/repo/resolve/main/q/x.gguf?download=true",
            Address("org/repo", "main", None, "q/x.gguf"),
        ),
        (f"{HUB}/org/repo/commit/{'a' * 40}", Address("org/repo", "a" * 40)),
        (f"{HUB}/org/repo/discussions/5", Address("org/repo")),
        (
            f"{HUB}/org/repo?show_file_info=x-Q4_K_M.gguf",
            Address("org/repo", "main", None, "x-Q4_K_M.gguf"),
        ),
        ("hf.co/org/repo:Q4_K_M", Address("org/repo", None, "Q4_K_M")),
        ("https://hf.co/org/repo:Q4_K_M", Address("org/repo", None, "Q4_K_M")),
        ("huggingface.co/org/repo/tree/main", Address("org/repo", "main")),
        ("http://www.huggingface.co/org/repo#files", Address("org/repo")),
    ],
)
def test_address_is_read(text: str, expected: Address) -> None:
    assert is_hub_address(text, HUB)
    assert parse_address(text, HUB) == expected


def test_pages_of_the_configured_endpoint_are_read_too() -> None:
    assert parse_address(f"{MIRROR}/org/repo/tree/v1/a", MIRROR) == Address(
        "org/repo", "v1", None, "a"
    )
    assert parse_address(f"{HUB}/org/repo", MIRROR) == Address("org/repo")
    assert not is_hub_address(f"{MIRROR}/org/repo", HUB)
    assert not is_hub_address("http://127.0.0.1:8080/mirrored/org/repo", MIRROR)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hf:", "the repository is missing"),
        ("hf:@main", "the repository is missing"),
        (HUB, "the repository is missing"),
        ("hf:a b/c", "it names no repository"),
        ("hf:org/-repo", "it names no repository"),
        ("hf:org/re--po", "it names no repository"),
        ("hf:org/repo.git", "it names no repository"),
        ("hf:../../etc", "it names no repository"),
        ("hf:org/repo@", "no branch, tag or commit"),
        ("hf:org/repo@a..b", "no branch, tag or commit"),
        ("hf:org/repo@--upload-pack=x", "no branch, tag or commit"),
        ("hf:org/repo:", "no quantisation"),
        ("hf:org/repo:Q4@main", "the revision comes before"),
        ("hf:org/repo/../x", "its path is none"),
        (f"{HUB}/org/repo/blob/main/..%2F..%2Fx", "its path is none"),
        ("hf:org/re\x1b[31mpo", "control characters"),
        (f"{HUB}/org/repo/other/page", "shows no files"),
        (f"{HUB}/models", "shows no model"),
        (f"{HUB}/docs/hub", "shows no model"),
        ("org/repo", "does not begin with hf:"),
        ("https://example.org/org/repo", "does not begin with hf:"),
        ("https://[::1/x", "does not begin with hf:"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        parse_address(text, HUB)
    assert raised.value.message.isprintable()
    assert raised.value.hint


@pytest.mark.parametrize("start", ["hf:", f"{HUB}/", "hf.co/"])
@pytest.mark.parametrize(("folder", "kind"), [("datasets", "dataset"), ("spaces", "space")])
def test_datasets_and_spaces_are_called_by_their_kind(start: str, folder: str, kind: str) -> None:
    with pytest.raises(BadInput, match=f"org/name is a {kind}") as raised:
        parse_address(f"{start}{folder}/org/name", HUB)
    assert "own tool" in raised.value.hint


def test_wishes_are_what_the_address_asks_for() -> None:
    source = HubSource()
    assert source.wishes("hf:org/repo") == Wishes()
    assert source.wishes("hf:org/repo:Q4_K_M") == Wishes(variants=("Q4_K_M",))
    assert source.wishes("hf:org/repo/unet") == Wishes(include=("unet",))


def test_only_its_own_addresses_are_claimed() -> None:
    source = HubSource()
    assert source.claims("hf:anything at all")
    assert source.claims(f"{HUB}/datasets/org/name")
    assert not source.claims("https://civitai.com/models/1")
    assert not source.claims("https://huggingface.co.example.org/org/repo")
    assert not source.claims("/home/somebody/model.gguf")


ANYTHING = st.one_of(
    st.text(),
    st.text(alphabet="hf:/@.%?#[]-*_ Q4abc\x00é\u202e"),
    st.lists(
        st.sampled_from(
            ["hf:", HUB, "hf.co", "/", "@", ":", "org", "refs/pr/3", "%2F", "..", "tree", "x.gguf"]
        ),
        max_size=9,
    ).map("".join),
)


@given(ANYTHING)
def test_any_text_is_an_address_or_bad_input(text: str) -> None:
    try:
        address = parse_address(text, HUB)
    except BadInput as error:
        assert error.message.isprintable()
        return
    assert parse_address(str(address), HUB) == address
    assert str(address).isprintable()


WORD = st.text(alphabet=string.ascii_letters + string.digits, min_size=1, max_size=8)
NAME = st.lists(WORD, min_size=1, max_size=3).map("-".join)
PART = st.text(
    alphabet=string.ascii_letters + string.digits + "._-*[]?% @:", min_size=1, max_size=9
).filter(lambda part: part.strip("/ ") == part and part not in (".", ".."))


@given(
    st.builds(
        Address,
        repository=st.builds(lambda org, name: f"my{org}/{name}", NAME, NAME),
        revision=st.none() | st.lists(WORD, min_size=1, max_size=3).map("/".join),
        quant=st.none() | NAME.filter(lambda name: name != "latest"),
        path=st.none() | st.lists(PART, min_size=1, max_size=3).map("/".join),
    )
)
def test_address_is_written_as_it_is_read(address: Address) -> None:
    assert parse_address(str(address), HUB) == address
