"""Plain addresses: what a file is called, how big it is, and what of an address stays secret."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fetch.standin.files import StandInFiles
from modelfs.errors import AccessDenied, BadInput, ModelfsError, NotFound, Unreachable
from modelfs.fetch.endpoints import Endpoints
from modelfs.fetch.file_names import file_name, from_disposition, legal_file_name
from modelfs.fetch.listing import Listing, RemoteFile, Wishes
from modelfs.fetch.sources.address import AddressSource, public_address
from modelfs.fetch.web import Web
from modelfs.names import legal_name, split_extension

DIGEST = "ab" * 32


@pytest.fixture(scope="module")
def running() -> Iterator[StandInFiles]:
    with StandInFiles() as files:
        yield files


@pytest.fixture
def files(running: StandInFiles) -> StandInFiles:
    running.requests.clear()
    return running


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Web(Endpoints(), backoff_s=0.001) as web:
        yield web


def listed(web: Web, url: str) -> Listing:
    source = AddressSource()
    assert source.claims(url)
    return source.list(url, web)


def the_file(web: Web, url: str) -> RemoteFile:
    (file,) = listed(web, url).files
    return file


class TestListing:
    def test_says_name_size_and_address_and_reads_no_more_than_a_byte(
        self, files: StandInFiles, web: Web
    ) -> None:
        url = files.put("/models/tiny.gguf", b"x" * 5000)
        listing = listed(web, url)
        assert listing.files == (RemoteFile("tiny.gguf", 5000, url),)
        assert (listing.source, listing.title, listing.variants) == (url, "tiny.gguf", ())
        (request,) = files.requests
        assert (request.method, request.range, request.status) == ("GET", "bytes=0-0", 206)
        assert request.bytes_sent <= 1

    @pytest.mark.parametrize("content", [b"x" * 5000, b""])
    def test_says_the_size_where_ranges_are_ignored(
        self, files: StandInFiles, web: Web, content: bytes
    ) -> None:
        assert the_file(web, files.put("/a.bin", content, ranges=False)).size_bytes == len(content)

    def test_lists_an_empty_file_that_has_no_first_byte(
        self, files: StandInFiles, web: Web
    ) -> None:
        assert the_file(web, files.put("/empty.bin", b"")).size_bytes == 0
        assert [each.status for each in files.requests] == [416, 200]

    def test_says_no_size_where_the_server_says_none(self, files: StandInFiles, web: Web) -> None:
        url = files.put("/chunked.bin", b"x" * 50, ranges=False)
        files.faults.no_length("/chunked.bin")
        assert the_file(web, url).size_bytes is None

    def test_takes_a_digest_from_the_fragment_and_asks_without_it(
        self, files: StandInFiles, web: Web
    ) -> None:
        url = files.put("/a.gguf")
        listing = listed(web, f"{url}#sha256={DIGEST.upper()}")
        assert listing.files == (RemoteFile("a.gguf", 7, url, DIGEST),)
        assert listing.source == url

    @pytest.mark.parametrize(
        "fragment", ["sha256=", "sha256=abc", f"sha256:{DIGEST}", f"sha256={DIGEST}0", "md5=aa"]
    )
    def test_refuses_a_digest_that_it_could_not_check(
        self, files: StandInFiles, web: Web, fragment: str
    ) -> None:
        url = files.put("/a.gguf")
        with pytest.raises(BadInput, match="SHA-256"):
            listed(web, f"{url}#{fragment}")
        assert not files.requests

    def test_does_not_take_a_claim_of_the_server_for_a_digest(
        self, files: StandInFiles, web: Web
    ) -> None:
        url = files.put("/a.gguf", headers={"ETag": f'"{DIGEST}"', "X-Linked-Etag": DIGEST})
        assert the_file(web, f"{url}#readme").sha256 is None

    def test_refuses_a_web_page_and_says_who_sent_it(self, files: StandInFiles, web: Web) -> None:
        files.put("/login", b"<html>", headers={"Content-Type": "text/html; charset=utf-8"})
        url = files.redirect("/model.safetensors", "/login?next=model")
        with pytest.raises(BadInput, match=r"web page of 127\.0\.0\.1, not a file") as caught:
            listed(web, url)
        assert "download" in caught.value.hint

    def test_takes_what_is_to_be_saved_for_a_file_whatever_its_type(
        self, files: StandInFiles, web: Web
    ) -> None:
        headers = {"Content-Type": "text/html", "Content-Disposition": "attachment; filename=a.bin"}
        assert the_file(web, files.put("/download", headers=headers)).path == "a.bin"

    @pytest.mark.parametrize(
        ("status", "error"), [(401, AccessDenied), (403, AccessDenied), (404, NotFound)]
    )
    def test_explains_a_refusal(
        self, files: StandInFiles, web: Web, status: int, error: type[ModelfsError]
    ) -> None:
        url = files.put("/m.gguf", status=status)
        with pytest.raises(error, match=r"m\.gguf"):
            listed(web, url)
        assert len(files.requests) == 1

    def test_asks_again_while_that_may_help(self, files: StandInFiles, web: Web) -> None:
        url = files.put("/busy.gguf")
        files.faults.status("/busy.gguf", 503, times=2)
        assert the_file(web, url).size_bytes == 7
        assert [each.status for each in files.requests] == [503, 503, 206]

    def test_gives_up_on_a_server_that_stays_broken(self, files: StandInFiles, web: Web) -> None:
        url = files.put("/broken.gguf", status=500)
        with pytest.raises(Unreachable, match="500"):
            listed(web, url)
        assert len(files.requests) == 4

    def test_says_that_a_server_is_not_there(self, web: Web) -> None:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1 cannot be reached"):
            listed(web, "http://127.0.0.1:9/a.gguf")

    @pytest.mark.parametrize(
        "url",
        [
            "http://",
            "https:///a.gguf",
            "http://[::1/a",
            "http://a:port/x",
            "http://a\x07b/x",
            "http://a.org/x y",
        ],
    )
    def test_refuses_what_is_no_address(self, web: Web, url: str) -> None:
        with pytest.raises(BadInput):
            listed(web, url)

    def test_wishes_for_nothing_in_particular(self) -> None:
        assert AddressSource().wishes("https://example.org/a.gguf") == Wishes()

    def test_claims_addresses_of_the_web_alone(self) -> None:
        claims = AddressSource().claims
        assert claims("https://example.org/a") and claims(" HTTP://example.org/a ")
        assert not any(map(claims, ("hf:a/b", "ftp://example.org/a", "a.gguf", "civitai:1")))


class TestSecrets:
    SECRETS = "user:hunter2@", "token=hunter2&X-Amz-Signature=hunter2&sig=hunter2"

    def test_are_used_for_the_request_and_shown_nowhere(
        self, files: StandInFiles, web: Web
    ) -> None:
        user, query = self.SECRETS
        host = files.put("/a.gguf").removeprefix("http://")
        url = f"http://{user}{host}?{query}&dl=1#sha256={DIGEST}"
        listing = listed(web, url)
        (request,) = files.requests
        assert request.headers["authorization"].startswith("Basic ")
        assert request.query["token"] == ["hunter2"]
        assert listing.source == f"http://{host}?dl=1"
        assert listing.files[0].url == url.partition("#")[0]
        assert "hunter2" not in listing.source + listing.title + listing.files[0].path

    @pytest.mark.parametrize("status", [401, 403, 404, 416, 429, 500])
    def test_are_in_no_error(self, files: StandInFiles, web: Web, status: int) -> None:
        user, query = self.SECRETS
        url = files.put("/a.gguf", status=status, headers={"Retry-After": "1000"})
        with pytest.raises(ModelfsError) as caught:
            listed(web, f"http://{user}{url.removeprefix('http://')}?{query}")
        error = caught.value
        assert "hunter2" not in f"{error} {error.hint} {error.__cause__!r}"

    def test_no_token_of_a_service_goes_to_an_address(
        self, files: StandInFiles, web: Web, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        monkeypatch.setenv("CIVITAI_API_TOKEN", "secret")
        listed(web, files.put("/a.gguf"))
        assert files.requests[0].token is None

    @pytest.mark.parametrize(
        ("query", "kept"),
        [
            ("X-Amz-Credential=a&x-amz-date=b&id=5", "id=5"),
            ("AWSAccessKeyId=a&Signature=b&Expires=9", "Expires=9"),
            ("se=2025&sp=r&sig=a", "se=2025&sp=r"),
            ("rlkey=a&dl=1", "dl=1"),
            ("access_token=a&api%5Fkey=b&name=c%20d", "name=c%20d"),
            ("keyword=owl&monkey=1&design=2", "keyword=owl&monkey=1&design=2"),
        ],
    )
    def test_are_told_by_their_names(self, query: str, kept: str) -> None:
        assert public_address(f"https://u@example.org:81/a?{query}#f") == (
            f"https://example.org:81/a?{kept}"
        )


class TestNameFromAddress:
    @pytest.mark.parametrize(
        ("urls", "name"),
        [
            (["https://a.org/x/my%20model.gguf?y=z.bin"], "my model.gguf"),
            (["https://a.org/o/models%2Fx.gguf"], "x.gguf"),
            (["https://a.org/o/models%5Cx.gguf/"], "x.gguf"),
            (["https://a.org/download/5", "https://cdn.org/f/real.ckpt?s=1"], "real.ckpt"),
            (["https://a.org/real.ckpt", "https://cdn.org/0f.bin"], "real.ckpt"),
            (["https://a.org/download", "https://cdn.org/0f"], "download"),
            (["https://a.org/..%2f..%2f", "https://cdn.org/"], "unnamed"),
            (["https://a.org/%ff%fe.bin"], "\ufffd\ufffd.bin"),
        ],
    )
    def test_is_the_last_part_of_the_best(self, urls: list[str], name: str) -> None:
        assert file_name({}, urls) == name

    def test_comes_from_the_server_first(self, files: StandInFiles, web: Web) -> None:
        said = {"Content-Disposition": "attachment; filename*=UTF-8''na%C3%AFve.safetensors"}
        files.put("/storage/7f3a", headers=said)
        url = files.redirect("/download/77", "/storage/7f3a")
        assert the_file(web, url).path == "naïve.safetensors"

    def test_reads_raw_bytes_of_utf_8_in_a_header(self, files: StandInFiles, web: Web) -> None:
        raw = "attachment; filename=naïve.bin".encode().decode("latin-1")
        url = files.put("/raw", headers={"Content-Disposition": raw})
        assert the_file(web, url).path == "naïve.bin"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename=plain.gguf", "plain.gguf"),
        ('attachment; filename="two words; and more.gguf"; size=5', "two words; and more.gguf"),
        ('attachment; filename="say \\"hi\\".gguf"', 'say "hi".gguf'),
        ("attachment; filename=\"a.gguf\"; filename*=UTF-8''%e2%82%ac.gguf", "€.gguf"),
        ("attachment; filename*=iso-8859-1'en'%A3.gguf; filename=a.gguf", "£.gguf"),
        ("attachment; filename*=klingon''x.gguf; filename=a.gguf", "a.gguf"),
        ("attachment; filename*=UTF-8''%ff.gguf; filename=a.gguf", "a.gguf"),
        ("attachment; filename*=nothing; FileName = a.gguf", "a.gguf"),
        ('attachment; filename="=?UTF-8?B?bmHDr3ZlLmdndWY=?="', "naïve.gguf"),
        ('attachment; filename="=?UTF-8?Q?na=C3=AFve.gguf?="', "naïve.gguf"),
        ('attachment; filename="na\u00c3\u00afve.gguf"', "naïve.gguf"),
        ('attachment; filename="my%20model.gguf"', "my model.gguf"),
        ('attachment; filename="100%.gguf"', "100%.gguf"),
        ('attachment; name="x; filename=wrong"; filename="right.gguf"', "right.gguf"),
        ("filename=bare.gguf", "bare.gguf"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\models\\a.gguf"', "a.gguf"),
        ("attachment; filename*=UTF-8''..%2F..%5Ca.gguf", "a.gguf"),
        ('attachment; filename="folder/"', ""),
        ('attachment; filename=".."', ""),
        ('attachment; filename="unclosed.gguf', "unclosed.gguf"),
        ("inline", ""),
        ("", ""),
    ],
)
def test_content_disposition_is_read_as_servers_write_it(header: str, name: str) -> None:
    assert from_disposition(header) == name


@settings(deadline=None)
@given(st.text() | st.from_regex(re.compile(r"[./\\\x00a ]*\.[a-z]{0,20}", re.ASCII)))
def test_a_file_name_is_always_one_legal_name(text: str) -> None:
    name = legal_file_name(text)
    assert name and legal_name(name) == name == legal_file_name(name)
    assert "/" not in name and name not in (".", "..") and len(name.encode()) <= 255


@settings(deadline=None)
@given(
    st.text(st.characters(exclude_categories=("C",), exclude_characters="/\\. "), min_size=1),
    st.sampled_from([".gguf", ".safetensors", ".bin"]),
    st.integers(1, 90),
)
def test_the_extension_survives_the_longest_name(stem: str, extension: str, times: int) -> None:
    assert split_extension(legal_file_name(stem * times + extension))[1] == extension


@settings(deadline=None)
@given(st.text(), st.lists(st.text().map(lambda path: f"https://a.org/{path}"), max_size=2))
def test_whatever_a_server_says_the_name_is_legal(header: str, urls: list[str]) -> None:
    name = file_name({"content-disposition": f"attachment; filename={header}"}, urls)
    assert legal_name(name) == name
    assert "/" not in from_disposition(header)
