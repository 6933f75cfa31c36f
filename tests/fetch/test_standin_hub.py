"""The real huggingface_hub works with the stand-in hub as it does with the hub."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fetch.standin.hub import StandInHub
from fetch.standin.real_client import Call, ask, digest
from fetch.standin.repository import Repository

MODEL = "org/some.Model"
CARD = {"base_model": "org/base", "license": "apache-2.0"}
FILES = {
    "README.md": b"# A model\n",
    "config.json": b"{}",
    "model.safetensors": b"weights" * 30_000,
    "unet/flaky.bin": bytes(range(256)) * 4_000,
}
TOKEN = "hf_valid"
TELLING = {"HF_HUB_DISABLE_TELEMETRY": "0", "DO_NOT_TRACK": "0"}


def git_id(content: bytes) -> str:
    """Return what ``git hash-object`` says."""
    command = ["git", "hash-object", "--stdin"]
    return subprocess.run(command, input=content, capture_output=True).stdout.decode().strip()


def furnish(hub: StandInHub) -> Repository:
    """Make the repositories that the calls are about."""
    hub.tokens = {TOKEN: "ada", "hf_other": "bob"}
    hub.page_size = 2
    made = hub.repository(
        MODEL,
        FILES,
        card=CARD,
        tags=["text-generation"],
        downloads=5,
        gguf={"total": 7, "architecture": "llama"},
        safetensors={"parameters": {"BF16": 9}, "total": 9},
    )
    made.tag("v1")
    hub.repository("org/gated", {"a.gguf": b"gated"}, gated=True, allowed={"ada"}, downloads=9)
    hub.repository("org/private", {"a.gguf": b"private"}, private=True, allowed={"ada"})
    for number in range(3):
        hub.repository(f"many/thing-{number}", {}, downloads=number)
    hub.faults.drop_after("unet/flaky.bin", 400_000, times=1)
    return made


@dataclass
class Session:
    """What one process of the client was told, by the names of the calls."""

    hub: StandInHub
    repository: Repository
    old: str
    answers: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        answer = self.answers[name]
        return answer["gave"] if "gave" in answer else (answer["raised"], answer["status"])


def calls(old: str, folder: Path) -> dict[str, Call]:
    """Return what the client is asked, by the names that the tests use."""
    any_file = {"filename": "a.gguf", "local_dir": str(folder / "gated")}
    model = {"repo_id": MODEL}
    return {
        "info": ("info", model | {"files_metadata": True}),
        "old info": ("info", model | {"revision": old}),
        "tree": ("tree", model | {"recursive": True}),
        "top": ("tree", model),
        "paths": ("paths", model | {"paths": ["config.json", "model.safetensors", "no"]}),
        "refs": ("refs", model),
        "search": ("search", {"search": "THING", "sort": "downloads"}),
        "limited": ("search", {"search": "thing", "sort": "downloads", "limit": 1}),
        "expanded": ("search", {"author": "org", "expand": ["downloads", "gated", "sha"]}),
        "filtered": ("search", {"filter": "text-generation"}),
        "file": ("download", model | {"filename": "model.safetensors", "token": TOKEN}),
        "old file": ("download", model | {"filename": "config.json", "revision": old}),
        "flaky": ("download", model | {"filename": "unet/flaky.bin", "local_dir": str(folder)}),
        "snapshot": ("snapshot", model | {"revision": "main"}),
        "whoami": ("whoami", {"token": TOKEN}),
        "nobody": ("whoami", {"token": "hf_wrong"}),
        "not granted": ("download", any_file | {"repo_id": "org/gated", "token": "hf_other"}),
        "gated": ("download", any_file | {"repo_id": "org/gated", "token": False}),
        # The last of the downloads, for the client contents itself with what is in the folder.
        "granted": ("download", any_file | {"repo_id": "org/gated", "token": TOKEN}),
        "gated info": ("info", {"repo_id": "org/gated"}),
        "checked": ("auth_check", {"repo_id": "org/gated", "token": "hf_other"}),
        "private": ("info", {"repo_id": "org/private"}),
        "own": ("info", {"repo_id": "org/private", "token": TOKEN}),
        "others": ("info", {"repo_id": "org/private", "token": "hf_other"}),
        "missing": ("info", {"repo_id": "org/missing"}),
        "bad token": ("info", model | {"token": "hf_wrong"}),
        "no revision": ("info", model | {"revision": "v9"}),
        "no entry": ("download", model | {"filename": "no.bin"}),
        "no folder": ("tree", model | {"path_in_repo": "no"}),
    }


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """All calls in one process, for its start takes longer than they do."""
    home = tmp_path_factory.mktemp("client")
    hub = StandInHub()
    hub.start()
    repository = furnish(hub)
    old = repository.commit
    repository.change({"config.json": b'{"new": 1}', "README.md": None})
    asked = calls(old, home / "folder")
    answers = ask(hub.endpoint, home, list(asked.values()), HF_HUB_DISABLE_XET="1")
    yield Session(hub, repository, old, dict(zip(asked, answers, strict=True)))
    hub.stop()
    assert not hub.errors, hub.errors[0]


def test_model_info_has_sizes_digests_and_what_the_card_says(session: Session) -> None:
    weights = FILES["model.safetensors"]
    pointer = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest(weights)}\n"
        f"size {len(weights)}\n"
    )
    info = session["info"]
    assert info["sha"] == session.repository.commit
    assert info["files"]["config.json"] == [10, git_id(b'{"new": 1}'), None]
    expected = [len(weights), git_id(pointer.encode()), digest(weights)]
    assert info["files"]["model.safetensors"] == expected
    assert set(info["files"]) == {"config.json", "model.safetensors", "unet/flaky.bin"}
    assert info["tags"] == ["text-generation"]
    assert info["card"] == CARD
    assert (info["gguf"]["architecture"], info["total"]) == ("llama", 9)
    assert info["used"] == 10 + len(weights) + len(FILES["unet/flaky.bin"])


def test_an_older_commit_stays_addressable(session: Session) -> None:
    assert session["old info"]["sha"] == session.old != session.repository.commit
    assert set(session["old info"]["files"]) == set(FILES)
    assert session["old file"] == digest(b"{}")
    assert session["refs"] == {
        "refs/heads/main": session.repository.commit,
        "refs/tags/v1": session.old,
    }


def test_the_tree_comes_in_pages_with_the_same_digests(session: Session) -> None:
    files = {path: rest for path, *rest in session["tree"] if rest and "." in path}
    assert files == session["info"]["files"]
    assert ["unet"] in [entry[:1] for entry in session["tree"]]
    pages = [each for each in session.hub.requests if "/tree/" in each.path and each.query]
    assert any("cursor" in each.query for each in pages)
    assert {entry[0] for entry in session["top"]} == {"unet", "config.json", "model.safetensors"}


def test_paths_info_gives_those_that_exist(session: Session) -> None:
    files = session["info"]["files"]
    assert session["paths"] == [
        [path, *files[path]] for path in ("config.json", "model.safetensors")
    ]


def test_a_search_orders_filters_limits_and_tells_what_is_asked(session: Session) -> None:
    assert session["search"] == [["many/thing-2"], ["many/thing-1"], ["many/thing-0"]]
    assert session["limited"] == [["many/thing-2"]]
    assert session["filtered"] == [[MODEL]]
    commit = session.repository.commit
    gated = session.hub.repositories["org/gated"].commit
    assert sorted(session["expanded"]) == [
        ["org/gated", 9, "auto", gated],
        [MODEL, 5, False, commit],
    ]


def test_downloads_deliver_the_bytes_even_when_a_connection_drops(session: Session) -> None:
    assert session["file"] == digest(FILES["model.safetensors"])
    flaky = FILES["unet/flaky.bin"]
    assert session["flaky"] == digest(flaky)
    first, second, *_ = [
        each for each in session.hub.requests if each.file == "unet/flaky.bin" and each.bytes_sent
    ]
    assert (first.status, first.bytes_sent) == (200, 400_000)
    assert second.bytes_sent == len(flaky)  # the client drops pieces of less than 10 MiB
    assert session["snapshot"] == {
        "config.json": digest(b'{"new": 1}'),
        "model.safetensors": digest(FILES["model.safetensors"]),
        "unet/flaky.bin": digest(flaky),
    }


def test_the_cdn_is_another_origin_that_gets_no_token(session: Session) -> None:
    to_cdn = [each for each in session.hub.requests if each.origin == "cdn"]
    assert {each.file for each in to_cdn} >= {"model.safetensors", "a.gguf"}
    assert session["granted"] == digest(b"gated")
    assert session.hub.authorized_hosts() == {"hub"}


def test_each_refusal_is_the_error_that_the_hub_means_by_it(session: Session) -> None:
    assert session["whoami"] == "ada"
    assert session["nobody"] == ("HfHubHTTPError", 401)
    assert session["gated info"]["gated"] == "auto"
    assert session["gated"] == ("GatedRepoError", 401)
    assert session["not granted"] == session["checked"] == ("GatedRepoError", 403)
    assert session["private"] == session["missing"] == ("RepositoryNotFoundError", 401)
    assert session["own"]["files"].keys() == {"a.gguf"}
    assert session["others"] == ("RepositoryNotFoundError", 404)
    assert session["bad token"] == ("HfHubHTTPError", 401)
    assert session["no revision"] == ("RevisionNotFoundError", 404)
    assert session["no entry"] == session["no folder"] == ("RemoteEntryNotFoundError", 404)


def test_telemetry_is_noticed_where_it_is_on(hub: StandInHub, tmp_path: Path) -> None:
    made = hub.repository(MODEL, FILES)
    ((about),) = ask(hub.endpoint, tmp_path / "on", [("info", {"repo_id": MODEL})], **TELLING)
    assert about["gave"]["sha"] == made.commit
    assert [each.path for each in hub.telemetry_requests] == ["/api/agent-harnesses"]


def test_telemetry_that_is_off_is_off(session: Session) -> None:
    assert session.hub.telemetry_requests == []
