"""The real hf_xet downloads from the stand-in, below the real huggingface_hub."""

import random
from pathlib import Path
from typing import Any

from fetch.standin.hub import StandInHub
from fetch.standin.real_client import ask, digest
from fetch.standin.xet import CHUNK_BYTES, XORB_CHUNKS

DATA = random.Random(0).randbytes(2 * XORB_CHUNKS * CHUNK_BYTES + 3 * CHUNK_BYTES + 5)
"""Two full xorbs, and one whose last chunk is short."""
TOKEN = "hf_valid"
IN_PIECES = {
    "HF_XET_RECONSTRUCTION_MIN_RECONSTRUCTION_FETCH_SIZE": "1mb",
    "HF_XET_RECONSTRUCTION_MAX_RECONSTRUCTION_FETCH_SIZE": "2mb",
    "HF_XET_CLIENT_RETRY_BASE_DELAY": "50ms",
}
"""So that a file is asked for in several ranges, as a huge one is, and soon again."""


def download(hub: StandInHub, home: Path, **environment: str) -> Any:
    """Make the repository, and get its one big file with the real client."""
    hub.tokens = {TOKEN: "ada"}
    hub.repository("org/name", {"a.gguf": DATA}, gated=True, allowed={"ada"}, xet=True)
    wanted = {"repo_id": "org/name", "filename": "a.gguf", "token": TOKEN}
    (answer,) = ask(hub.endpoint, home, [("download", wanted)], **environment)
    return answer


def senders(hub: StandInHub) -> set[str]:
    """Return the origins that sent bytes of a file."""
    return {each.origin for each in hub.requests if each.file and each.bytes_sent}


def test_hf_xet_delivers_a_file_and_the_storage_sees_no_token_of_the_hub(
    hub: StandInHub, tmp_path: Path
) -> None:
    assert download(hub, tmp_path) == {"gave": digest(DATA)}
    assert senders(hub) == {"xet"}
    assert hub.bytes_sent("a.gguf") >= len(DATA)
    assert hub.authorized_hosts() == {"hub"}
    assert hub.telemetry_requests == []


def test_a_file_comes_in_ranges_and_over_a_dropped_connection(
    hub: StandInHub, tmp_path: Path
) -> None:
    dropped = hub.faults.drop_after("a.gguf", 1_000_000, times=1, origin="xet")
    assert download(hub, tmp_path, **IN_PIECES) == {"gave": digest(DATA)}
    assert dropped.happened == 1
    asked = [each.range for each in hub.requests if "/reconstructions/" in each.path]
    assert len(asked) > 3


def test_telemetry_of_xet_is_noticed_where_it_is_on(hub: StandInHub, tmp_path: Path) -> None:
    assert "gave" in download(hub, tmp_path, HF_HUB_DISABLE_TELEMETRY="0", DO_NOT_TRACK="0")
    assert "/v1/telemetry" in {each.path for each in hub.telemetry_requests}


def test_the_same_file_comes_over_plain_http(hub: StandInHub, tmp_path: Path) -> None:
    assert download(hub, tmp_path, HF_HUB_DISABLE_XET="1") == {"gave": digest(DATA)}
    assert senders(hub) == {"cdn"}
