"""Jobs across processes: the real program, its worker, and a hub that counts what it sends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.conftest import make_library
from fetch.standin.hub import StandInHub
from identify.builders import safetensors
from modelfs import locks
from modelfs.catalog import models
from modelfs.catalog.filters import Filter
from modelfs.library import Library, jobs, work
from modelfs.library.watching import document, listed

COMMAND = [sys.executable, "-m", "modelfs"]
DEADLINE_S = 30.0
ADDRESS = "hf:maker/tiny"
WEIGHTS = "model.safetensors"
BLOCK = 1 << 20
STALLS_AT = 2 * BLOCK

FOLLOWS = """
import sys
from pathlib import Path
from modelfs.fetch.web import Web
from modelfs.library import open_library
from modelfs.library.fetch_plan import ask_source, plan_fetch
from modelfs.library.fetching import create_job
from modelfs.library.following import run_or_follow
said = []
def report(progress):
    if not said:
        said.append(True)
        print("under way", flush=True)
with open_library(Path(sys.argv[1])) as library:
    with Web() as web:
        plan = plan_fetch(library, ask_source(sys.argv[2], web))
    job = create_job(library, plan)
    print(job, flush=True)
    for added in run_or_follow(library, job, report):
        print(added.outcome, added.model.entry_name, flush=True)
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """An empty library, which the program works on."""
    with make_library(tmp_path) as opened:
        monkeypatch.setenv("MODELFS_LIBRARY", str(opened.paths.root))
        yield opened
        for process in workers(opened):
            os.kill(process, signal.SIGKILL)


@pytest.fixture
def filled(hub: StandInHub) -> StandInHub:
    """A hub with one small model."""
    config = b'{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}'
    files = {WEIGHTS: safetensors({"w": [1024, 2048]}), "config.json": config}
    hub.repository("maker/tiny", files, license="mit")
    return hub


def size(hub: StandInHub, file: str = WEIGHTS) -> int:
    repository = hub.repositories["maker/tiny"]
    commit = repository.at("main")
    assert commit is not None
    return commit.files[file].size


def modelfs(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )


def ok(*words: str) -> str:
    done = modelfs(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def start(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def shown() -> dict[str, Any]:
    """Return the one job, as the program tells."""
    (found,) = json.loads(ok("jobs", "--json"))
    return found  # type: ignore[no-any-return]


def until(holds: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not in time: {what}; {ok('jobs', '--json')}")


def seen(library: Library, **expected: object) -> dict[str, Any]:
    """Wait until the job is so; a look from this process costs no start of the program."""

    def look() -> dict[str, Any] | None:
        (found,) = (document(each) for each in listed(library))
        return found if expected.items() <= found.items() else None

    return until(look, str(expected))  # type: ignore[no-any-return]


def workers(library: Library) -> list[int]:
    """Return the processes that work on this library's queue."""
    mine = f"MODELFS_LIBRARY={library.paths.root}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[2:5] == [b"modelfs", b"jobs", b"work"]:
                variables = (process / "environ").read_bytes().split(b"\0")
                found += [int(process.name)] if mine in variables else []
        except OSError:  # it has ended meanwhile, or is another user's
            continue
    return found


def names(library: Library) -> list[str]:
    return [model.name for model in models.find(library.catalog, Filter())]


def test_in_the_background_it_goes_on_and_others_see_it_grow(
    library: Library, filled: StandInHub
) -> None:
    holding = filled.faults.hold("config.json", times=1)
    stalling = filled.faults.stall_after(WEIGHTS, STALLS_AT, times=1)
    assert "job 1 fetches it" in ok("add", ADDRESS, "--background")
    assert shown()["state"] in ("queued", "running"), "it has returned before all came"
    seen(library, state="running", done_bytes=STALLS_AT)
    first = shown()
    assert (first["stage"], first["done_bytes"]) == ("downloading", STALLS_AT)
    assert first["total_bytes"] == size(filled) + size(filled, "config.json")
    by_path = {file["path"]: file for file in first["files"]}
    assert by_path[WEIGHTS]["done_bytes"] == STALLS_AT and first["kept_bytes"] >= STALLS_AT
    holding.release()
    stalling.release()
    last = seen(library, state="done")
    assert (last["percent"], last["done_bytes"]) == (100.0, last["total_bytes"])
    assert names(library) == ["tiny"]
    assert filled.bytes_sent(WEIGHTS) == size(filled)
    until(lambda: not locks.is_held(work.worker_lock(library)), "the worker leaves")
    assert filled.authorized_hosts() == set()


def test_other_processes_stop_it_and_go_on_with_it(library: Library, filled: StandInHub) -> None:
    filled.faults.stall_after(WEIGHTS, STALLS_AT, times=1)
    ok("add", ADDRESS, "--background")
    seen(library, state="running", done_bytes=STALLS_AT + size(filled, "config.json"))
    assert "paused job 1" in ok("jobs", "pause", "1")
    assert seen(library, state="paused")["error"] == "paused"
    filled.faults.stall_after(WEIGHTS, BLOCK, times=1)  # of what is asked for then
    assert "queued job 1" in ok("jobs", "resume", "--background")
    seen(library, state="running", done_bytes=STALLS_AT + BLOCK + size(filled, "config.json"))
    assert "cancelled job 1" in ok("jobs", "cancel", "--all")
    assert seen(library, state="cancelled")["kept_bytes"] > STALLS_AT
    assert names(library) == []
    assert "job 1 is done" in ok("jobs", "resume", "1")
    assert names(library) == ["tiny"]
    assert filled.bytes_sent(WEIGHTS) == size(filled)
    assert os.listdir(library.paths.staging) == []


def test_a_worker_that_ends_or_is_killed_leaves_it_paused_and_only_the_rest_is_transferred(
    library: Library, filled: StandInHub
) -> None:
    filled.faults.stall_after(WEIGHTS, STALLS_AT, times=1)
    ok("add", ADDRESS, "--background")
    seen(library, state="running", done_bytes=STALLS_AT + size(filled, "config.json"))
    (worker,) = workers(library)
    os.kill(worker, signal.SIGTERM)
    until(lambda: not workers(library), "the worker leaves")
    assert seen(library, state="paused")["error"] == jobs.ENDED
    filled.faults.stall_after(WEIGHTS, BLOCK, times=1)  # of what is asked for then
    ok("jobs", "resume", "--background")
    seen(library, state="running", done_bytes=STALLS_AT + BLOCK + size(filled, "config.json"))
    (worker,) = workers(library)
    os.kill(worker, signal.SIGKILL)
    stopped = seen(library, state="paused")
    assert stopped["error"] == jobs.DIED and "resume 1" in stopped["hint"]
    assert "paused" in ok("jobs")
    sent = filled.bytes_sent(WEIGHTS)
    ok("jobs", "resume", "--background")
    seen(library, state="done")
    assert filled.bytes_sent(WEIGHTS) - sent == size(filled) - STALLS_AT - BLOCK
    assert names(library) == ["tiny"]


def test_two_who_ask_for_the_same_share_one_transfer(library: Library, filled: StandInHub) -> None:
    fault = filled.faults.stall_after(WEIGHTS, STALLS_AT, times=1)
    with start(*COMMAND, "add", ADDRESS, "--json") as first:
        assert fault.reached.wait(DEADLINE_S)
        with start(sys.executable, "-c", FOLLOWS, str(library.paths.root), ADDRESS) as second:
            assert second.stdout is not None
            assert [second.stdout.readline() for _ in range(2)] == ["1\n", "under way\n"]
            fault.release()
            said, _ = second.communicate(timeout=60)
        document, complaints = first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0), complaints
    assert json.loads(document)["models"][0]["outcome"] == "added"
    assert said == "already there tiny\n"
    for file in (WEIGHTS, "config.json"):
        assert filled.bytes_sent(file) == size(filled, file)
    assert seen(library, state="done")["attempts"] == 1


def test_who_follows_goes_on_when_the_other_dies(library: Library, filled: StandInHub) -> None:
    fault = filled.faults.stall_after(WEIGHTS, STALLS_AT, times=1)
    with start(*COMMAND, "add", ADDRESS) as first:
        assert fault.reached.wait(DEADLINE_S)
        with start(sys.executable, "-c", FOLLOWS, str(library.paths.root), ADDRESS) as second:
            assert second.stdout is not None
            assert [second.stdout.readline() for _ in range(2)] == ["1\n", "under way\n"]
            first.kill()
            said, _ = second.communicate(timeout=60)
    assert (second.returncode, said) == (0, "added tiny\n")
    assert filled.bytes_sent(WEIGHTS) <= size(filled) + BLOCK
