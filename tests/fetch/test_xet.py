"""Fetching by way of Xet, with the real hf_xet: when, what comes, and what when it fails."""

import hashlib
import os
import time
from functools import cache
from pathlib import Path

import pytest

from core.conftest import content, make_library
from fetch.standin.hub import StandInHub
from fetch.standin.xet import CHUNK_BYTES, XORB_CHUNKS
from modelfs.catalog import jobs
from modelfs.catalog.jobs import JobId
from modelfs.errors import Cancelled
from modelfs.fetch import hub_client, xet
from modelfs.fetch.partial import partials
from modelfs.fetch.web import Web
from modelfs.library import Library, settings
from modelfs.library.fetch_plan import ask_source, plan_fetch
from modelfs.library.fetching import create_job, run_job
from modelfs.library.jobs import find
from modelfs.progress import Progress, Report, silent

TOKEN = "hf_valid"
XORB_BYTES = XORB_CHUNKS * CHUNK_BYTES
SIZE_BYTES = 68 << 20
"""Enough for several connections, each of which has its own ranges."""


@cache
def data() -> bytes:
    return content("xet", SIZE_BYTES)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """An empty library whose owner wants Xet for everything."""
    library = make_library(tmp_path)
    settings.change(library, {"xet": "always", "stall": "1s"})
    return library


@pytest.fixture
def repository(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a gated repository that is in Xet storage."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.tokens = {TOKEN: "ada"}
    hub.repository("org/name", {"a.gguf": data()}, gated=True, allowed={"ada"}, xet=True)
    return "hf:org/name"


def planned(library: Library, address: str) -> JobId:
    with Web(stall_s=5, backoff_s=0.01, xet=library.settings.xet) as web:
        return create_job(library, plan_fetch(library, ask_source(address, web)))


def run(library: Library, job: JobId, report: Report = silent) -> None:
    """Do a job, and check what it brought."""
    (added,) = run_job(library, find(library, job), report)
    (file,) = added.model.files
    assert file.sha256 == hashlib.sha256(data()).hexdigest()
    assert library.store.path(file.blob).read_bytes() == data()
    assert os.listdir(library.paths.staging) == []


def sent(hub: StandInHub) -> dict[str, int]:
    """Return how many bytes of the file each origin sent."""
    found: dict[str, int] = {}
    for each in hub.requests:
        if each.file and each.bytes_sent:
            found[each.origin] = found.get(each.origin, 0) + each.bytes_sent
    return found


def check_secrets(hub: StandInHub) -> None:
    assert hub.authorized_hosts() == {"hub"}
    assert hub.telemetry_requests == []


def test_a_file_comes_from_xet_and_the_storage_sees_no_token_of_the_hub(
    library: Library, hub: StandInHub, repository: str, temporary_home: Path
) -> None:
    run(library, planned(library, repository))
    assert sent(hub).keys() == {"xet"}
    assert {each.origin for each in hub.requests} == {"hub", "xet"}
    check_secrets(hub)
    assert list(temporary_home.rglob("*.log")) == [], "hf_xet keeps no log there"


def test_a_cancelled_one_ends_soon_and_goes_on_where_it_was(
    library: Library, hub: StandInHub, repository: str
) -> None:
    job = planned(library, repository)
    # From the middle on nothing comes any more: what must end is waiting deep in hf_xet.
    stalled = hub.faults.hold("a.gguf", skip=8, origin="xet")
    cancelled_at = 0.0

    def cancel(progress: Progress) -> None:
        nonlocal cancelled_at
        if stalled.reached.is_set() and progress.done >= 2 * XORB_BYTES:
            cancelled_at = cancelled_at or time.monotonic()
            raise Cancelled("enough")

    settings.change(library, {"stall": "30s"})
    with pytest.raises(Cancelled):
        run(library, job, cancel)
    assert time.monotonic() - cancelled_at < 3
    (partial,) = partials(library.paths.staging)
    names = {path.name for path in library.paths.staging.iterdir()}
    assert names == {partial.part.name, partial.journal.name}
    here = partial.said_bytes()
    assert here >= 2 * XORB_BYTES
    assert jobs.files(library.catalog, job)[0].key == partial.key

    hub.faults.clear()
    hub.requests.clear()
    run(library, job)
    assert sent(hub).keys() == {"xet"}
    # What is missing, and for each range that begins or ends within a chunk that chunk.
    assert sent(hub)["xet"] <= (SIZE_BYTES - here) * 1.1 + 40 * CHUNK_BYTES
    check_secrets(hub)


def test_wrong_bytes_are_noticed_and_right_ones_come_over_plain_http(
    library: Library, hub: StandInHub, repository: str
) -> None:
    corrupt = hub.faults.corrupt("a.gguf", 1_000_000, origin="xet", times=1)
    run(library, planned(library, repository))
    assert corrupt.happened == 1
    assert sent(hub)["cdn"] >= SIZE_BYTES, "nobody can say which of the bytes were right"
    check_secrets(hub)


def test_what_xet_does_not_bring_comes_over_plain_http(
    library: Library, hub: StandInHub, repository: str
) -> None:
    hub.faults.status("a.gguf", 403, skip=9, origin="xet")
    seen: list[int] = []
    run(library, planned(library, repository), lambda progress: seen.append(progress.done))
    assert max(seen) == SIZE_BYTES, "no block is counted twice"
    assert sent(hub).keys() == {"xet", "cdn"}
    assert 0 < sent(hub)["cdn"] < SIZE_BYTES, "what had come was kept"
    check_secrets(hub)


def test_a_storage_that_falls_silent_is_left(
    library: Library, hub: StandInHub, repository: str
) -> None:
    hub.faults.hold("/v2/reconstructions/*", origin="xet")
    began = time.monotonic()
    run(library, planned(library, repository))
    assert sent(hub).keys() == {"cdn"}
    assert time.monotonic() - began < 10


def test_without_a_pass_there_is_plain_http(
    library: Library, hub: StandInHub, repository: str
) -> None:
    refused = hub.faults.status("/api/models/org/name/xet-read-token/*", 404)
    run(library, planned(library, repository))
    assert refused.happened
    assert sent(hub).keys() == {"cdn"}


def test_a_limit_of_speed_holds_for_xet(library: Library, hub: StandInHub, repository: str) -> None:
    settings.change(library, {"download_limit": "40MB"})
    began = time.monotonic()
    run(library, planned(library, repository))
    assert sent(hub).keys() == {"xet"}
    assert time.monotonic() - began > 1.3


@pytest.mark.parametrize("wanted", ["auto", "never"])
def test_small_files_come_over_plain_http_and_no_hash_is_asked_for(
    library: Library, hub: StandInHub, repository: str, wanted: str
) -> None:
    settings.change(library, {"xet": wanted})
    run(library, planned(library, repository))
    assert {each.origin for each in hub.requests} == {"hub", "cdn"}
    assert not any("/tree/" in each.path for each in hub.requests)


@pytest.mark.parametrize(("wanted", "origin"), [("auto", "xet"), ("never", "cdn")])
def test_what_is_too_large_for_plain_http_comes_from_xet_unless_it_never_may(
    library: Library,
    hub: StandInHub,
    repository: str,
    monkeypatch: pytest.MonkeyPatch,
    wanted: str,
    origin: str,
) -> None:
    for module in (hub_client, xet):
        monkeypatch.setattr(module, "LARGEST_PLAIN_BYTES", SIZE_BYTES - 1)
    settings.change(library, {"xet": "auto"})
    job = planned(library, repository)
    settings.change(library, {"xet": wanted})
    run(library, job)
    assert sent(hub).keys() == {origin}


def test_the_variable_that_switches_xet_off_is_obeyed(
    library: Library, hub: StandInHub, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    run(library, planned(library, repository))
    assert sent(hub).keys() == {"cdn"}
