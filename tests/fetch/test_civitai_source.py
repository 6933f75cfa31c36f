"""CivitAI: which version and file an address means, what lies beside it, who gets the token."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fetch.standin.civitai import TOKEN, StandInCivitai
from identify.builders import folder, safetensors
from modelfs.errors import AccessDenied, BadInput, ModelfsError, NotFound, Unreachable
from modelfs.fetch.endpoints import Endpoints
from modelfs.fetch.listing import Listing, RemoteFile, Wishes
from modelfs.fetch.sources.civitai import CivitaiSource
from modelfs.fetch.tokens import Tokens
from modelfs.fetch.web import Web
from modelfs.identify import group, identify

SOURCE = CivitaiSource()


@pytest.fixture
def civitai() -> Iterator[StandInCivitai]:
    with StandInCivitai() as standing_in:
        yield standing_in


@pytest.fixture(scope="module")
def shared() -> Iterator[Web]:
    with Web(backoff_s=0.001) as web:
        yield web


@pytest.fixture
def web(civitai: StandInCivitai, shared: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    """Talk to the stand-in, with its token."""
    monkeypatch.setenv("CIVITAI_API_TOKEN", TOKEN)
    shared.endpoints, shared.tokens = Endpoints(civitai=civitai.address), Tokens()
    return shared


def names(listing: Listing) -> list[str]:
    return [file.path for file in listing.files]


def labels(listing: Listing) -> list[str]:
    return [variant.label for variant in listing.variants]


def ink(civitai: StandInCivitai, **fields: Any) -> None:
    """Publish a LoRA of one version and one file, with a picture."""
    file = civitai.file(7, "ink.safetensors", b"w" * 1500, primary=True, format="SafeTensor")
    picture = civitai.image("5.jpeg")
    civitai.add(123, civitai.version(789, file, images=[picture]), **fields)


class TestListing:
    def test_is_the_file_with_a_note_and_a_picture_under_its_stem(
        self, civitai: StandInCivitai, web: Web
    ) -> None:
        ink(civitai)
        listing = SOURCE.list("civitai:123", web)
        model, note, picture = listing.files
        assert (listing.source, listing.title) == ("civitai:123@789", "Ink v789")
        assert (listing.asked, listing.variants, listing.tags) == ("latest", (), ())
        link = f"{civitai.address}/api/download/models/789?fileId=7"
        digest = civitai.file(7, "", b"w" * 1500)["hashes"]["SHA256"].lower()
        assert model == RemoteFile("ink.safetensors", 1500, link, digest, access="civitai")
        assert (note.path, note.size_bytes) == ("ink.civitai.info", len(note.content or b""))
        url = f"{civitai.storage.address}/image/5.jpeg"
        assert picture == RemoteFile("ink.preview.jpg", len(b"picture 5.jpeg"), url)

    def test_asks_for_no_more_than_the_first_byte_of_a_file(
        self, civitai: StandInCivitai, web: Web
    ) -> None:
        ink(civitai)
        SOURCE.list("civitai:123", web)
        asked = [(each.origin, each.path) for each in civitai.requests]
        assert asked == [
            ("civitai", "/api/v1/models/123"),
            ("civitai", "/api/download/models/789"),
            ("storage", "/file/7"),
            ("storage", "/image/5.jpeg"),
        ]
        stored = [each for each in civitai.requests if each.origin == "storage"]
        assert all(each.range == "bytes=0-0" and each.bytes_sent <= 1 for each in stored)

    def test_the_note_is_the_version_as_the_site_gives_it_without_its_counters(
        self, civitai: StandInCivitai, web: Web
    ) -> None:
        ink(civitai, allowNoCredit=False)
        note = SOURCE.list("civitai:123", web).by_path()["ink.civitai.info"]
        value = json.loads(note.content or b"")
        assert (value["id"], value["modelId"], value["baseModel"]) == (789, 123, "SDXL 1.0")
        assert value["files"][0]["hashes"]["AutoV2"] and value["images"]
        assert value["model"]["name"] == "Ink" and value["model"]["allowNoCredit"] is False
        assert value["creator"]["username"] == "brush"
        assert "stats" not in value and TOKEN not in (note.content or b"").decode()

    def test_identification_reads_the_same_as_the_facts_say(
        self, civitai: StandInCivitai, web: Web
    ) -> None:
        ink(civitai, allowCommercialUse=["Image", "Rent"], allowDerivatives=True)
        listing = SOURCE.list("civitai:123", web)
        weights = safetensors({"lora_unet_down_blocks_0.lora_down.weight": [4, 4]})
        (found,) = group(names(listing)).models
        assert sorted(found.members) == sorted(names(listing))
        files = {file.path: file.content or b"x" for file in listing.files}
        verdict = identify(folder(files | {"ink.safetensors": weights}))
        read = {**verdict.facts.details, "base_model": verdict.facts.base_model}
        said = dict(listing.facts)
        assert said.pop("license") == "CivitAI terms: commercial use: image, rent"
        assert said == {
            "title": "Ink",
            "author": "brush",
            "trigger_words": ("inkstyle",),
            "model_page": "https://civitai.com/models/123",
            "base_model": "SDXL 1.0",
        }
        assert {key: read[key] for key in said} == said
        assert read["preview"] == "ink.preview.jpg"

    def test_tells_what_is_not_for_everybody(self, civitai: StandInCivitai, web: Web) -> None:
        ink(civitai, nsfw=True)
        assert SOURCE.list("civitai:123", web).tags == ("nsfw",)

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"allowCommercialUse": ["None"], "allowNoCredit": True}, "no commercial use"),
            ({"allowCommercialUse": "{Sell,Image}"}, "commercial use: image, sell"),
            (
                {"allowNoCredit": False, "allowDerivatives": False, "allowDifferentLicense": False},
                "credit required; no derivatives; same terms for derivatives",
            ),
        ],
    )
    def test_puts_the_permissions_into_words(
        self, civitai: StandInCivitai, web: Web, fields: dict[str, Any], words: str
    ) -> None:
        ink(civitai, **fields)
        assert SOURCE.list("civitai:123", web).facts["license"] == f"CivitAI terms: {words}"


class TestVersion:
    @pytest.fixture(autouse=True)
    def _three(self, civitai: StandInCivitai) -> None:
        civitai.add(
            123,
            civitai.version(11, civitai.file(1, "one.safetensors")),
            civitai.version(13, civitai.file(3, "three.safetensors")),
            civitai.version(12, civitai.file(2, "two.safetensors")),
            civitai.version(14),  # only to be used at the site
            civitai.version(15, civitai.file(5, "five.safetensors"), status="Draft"),
        )

    @pytest.mark.parametrize("text", ["civitai:123", "civitai:123@latest", " CivitAI:123 "])
    def test_is_the_newest_published_one_with_files(self, web: Web, text: str) -> None:
        listing = SOURCE.list(text, web)
        assert (listing.source, listing.asked) == ("civitai:123@13", "latest")

    @pytest.mark.parametrize(
        "text",
        [
            "civitai:123@11",
            "civitai:123@11/one.*",
            "urn:air:sdxl:lora:civitai:123@11",
            "air:civitai:123@11+1.safetensors",
            "https://civitai.com/models/123/ink-style?modelVersionId=11",
            "https://www.civitai.com/models/123?modelVersionId=11#comments",
            "https://civitai.red/model-versions/11",
            "https://civitai.com/api/v1/model-versions/11",
            "https://civitai.com/api/download/models/11",
            "https://civitai.com/api/download/models/11?type=Model&token=abc",
            "https://civitai.com/api/download/models/11?fileId=1&type=VAE",
        ],
    )
    def test_is_the_one_that_an_address_names(self, web: Web, text: str) -> None:
        assert SOURCE.claims(text)
        listing = SOURCE.list(text, web)
        assert (listing.source, listing.asked) == ("civitai:123@11", "11")
        assert names(listing) == ["one.safetensors", "one.civitai.info"]

    @pytest.mark.parametrize("text", ["civitai:123@99", "civitai:124", "civitai:123@31"])
    def test_that_is_not_there_is_not_found(
        self, civitai: StandInCivitai, web: Web, text: str
    ) -> None:
        civitai.add(130, civitai.version(31, civitai.file(9, "other.safetensors")))
        with pytest.raises(NotFound):
            SOURCE.list(text, web)

    def test_of_another_name_of_the_site_may_be_found_there(self, web: Web) -> None:
        with pytest.raises(NotFound) as caught:
            SOURCE.list("https://civitai.red/models/999", web)
        assert "MODELFS_CIVITAI=https://civitai.red" in caught.value.hint

    def test_without_files_says_so_and_where_to_look(self, web: Web) -> None:
        with pytest.raises(NotFound, match="has no files") as caught:
            SOURCE.list("civitai:123@14", web)
        assert "/models/123?modelVersionId=14" in caught.value.hint

    @pytest.mark.parametrize(
        "text",
        [
            "civitai:",
            "civitai:ink",
            "civitai:0",
            "civitai:1@",
            "civitai:1:2",
            "https://civitai.com/user/brush?token=abc",
            "https://civitai.com/images/5",
            "https://civitai.com/models/ink",
        ],
    )
    def test_of_an_address_that_names_none_is_bad_input(self, web: Web, text: str) -> None:
        assert SOURCE.claims(text)
        with pytest.raises(BadInput) as caught:
            SOURCE.list(text, web)
        assert "abc" not in f"{caught.value} {caught.value.hint}"

    @pytest.mark.parametrize(
        "text",
        [
            "hf:a/b",
            "https://example.org/models/1",
            "https://image.civitai.com/x.png",
            "https://civitai.com.example.org/models/1",
            "urn:air:sdxl:lora:huggingface:a/b",
            "https://[",
        ],
    )
    def test_of_other_places_is_left_to_them(self, text: str) -> None:
        assert not SOURCE.claims(text)


class TestFiles:
    def test_are_the_variants_safe_formats_first(self, civitai: StandInCivitai, web: Web) -> None:
        civitai.add(
            1,
            civitai.version(
                2,
                civitai.file(1, "m.ckpt", format="PickleTensor", fp="fp16", size="full"),
                civitai.file(2, "m.vae.pt", type="VAE", format="PickleTensor"),
                civitai.file(3, "m.safetensors", format="SafeTensor", fp="fp32", size="full"),
                civitai.file(4, "m-8.safetensors", format="SafeTensor", fp="fp8", size="pruned"),
                civitai.file(5, "m-16.safetensors", format="SafeTensor", fp="fp16", size="full"),
                civitai.file(6, "m-p.safetensors", format="SafeTensor", fp="fp16", size="pruned"),
                civitai.file(7, "data.zip", type="Training Data"),
            ),
        )
        assert labels(SOURCE.list("civitai:1", web)) == [
            "safetensors fp16 pruned",
            "safetensors fp8 pruned",
            "safetensors fp16 full",
            "safetensors fp32 full",
            "pickle fp16 full",
            "VAE pickle",
        ]

    def test_begin_with_the_choice_of_the_site(self, civitai: StandInCivitai, web: Web) -> None:
        civitai.add(
            1,
            civitai.version(
                2,
                civitai.file(1, "a.safetensors", format="SafeTensor", fp="fp16", size="pruned"),
                civitai.file(2, "b.safetensors", format="SafeTensor", fp="fp32", primary=True),
            ),
        )
        first, _ = SOURCE.list("civitai:1", web).variants
        assert first.paths[0] == "b.safetensors"

    def test_of_one_name_get_several(self, civitai: StandInCivitai, web: Web) -> None:
        civitai.add(
            1,
            civitai.version(
                2,
                civitai.file(1, "M.safetensors", b"1", fp="fp16", size="pruned", primary=True),
                civitai.file(2, "m.safetensors", b"22", fp="fp16", size="full"),
                civitai.file(3, "m.safetensors", b"333", fp="fp16", size="full"),
                civitai.file(4, "../m.safetensors", b"4444"),
            ),
        )
        listing = SOURCE.list("civitai:1", web)
        assert [variant.paths[0] for variant in listing.variants] == [
            "M.safetensors",
            "m-fp16-full.safetensors",
            "m-fp16-full-3.safetensors",
            "m-4.safetensors",
        ]
        assert len(set(labels(listing))) == 4
        assert listing.by_path()["m-4.safetensors"].size_bytes == 4

    def test_that_configure_a_model_lie_beside_each_under_its_stem(
        self, civitai: StandInCivitai, web: Web
    ) -> None:
        civitai.add(
            1,
            civitai.version(
                2,
                civitai.file(1, "a.safetensors", primary=True),
                civitai.file(2, "b.ckpt"),
                civitai.file(3, "v1-inference.yaml", b"model:", type="Config"),
                civitai.file(4, "vae.pt", type="VAE"),
                images=[civitai.image("i.png", "image/png")],
            ),
        )
        listing = SOURCE.list("civitai:1", web)
        assert [list(variant.paths) for variant in listing.variants] == [
            ["a.safetensors", "a.yaml", "a.civitai.info", "a.preview.png"],
            ["b.ckpt", "b.yaml", "b.civitai.info", "b.preview.png"],
            ["vae.pt"],
        ]
        files = listing.by_path()
        assert files["a.yaml"].url == files["b.yaml"].url
        assert files["a.yaml"].sha256 and files["a.yaml"].access == "civitai"

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("civitai:1/*.ckpt", ["m.ckpt"]),
            ("civitai:1@2/data*", ["data.zip"]),
            ("urn:air:sd1:checkpoint:civitai:1@2+3", ["vae.pt"]),
            (
                "https://civitai.com/api/download/models/2?type=Model&format=PickleTensor",
                ["m.ckpt"],
            ),
            ("https://civitai.com/api/download/models/2?type=Model&fp=FP16", ["m.safetensors"]),
            ("civitai:1/m.*", ["m.safetensors", "m.ckpt"]),
        ],
    )
    def test_are_those_that_an_address_names(
        self, civitai: StandInCivitai, web: Web, text: str, found: list[str]
    ) -> None:
        civitai.add(
            1,
            civitai.version(
                2,
                civitai.file(1, "m.safetensors", format="SafeTensor", fp="fp16"),
                civitai.file(2, "m.ckpt", format="PickleTensor", fp="fp32"),
                civitai.file(3, "vae.pt", type="VAE"),
                civitai.file(4, "data.zip", type="Training Data"),
            ),
        )
        listing = SOURCE.list(text, web)
        assert [name for name in names(listing) if not name.endswith(".info")] == found
        assert SOURCE.wishes(text) == Wishes(all_variants=True)

    def test_none_of_which_fits_are_named(self, civitai: StandInCivitai, web: Web) -> None:
        ink(civitai)
        with pytest.raises(NotFound, match="no file of Ink v789 fits") as caught:
            SOURCE.list("civitai:123/*.gguf", web)
        assert "ink.safetensors" in caught.value.hint

    def test_without_a_name_in_the_address_are_no_wish(self) -> None:
        assert SOURCE.wishes("civitai:1@2") == Wishes()

    def test_carry_the_warning_of_the_sites_scan(self, civitai: StandInCivitai, web: Web) -> None:
        bad = civitai.file(2, "b.ckpt", pickleScanResult="Danger")
        civitai.add(1, civitai.version(2, civitai.file(1, "a.safetensors"), bad))
        notes = [variant.note for variant in SOURCE.list("civitai:1", web).variants]
        assert notes == ["", "the site's scan warns of it"]

    def test_a_bare_link_is_made_to_mean_its_file(self, civitai: StandInCivitai, web: Web) -> None:
        link = f"{civitai.address}/api/download/models/2"
        civitai.add(1, civitai.version(2, civitai.file(9, "a.safetensors", downloadUrl=link)))
        assert SOURCE.list("civitai:1", web).files[0].url == f"{link}?fileId=9"

    @pytest.mark.parametrize("hashes", [{}, {"SHA256": "short"}, {"SHA256": 5}, None])
    def test_without_a_digest_have_none(
        self, civitai: StandInCivitai, web: Web, hashes: object
    ) -> None:
        civitai.add(1, civitai.version(2, civitai.file(1, "a.safetensors", hashes=hashes)))
        assert SOURCE.list("civitai:1", web).files[0].sha256 is None


class TestSizes:
    def test_are_exact_where_the_site_tells_them_exactly(
        self, civitai: StandInCivitai, web: Web
    ) -> None:
        first = civitai.file(1, "a.safetensors", b"x" * 1501)
        second = civitai.file(2, "b.ckpt", b"x" * 1777)
        civitai.add(1, civitai.version(2, first, second))
        sizes = {file.path: file.size_bytes for file in SOURCE.list("civitai:1", web).files}
        assert (sizes["a.safetensors"], sizes["b.ckpt"]) == (1501, 1777)

    @pytest.mark.parametrize("size_kb", [1.7, None, "2", float("inf"), -1.0, 0, True])
    def test_that_are_rounded_or_odd_are_not_told(
        self, civitai: StandInCivitai, web: Web, size_kb: object
    ) -> None:
        first = civitai.file(1, "a.safetensors", b"x" * 1501, sizeKB=size_kb)
        second = civitai.file(2, "b.ckpt", sizeKB=size_kb)
        civitai.add(1, civitai.version(2, first, second))
        sizes = {file.path: file.size_bytes for file in SOURCE.list("civitai:1", web).files}
        assert (sizes["a.safetensors"], sizes["b.ckpt"]) == (1501, None)

    def test_are_doubted_where_the_first_was_wrong(self, civitai: StandInCivitai, web: Web) -> None:
        first = civitai.file(1, "a.safetensors", b"x" * 1501, sizeKB=5.0)
        civitai.add(1, civitai.version(2, first, civitai.file(2, "b.ckpt")))
        sizes = {file.path: file.size_bytes for file in SOURCE.list("civitai:1", web).files}
        assert (sizes["a.safetensors"], sizes["b.ckpt"]) == (1501, None)

    def test_are_the_sites_where_the_storage_tells_none(
        self, civitai: StandInCivitai, web: Web
    ) -> None:
        ink(civitai)
        civitai.faults.no_ranges("/file/*")
        civitai.faults.no_length("/file/*")
        assert SOURCE.list("civitai:123", web).files[0].size_bytes == 1500


class TestPicture:
    def pictured(self, civitai: StandInCivitai, *images: dict[str, Any]) -> None:
        file = civitai.file(1, "a.safetensors")
        civitai.add(1, civitai.version(2, file, images=images))

    def test_is_the_first_still_that_most_may_see(self, civitai: StandInCivitai, web: Web) -> None:
        self.pictured(
            civitai,
            civitai.image("1.jpeg", nsfwLevel=8),
            civitai.image("2.mp4", "video/mp4", type="video"),
            civitai.image("3.webp", "image/webp"),
            civitai.image("4.jpeg"),
        )
        picture = SOURCE.list("civitai:1", web).by_path()["a.preview.webp"]
        assert picture.url.endswith("/image/3.webp") and picture.access == ""

    def test_may_be_one_that_few_may_see_where_there_is_no_other(
        self, civitai: StandInCivitai, web: Web
    ) -> None:
        worse, better = (civitai.image(f"{n}.jpeg", nsfw=n, nsfwLevel=None) for n in ("X", "Soft"))
        self.pictured(civitai, worse, better)
        assert SOURCE.list("civitai:1", web).files[-1].url == better["url"]

    @pytest.mark.parametrize("kind", ["text/html", "video/mp4", "image/svg+xml"])
    def test_is_left_out_where_it_is_none(
        self, civitai: StandInCivitai, web: Web, kind: str
    ) -> None:
        self.pictured(civitai, civitai.image("1.jpeg", kind))
        assert names(SOURCE.list("civitai:1", web)) == ["a.safetensors", "a.civitai.info"]

    def test_that_cannot_be_had_stops_nothing(self, civitai: StandInCivitai, web: Web) -> None:
        self.pictured(civitai, civitai.image("1.jpeg", url="http://127.0.0.1:9/1.jpeg"))
        assert names(SOURCE.list("civitai:1", web)) == ["a.safetensors", "a.civitai.info"]
        civitai.faults.status("/image/*", 500)
        self.pictured(civitai, civitai.image("1.jpeg"))
        assert names(SOURCE.list("civitai:1", web)) == ["a.safetensors", "a.civitai.info"]
        assert sum(each.path == "/image/1.jpeg" for each in civitai.requests) == 1


class TestAccess:
    def test_the_token_goes_to_the_site_and_to_nothing_else(
        self, civitai: StandInCivitai, web: Web
    ) -> None:
        ink(civitai)
        civitai.needs_login = {789}
        listing = SOURCE.list("civitai:123", web)
        with web.open(listing.files[0].url, listing.files[0].access) as answer:
            assert answer.read() == b"w" * 1500
        origins = {(each.origin, each.token) for each in civitai.requests}
        assert origins == {("civitai", TOKEN), ("storage", None)}
        assert not any(TOKEN in f"{each.path} {each.query}" for each in civitai.requests)
        assert TOKEN not in repr(listing)

    def test_a_link_to_elsewhere_gets_no_token(self, civitai: StandInCivitai, web: Web) -> None:
        ink(civitai)
        link = f"{civitai.storage.address}/file/7?Authorization=signed"
        civitai.add(1, civitai.version(2, civitai.file(7, "a.safetensors", downloadUrl=link)))
        assert SOURCE.list("civitai:1", web).files[0].url == link
        assert {each.token for each in civitai.requests if each.origin == "storage"} == {None}

    def test_a_login_page_in_place_of_a_file_says_how_to_get_it(
        self, civitai: StandInCivitai, web: Web, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("CIVITAI_API_TOKEN")
        ink(civitai)
        civitai.needs_login = {789}
        with pytest.raises(AccessDenied, match="Ink v789 is only given to") as caught:
            SOURCE.list("civitai:123", web)
        assert f"{civitai.address}/models/123?modelVersionId=789" in caught.value.hint
        assert "modelfs login civitai" in caught.value.hint

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refusal_says_the_same_and_holds_no_token(
        self, civitai: StandInCivitai, web: Web, status: int
    ) -> None:
        ink(civitai)
        civitai.faults.status("/api/download/*", status)
        with pytest.raises(AccessDenied) as caught:
            SOURCE.list("civitai:123", web)
        assert "modelfs login civitai" in caught.value.hint
        assert TOKEN not in f"{caught.value} {caught.value.hint}"

    @pytest.mark.parametrize(
        ("fields", "until"),
        [
            ({"earlyAccessEndsAt": "2999-05-06T10:00:00.000Z"}, " until 2999-05-06:"),
            ({"availability": "EarlyAccess"}, ":"),
            ({"paidAccess": {"permanent": True, "endsAt": None}}, ":"),
            ({"paidAccess": {"permanent": False, "endsAt": "2999-01-01T00:00:00"}}, " until 2999"),
        ],
    )
    def test_early_access_says_until_when(
        self, civitai: StandInCivitai, web: Web, fields: dict[str, Any], until: str
    ) -> None:
        civitai.add(1, civitai.version(2, civitai.file(1, "a.safetensors"), **fields))
        civitai.needs_purchase = {2}
        with pytest.raises(AccessDenied, match=f"is in early access{until}"):
            SOURCE.list("civitai:1", web)

    def test_early_access_that_was_bought_is_listed(
        self, civitai: StandInCivitai, web: Web
    ) -> None:
        early = {"earlyAccessEndsAt": "2999-05-06T10:00:00.000Z", "availability": "EarlyAccess"}
        civitai.add(1, civitai.version(2, civitai.file(1, "a.safetensors"), **early))
        assert SOURCE.list("civitai:1", web).files

    def test_early_access_that_is_over_is_not_blamed(
        self, civitai: StandInCivitai, web: Web
    ) -> None:
        over = {"earlyAccessEndsAt": "2020-05-06T10:00:00.000Z"}
        civitai.add(1, civitai.version(2, civitai.file(1, "a.safetensors"), **over))
        civitai.needs_purchase = {2}
        with pytest.raises(AccessDenied, match="logged in"):
            SOURCE.list("civitai:1", web)

    @pytest.mark.parametrize(
        ("status", "error"), [(401, AccessDenied), (404, NotFound), (500, Unreachable)]
    )
    def test_a_site_that_refuses_to_answer_is_explained_without_the_token(
        self, civitai: StandInCivitai, web: Web, status: int, error: type[ModelfsError]
    ) -> None:
        civitai.faults.status("/api/v1/*", status)
        with pytest.raises(error) as caught:
            SOURCE.list("civitai:1", web)
        assert TOKEN not in f"{caught.value} {caught.value.hint}"

    @pytest.mark.parametrize("answer", [b"[]", b"null", b"<html>"])
    def test_a_site_that_answers_oddly_is_unreachable(
        self, civitai: StandInCivitai, web: Web, answer: bytes
    ) -> None:
        civitai.faults.status("/api/v1/*", 200, body=answer)
        with pytest.raises(Unreachable):
            SOURCE.list("civitai:1", web)
