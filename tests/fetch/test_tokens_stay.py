"""The token of the hub is seen by the hub, and by nobody and nothing else, whatever goes wrong."""

import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.conftest import make_library
from fetch.bringing import REPOSITORY, TOKEN, content
from fetch.commands import Commands
from fetch.standin.hub import StandInHub
from identify.builders import safetensors
from modelfs import config
from modelfs.errors import ModelfsError
from modelfs.fetch import transfer, web
from modelfs.fetch.web import Web
from modelfs.library import Library
from modelfs.library.fetch_plan import ask_source, plan_fetch
from modelfs.library.fetching import create_job, run_job
from modelfs.library.jobs import find

SIZE_BYTES = 3 << 20
WEIGHTS = "model.safetensors"
Plan = Callable[[StandInHub], object]


def _corrupt_always(hub: StandInHub) -> None:
    hub.faults.corrupt(WEIGHTS, 2 << 20)


def _redirect_elsewhere_on_this_host(hub: StandInHub) -> None:
    """To the CDN's port under the hub's own name."""
    port = urlsplit(hub.cdn).port
    there = {"Location": f"http://127.0.0.1:{port}/somewhere"}
    hub.faults.status(WEIGHTS, 302, there, origin="hub", times=1)


def _expire(hub: StandInHub) -> None:
    hub.links.expire_after_uses = 0


PLANS: dict[str, Plan] = {
    "nothing": lambda hub: None,
    "no redirect": lambda hub: setattr(hub, "redirects", False),
    "drop": lambda hub: hub.faults.drop_after(WEIGHTS, 1 << 20, times=2),
    "corrupt once": lambda hub: hub.faults.corrupt(WEIGHTS, 2 << 20, times=1),
    "corrupt always": _corrupt_always,
    "another port": _redirect_elsewhere_on_this_host,
    "expired": _expire,
    "no ranges": lambda hub: hub.faults.no_ranges(WEIGHTS),
    "no length": lambda hub: hub.faults.no_length(WEIGHTS),
    "401 of the hub": lambda hub: hub.faults.status(WEIGHTS, 401, origin="hub"),
    "401 of the CDN": lambda hub: hub.faults.status(WEIGHTS, 401, origin="cdn"),
    "403": lambda hub: hub.faults.status(WEIGHTS, 403),
    "404": lambda hub: hub.faults.status(WEIGHTS, 404),
    "429": lambda hub: hub.faults.status(WEIGHTS, 429, {"Retry-After": "0"}, times=2),
    "500": lambda hub: hub.faults.status(WEIGHTS, 500),
    "stall": lambda hub: hub.faults.stall_after(WEIGHTS, 1 << 20, times=1),
    "web page": lambda hub: hub.faults.status(WEIGHTS, 200, {"Content-Type": "text/html"}),
    "the API fails": lambda hub: hub.faults.status("/api/models/*", 500),
}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    with make_library(tmp_path) as opened:
        settings = opened.paths.settings
        stalls = config.load_settings(settings).with_value("stall", "1s")
        config.save_settings(settings, stalls)
        opened.settings = stalls
        monkeypatch.setenv("MODELFS_LIBRARY", str(opened.paths.root))
        yield opened


@pytest.fixture
def private(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> StandInHub:
    """A private repository, and a user who may see it."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(transfer, "_ATTEMPTS", 3)
    monkeypatch.setattr(web, "_ATTEMPTS", 2)
    monkeypatch.setattr(Web, "patience_s", lambda *_: 0.01)
    hub.tokens[TOKEN] = "user"
    data = safetensors({"weight": (1, SIZE_BYTES // 2)})[:-SIZE_BYTES] + content(SIZE_BYTES)
    hub.repository(REPOSITORY, {WEIGHTS: data}, private=True, allowed={"user"})
    return hub


def files_with(folder: Path, text: str) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]


@pytest.mark.parametrize("plan", PLANS)
def test_the_token_is_seen_by_the_hub_alone(
    private: StandInHub,
    library: Library,
    temporary_home: Path,
    caplog: pytest.LogCaptureFixture,
    plan: str,
) -> None:
    PLANS[plan](private)
    caplog.set_level(logging.DEBUG)
    told = ""
    try:
        with Web() as asking:
            planned = plan_fetch(library, ask_source(f"hf:{REPOSITORY}", asking))
        run_job(library, find(library, create_job(library, planned)))
    except ModelfsError as error:
        told = "".join(traceback.format_exception(error)) + error.message + error.hint
    assert private.authorized_hosts() == {"hub"}
    assert private.telemetry_requests == []
    assert TOKEN not in told
    assert TOKEN not in caplog.text
    assert "httpcore" in caplog.text, "the log had nothing to tell"
    assert files_with(library.paths.root, TOKEN) == []
    assert files_with(temporary_home, TOKEN) == []


@pytest.mark.parametrize(
    ("status", "origin", "code", "says"),
    [
        (401, "hub", 6, "does not give model.safetensors without a valid token (401)"),
        (404, "hub", 3, "has no model.safetensors (404)"),
        (500, "cdn", 6, "answered 500 when asked for model.safetensors"),
        (429, "hub", 6, "too many requests (429)"),
    ],
)
def test_a_command_tells_what_went_wrong_and_not_the_token(
    private: StandInHub,
    library: Library,
    commands: Commands,
    status: int,
    origin: str,
    code: int,
    says: str,
) -> None:
    headers = {"Retry-After": "3600"} if status == 429 else {}
    private.faults.status(WEIGHTS, status, headers, origin=origin)
    done = commands("add", f"hf:{REPOSITORY}")
    assert done.code == code
    assert says in done.err
    assert "Traceback" not in done.err
    told = commands("add", f"hf:{REPOSITORY}", "--debug")
    assert told.code == code
    assert TOKEN not in done.out + done.err + told.out + told.err
    listed = commands("jobs", "--all", "--json")
    assert says in listed.out
    assert TOKEN not in listed.out
