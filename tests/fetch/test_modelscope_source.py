"""ModelScope: repositories listed and fetched by its plain interface."""

from collections.abc import Iterator

import pytest

from fetch.standin.content import Content
from fetch.standin.modelscope import StandInModelScope
from modelfs.errors import BadInput, NotFound, Unreachable
from modelfs.fetch.endpoints import Endpoints
from modelfs.fetch.listing import RemoteFile, Wishes
from modelfs.fetch.sources.modelscope import ModelScopeSource
from modelfs.fetch.tokens import Tokens
from modelfs.fetch.web import Web

SOURCE = ModelScopeSource()
TOKEN = "the-secret-of-modelscope"
GGUF = {
    "README.md": b"# Owl",
    "Q4_K_M/owl-Q4_K_M.gguf": b"four" * 40,
    "Q8_0/owl-Q8_0.gguf": b"eight" * 60,
}


@pytest.fixture
def modelscope() -> Iterator[StandInModelScope]:
    with StandInModelScope() as standing_in:
        yield standing_in


@pytest.fixture(scope="module")
def shared() -> Iterator[Web]:
    with Web(backoff_s=0.001) as web:
        yield web


@pytest.fixture
def web(modelscope: StandInModelScope, shared: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    """Talk to the stand-in, with its token."""
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", TOKEN)
    shared.endpoints, shared.tokens = Endpoints(modelscope=modelscope.address), Tokens()
    return shared


class TestListing:
    def test_has_every_file_with_its_size_and_digest_and_no_folders(
        self, modelscope: StandInModelScope, web: Web
    ) -> None:
        modelscope.add("owls/owl-GGUF", GGUF)
        listing = SOURCE.list("ms:owls/owl-GGUF", web)
        assert (listing.source, listing.title) == ("ms:owls/owl-GGUF@master", "owls/owl-GGUF")
        assert listing.asked == "master"
        base = f"{modelscope.address}/models/owls/owl-GGUF/resolve/master"
        assert listing.files == tuple(
            RemoteFile(path, len(data), f"{base}/{path}", Content(data).sha256, access="modelscope")
            for path, data in GGUF.items()
        )

    def test_has_a_variant_for_each_quantisation(
        self, modelscope: StandInModelScope, web: Web
    ) -> None:
        modelscope.add("owls/owl-GGUF", GGUF)
        variants = SOURCE.list("ms:owls/owl-GGUF", web).variants
        assert {variant.label for variant in variants} == {"Q4_K_M", "Q8_0"}

    def test_is_of_the_revision_that_was_asked_for(
        self, modelscope: StandInModelScope, web: Web
    ) -> None:
        modelscope.add("owls/owl", {"new.gguf": b"new"})
        modelscope.add("owls/owl", {"old file.gguf": b"old"}, "v1.0")
        listing = SOURCE.list("ms:owls/owl@v1.0", web)
        assert (listing.source, listing.asked) == ("ms:owls/owl@v1.0", "v1.0")
        (file,) = listing.files
        with web.open(file.url, file.access) as answer:
            assert answer.read() == b"old"

    def test_sends_the_token_to_the_site_alone(
        self, modelscope: StandInModelScope, web: Web
    ) -> None:
        modelscope.add("owls/owl", {"a.gguf": b"a"})
        listing = SOURCE.list("ms:owls/owl", web)
        with web.open(listing.files[0].url, listing.files[0].access) as answer:
            answer.read()
        origins = [(each.origin, each.token) for each in modelscope.requests]
        assert origins == [("modelscope", TOKEN), ("modelscope", TOKEN), ("cdn", None)]
        assert TOKEN not in repr(listing)

    @pytest.mark.parametrize("text", ["ms:owls/owl@v9", "ms:owls/hawk"])
    def test_of_what_is_not_there_is_not_found(
        self, modelscope: StandInModelScope, web: Web, text: str
    ) -> None:
        modelscope.add("owls/owl", {"a.gguf": b"a"})
        with pytest.raises(NotFound, match="no model owls/"):
            SOURCE.list(text, web)

    def test_of_the_other_site_may_be_found_there(
        self, modelscope: StandInModelScope, web: Web
    ) -> None:
        for status in (200, 404):
            if status == 404:
                modelscope.faults.status("/api/*", 404)
            with pytest.raises(NotFound) as caught:
                SOURCE.list("https://www.modelscope.ai/models/owls/hawk", web)
            assert "MODELFS_MODELSCOPE=https://www.modelscope.ai" in caught.value.hint

    def test_of_an_empty_repository_is_not_found(
        self, modelscope: StandInModelScope, web: Web
    ) -> None:
        modelscope.add("owls/egg", {})
        with pytest.raises(NotFound, match="no files"):
            SOURCE.list("ms:owls/egg", web)

    @pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"Code":200,"Data":{"Files":5}}'])
    def test_that_is_none_is_unreachable(
        self, modelscope: StandInModelScope, web: Web, answer: bytes
    ) -> None:
        modelscope.faults.status("/api/*", 200, body=answer)
        with pytest.raises(Unreachable):
            SOURCE.list("ms:owls/owl", web)

    def test_leaves_out_what_is_no_file_and_doubts_odd_values(
        self, modelscope: StandInModelScope, web: Web
    ) -> None:
        body = b"""{"Code": 200, "Data": {"Files": [
            5, {"Type": "blob"}, {"Path": "a.gguf", "Size": -1, "Sha256": "abc", "Type": "blob"},
            {"Path": "a.gguf", "Size": 3}, {"Path": "b.gguf", "Size": true}, {"Path": "/"}]}}"""
        modelscope.faults.status("/api/*", 200, body=body)
        files = SOURCE.list("ms:owls/owl", web).files
        assert [(each.path, each.size_bytes, each.sha256) for each in files] == [
            ("a.gguf", None, None),
            ("b.gguf", None, None),
        ]


class TestAddress:
    @pytest.mark.parametrize(
        ("text", "source", "wishes"),
        [
            ("ms:owls/owl", "ms:owls/owl@master", Wishes()),
            ("MS:owls/owl:Q8_0", "ms:owls/owl@master", Wishes(variants=("Q8_0",))),
            ("ms:owls/owl/*.json", "ms:owls/owl@master", Wishes(include=("*.json",))),
            (
                "ms:owls/owl@v1:Q4_0/sub/*",
                "ms:owls/owl@v1",
                Wishes(variants=("Q4_0",), include=("sub/*",)),
            ),
            ("https://modelscope.cn/models/owls/owl", "ms:owls/owl@master", Wishes()),
            ("https://www.modelscope.cn/models/owls/owl/files", "ms:owls/owl@master", Wishes()),
            ("https://modelscope.ai/models/owls/owl/summary?x=1", "ms:owls/owl@master", Wishes()),
            (
                "https://modelscope.cn/models/owls/owl/resolve/v1/sub/a%20[1].gguf",
                "ms:owls/owl@v1",
                Wishes(include=("sub/a [[]1].gguf",)),
            ),
            (
                "https://modelscope.cn/models/owls/owl/file/view/v1/a.gguf?status=2",
                "ms:owls/owl@v1",
                Wishes(include=("a.gguf",)),
            ),
            (
                "https://modelscope.cn/models/owls/owl/tree/v1/sub",
                "ms:owls/owl@v1",
                Wishes(include=("sub/*",)),
            ),
        ],
    )
    def test_says_repository_revision_and_wishes(
        self, modelscope: StandInModelScope, web: Web, text: str, source: str, wishes: Wishes
    ) -> None:
        for revision in ("master", "v1"):
            modelscope.add("owls/owl", {"a.gguf": b"a"}, revision)
        assert SOURCE.claims(text)
        assert SOURCE.wishes(text) == wishes
        assert SOURCE.list(text, web).source == source

    @pytest.mark.parametrize(
        "text",
        [
            "ms:owl",
            "ms:../..",
            "ms:owls/owl@",
            "ms:owls/owl:Q4:Q5",
            "https://modelscope.cn/datasets/owls/owl",
            "https://modelscope.cn/models/owls",
        ],
    )
    def test_that_names_no_model_is_bad_input(self, web: Web, text: str) -> None:
        assert SOURCE.claims(text)
        with pytest.raises(BadInput):
            SOURCE.wishes(text)
        with pytest.raises(BadInput):
            SOURCE.list(text, web)

    @pytest.mark.parametrize("text", ["hf:a/b", "https://example.org/models/a/b", "https://["])
    def test_of_other_places_is_left_to_them(self, text: str) -> None:
        assert not SOURCE.claims(text)
