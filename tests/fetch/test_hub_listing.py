"""A repository of the hub is listed at one commit, and each refusal says what to do."""

import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fetch.standin.content import Content
from fetch.standin.hub import StandInHub
from fetch.standin.repository import HubFile
from modelfs.errors import AccessDenied, Cancelled, NotFound, Unreachable
from modelfs.fetch import hub_client, tokens
from modelfs.fetch.endpoints import Endpoints
from modelfs.fetch.hub_requests import Client, asking
from modelfs.fetch.hub_search import search
from modelfs.fetch.sources.hub import HubSource
from modelfs.fetch.web import Web

NAME = "org/Some.Model"
TOKEN = "hf_secretsecret"
FILES = {
    "README.md": b"# A model\n",
    "config.json": b"{}",
    "model.safetensors": b"weights" * 1000,
    "sub folder/a#b%20.bin": b"pickle",
}
CARD = {"license": "apache-2.0", "base_model": "org/base", "language": ["en", "de"]}


@pytest.fixture
def web(hub: StandInHub) -> Iterator[Web]:
    with Web(stall_s=5, backoff_s=0.01) as web:
        yield web


@pytest.fixture
def token(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> str:
    """Log somebody in."""
    hub.tokens = {TOKEN: "ada"}
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return TOKEN


@pytest.fixture
def token_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where huggingface_hub keeps its token, which it decides when it is imported."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "hf" / "stored_tokens"))
    return tmp_path / "hf" / "token"


def test_listing_says_all_that_the_hub_promises(hub: StandInHub, web: Web) -> None:
    repository = hub.repository(
        NAME, FILES, card=CARD, tags=["license:apache-2.0"], pipeline_tag="text-generation"
    )
    listing = HubSource().list(f"hf:{NAME}", web)
    assert listing.source == f"hf:{NAME}@{repository.commit}"
    assert (listing.title, listing.asked) == (NAME, "main")
    files = listing.by_path()
    assert set(FILES) <= set(files)
    for path, content in FILES.items():
        expected = repository.files[path]
        file = files[path]
        assert file.size_bytes == len(content)
        assert file.sha256 == (expected.sha256 if expected.lfs else None)
        # The hub tells the SHA-1 of a large file's pointer: nothing to check its bytes with.
        assert file.git_sha1 == (None if expected.lfs else expected.blob_id)
        assert file.access == "hub"
    assert files["sub folder/a#b%20.bin"].url == (
        f"{hub.endpoint}/{NAME}/resolve/{repository.commit}/sub%20folder/a%23b%2520.bin"
    )
    assert [variant.label for variant in listing.variants][:1] == ["safetensors"]
    assert listing.tags == ("text-generation",)
    assert {
        "license": "apache-2.0",
        "base_model": "org/base",
        "relation": "finetune",
        "languages": ("en", "de"),
        "multilingual": True,
        "task": "text-generation",
    }.items() <= listing.facts.items()


def test_files_are_where_the_listing_says(hub: StandInHub, web: Web) -> None:
    hub.repository(NAME, FILES)
    files = HubSource().list(f"hf:{NAME}", web).by_path()
    for path, content in FILES.items():
        with web.open(files[path].url, files[path].access) as answer:
            assert answer.read() == content


def test_one_request_lists_a_repository_and_nothing_tells_who_asks(
    hub: StandInHub, web: Web
) -> None:
    hub.repository(NAME, FILES)
    HubSource().list(f"{hub.endpoint}/{NAME}/tree/main", web)
    assert [request.path for request in hub.requests if request.path.startswith("/api/models")] == [
        f"/api/models/{NAME}/revision/main"
    ]
    assert hub.telemetry_requests == []


def test_revision_is_pinned_and_remembered(hub: StandInHub, web: Web) -> None:
    repository = hub.repository(NAME, FILES)
    first = repository.commit
    repository.tag("v1")
    repository.change({"config.json": b"{1}"})
    for asked in "v1", first:
        listing = HubSource().list(f"hf:{NAME}@{asked}:Q4_K_M/config.json", web)
        assert listing.source == f"hf:{NAME}@{first}"
        assert listing.asked == asked
        assert "model.safetensors" in listing.by_path()


def test_long_listing_comes_by_pages(
    hub: StandInHub, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_client, "_MANY_FILES", 3)
    hub.page_size = 2
    repository = hub.repository(NAME, FILES)
    files = HubSource().list(f"hf:{NAME}", web).by_path()
    assert files["model.safetensors"].sha256 == repository.files["model.safetensors"].sha256
    assert files["config.json"].git_sha1 == repository.files["config.json"].blob_id
    assert set(FILES) <= set(files)
    assert sum("/tree/" in request.path for request in hub.requests) > 1


def test_xet_hash_of_what_plain_http_refuses_is_known(hub: StandInHub, web: Web) -> None:
    huge = HubFile(
        Content(b"x"),
        lfs=True,
        xet_hash="ab" * 32,
        promised_size=60 * 10**9,
    )
    hub.repository(NAME, {"model.safetensors": huge})
    (file,) = (f for f in HubSource().list(f"hf:{NAME}", web).files if "safetensors" in f.path)
    assert file.xet_hash == "ab" * 32


def test_gated_repository_is_listed_and_says_so(hub: StandInHub, web: Web) -> None:
    hub.repository(NAME, FILES, gated="manual")
    assert HubSource().list(f"hf:{NAME}", web).facts["gated"] == "manual"


def test_private_repository_is_listed_for_those_who_may(
    hub: StandInHub, web: Web, token: str
) -> None:
    hub.repository(NAME, FILES, private=True, allowed={"ada"})
    assert HubSource().list(f"hf:{NAME}", web).facts["private"] is True


def test_missing_without_a_token_may_be_private(hub: StandInHub, web: Web) -> None:
    with pytest.raises(AccessDenied, match=f"has no model {NAME}, or it is private") as raised:
        HubSource().list(f"hf:{NAME}", web)
    assert "modelfs login" in raised.value.hint
    assert raised.value.exit_code == 6


def test_missing_with_a_token_is_not_found(hub: StandInHub, web: Web, token: str) -> None:
    with pytest.raises(NotFound, match="or it is private and your token may not see it") as raised:
        HubSource().list(f"hf:{NAME}", web)
    assert raised.value.exit_code == 3


def test_missing_revision_is_not_found(hub: StandInHub, web: Web) -> None:
    hub.repository(NAME, FILES)
    with pytest.raises(NotFound, match=f"{NAME} has no branch, tag or commit v9"):
        HubSource().list(f"hf:{NAME}@v9", web)


def test_closed_gate_names_the_page_with_the_terms(hub: StandInHub, web: Web) -> None:
    hub.faults.status("/api/models/*", 403, {"X-Error-Code": "GatedRepo"})
    page = f"{hub.endpoint}/{NAME}"
    with pytest.raises(AccessDenied, match=f"{NAME} is gated: accept its terms at {page}"):
        HubSource().list(f"hf:{NAME}", web)


def test_wrong_token_is_said_to_be_wrong_and_not_shown(
    hub: StandInHub, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repository(NAME, FILES)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(AccessDenied, match="does not accept the token in HF_TOKEN") as raised:
        HubSource().list(f"hf:{NAME}", web)
    told = raised.value
    assert TOKEN not in f"{told!r} {told.hint} {told.__cause__!r} {told.__context__!r}"


def test_trouble_that_passes_is_waited_out(hub: StandInHub, web: Web) -> None:
    hub.repository(NAME, FILES)
    hub.faults.status("/api/models/*", 503, times=1)
    hub.faults.status("/api/models/*", 429, {"Retry-After": "0"}, times=1)
    assert HubSource().list(f"hf:{NAME}", web).files


def test_long_pause_is_told_of_and_not_waited_for(hub: StandInHub, web: Web) -> None:
    hub.faults.status("/api/models/*", 429, {"RateLimit": '"api";r=0;t=3600'})
    with pytest.raises(Unreachable, match="asks for a pause for 3600 s"):
        HubSource().list(f"hf:{NAME}", web)
    assert len(hub.requests) == 1


def test_wait_ends_when_it_is_stopped(hub: StandInHub, web: Web) -> None:
    fault = hub.faults.status("/api/models/*", 503, {"Retry-After": "100"})

    def stop() -> None:
        deadline_s = time.monotonic() + 10
        while not fault.happened and time.monotonic() < deadline_s:
            time.sleep(0.01)
        web.stop()

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(Cancelled):
        HubSource().list(f"hf:{NAME}", web)


def test_silence_is_told_of(hub: StandInHub) -> None:
    hub.repository(NAME, FILES)
    fault = hub.faults.hold("/api/models/*")
    with Web(stall_s=0.1, backoff_s=0.01) as web, pytest.raises(Unreachable, match="sends nothing"):
        HubSource().list(f"hf:{NAME}", web)
    fault.release()


def test_nobody_there_is_told_of(hub: StandInHub, web: Web) -> None:
    hub.stop()
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1 cannot be reached"):
        HubSource().list(f"hf:{NAME}", web)


def test_staying_offline_is_respected(
    hub: StandInHub, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Unreachable, match="HF_HUB_OFFLINE"):
        HubSource().list(f"hf:{NAME}", web)
    assert hub.requests == []


@pytest.mark.parametrize("body", [b"no json", b"[]", b"{}", b'{"id": "x", "siblings": [1]}'])
def test_answer_that_makes_no_sense_is_told_of(hub: StandInHub, web: Web, body: bytes) -> None:
    hub.faults.status("/api/models/*", 200, body=body)
    with pytest.raises(Unreachable):
        HubSource().list(f"hf:{NAME}", web)


def test_token_goes_to_no_other_origin(hub: StandInHub, web: Web) -> None:
    with asking(web), Client() as client:
        client.get(f"{hub.cdn}/next-page", headers={"authorization": f"Bearer {TOKEN}"})
    assert hub.requests
    assert hub.authorized_hosts() == set()


def test_login_is_checked_and_kept_where_the_hub_keeps_it(
    hub: StandInHub, token_file: Path
) -> None:
    from huggingface_hub.utils import get_stored_tokens

    hub.tokens = {TOKEN: "ada"}
    token_file.parent.mkdir()
    stored = token_file.with_name("stored_tokens")
    stored.write_text("[other]\nhf_token = hf_other\nrefresh_token = %1\n")
    assert tokens.store("hub", f" {TOKEN}\n") == (token_file, "ada")
    assert hub_client.hub().get_token() == TOKEN
    assert get_stored_tokens() == {"other": "hf_other", "stand-in": TOKEN}
    for file in token_file, stored:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "refresh_token = %1" in stored.read_text()
    assert tokens.forget("hub")
    assert hub_client.hub().get_token() is None
    assert get_stored_tokens() == {"other": "hf_other"}
    assert not tokens.forget("hub")


def test_wrong_token_is_not_kept(hub: StandInHub, token_file: Path) -> None:
    with pytest.raises(AccessDenied, match="does not accept that token") as raised:
        tokens.store("hub", TOKEN)
    assert TOKEN not in f"{raised.value!r} {raised.value.__context__!r}"
    assert not token_file.parent.exists()


def test_token_tells_its_user(hub: StandInHub) -> None:
    hub.tokens = {TOKEN: "ada"}
    assert hub_client.hub().whoami(TOKEN, Endpoints.configured().hub) == "ada"


def test_search_tells_what_each_hit_offers(hub: StandInHub, web: Web) -> None:
    gguf = {f"tiny-{quant}.gguf": quant.encode() * 100 for quant in ("Q8_0", "Q4_K_M")}
    repository = hub.repository(
        "org/tiny-GGUF", gguf, downloads=70, likes=7, pipeline_tag="text-generation", card=CARD
    )
    hub.repository("org/tiny-gated", FILES, gated="auto", tags=["license:other"], downloads=3)
    hub.repository("org/tiny-broken", FILES)
    hub.repository("org/other", FILES)
    hub.faults.status("/api/models/org/tiny-broken", 404)
    hits = {hit.repository: hit for hit in search(web, "tiny", 10)}
    assert set(hits) == {"org/tiny-GGUF", "org/tiny-gated", "org/tiny-broken"}
    found = hits["org/tiny-GGUF"]
    assert (found.task, found.downloads, found.likes) == ("text-generation", 70, 7)
    assert (found.license, found.gated, found.updated is not None) == ("apache-2.0", False, True)
    assert [offer.label for offer in found.variants] == ["Q4_K_M", "Q8_0"]
    assert found.variants[0].sha256s == (repository.files["tiny-Q4_K_M.gguf"].sha256,)
    assert found.variants[0].size_bytes >= 600
    assert (hits["org/tiny-gated"].gated, hits["org/tiny-gated"].license) == (True, "other")
    assert hits["org/tiny-broken"].variants == ()


def test_search_does_not_wait_for_sizes_for_ever(hub: StandInHub, web: Web) -> None:
    hub.repository("org/tiny-a", FILES)
    fault = hub.faults.hold("/api/models/org/tiny-a")
    (hit,) = search(web, "tiny", 10, within_s=0.1)
    fault.release()
    assert (hit.repository, hit.variants) == ("org/tiny-a", ())


def test_search_asks_for_no_more_than_wanted(hub: StandInHub, web: Web) -> None:
    for number in range(4):
        hub.repository(f"org/tiny-{number}", FILES)
    assert len(search(web, "tiny", 2)) == 2
