"""No room, or no wish to go on: what came stays, nothing is half filed, and the same again ends."""

import itertools
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core.conftest import make_library, write
from core.soundness import assert_sound, every_model, stored
from fetch.bringing import sent
from fetch.fetcher import Fetcher, said
from fetch.standin.hub import StandInHub
from identify.builders import safetensors
from modelfs import durable
from modelfs.catalog import jobs
from modelfs.catalog.jobs import JobId
from modelfs.errors import Cancelled, NoSpace
from modelfs.fetch.partial import BLOCK_BYTES, partials
from modelfs.fetch.web import Web
from modelfs.library import Library, fetching, open_library
from modelfs.library.fetch_plan import ask_source, plan_fetch
from modelfs.library.fetching import create_job, run_job
from modelfs.library.jobs import find, state_now
from modelfs.progress import Progress, silent

MIB = 1 << 20
CONFIG = b'{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}'
SOON_S = 3.0
DEADLINE_S = 20.0


def weights(size_bytes: int, seed: str) -> bytes:
    """Return a model of random weights."""
    header = safetensors({seed: (1, size_bytes // 2)})
    data = random.Random(seed).randbytes(size_bytes)
    return header[: -len(data)] + data


FILES = {
    "model-00001-of-00002.safetensors": weights(6 * MIB, "one"),
    "model-00002-of-00002.safetensors": weights(3 * MIB, "two"),
    "config.json": CONFIG,
}
LARGE = "model-00001-of-00002.safetensors"


def begin(library: Library, name: str) -> JobId:
    """Write the fetch of a repository down as a job, or find it again."""
    with Web() as web:
        return create_job(library, plan_fetch(library, ask_source(f"hf:maker/{name}", web)))


def run(library: Library, job: JobId, report: Callable[[Progress], None] = silent) -> None:
    run_job(library, find(library, job), report)


def all_sent(hub: StandInHub) -> int:
    return sum(sent(hub, file) for file in FILES)


def assert_right(library: Library, files: dict[str, bytes] = FILES) -> None:
    """One model with these files, nothing in staging, and a sound store."""
    (model,) = every_model(library)
    assert stored(library, model) == files
    assert list(library.paths.staging.iterdir()) == []
    assert_sound(library.paths.root)


def assert_only_listed_is_left(library: Library) -> None:
    left = {path.name.partition(".")[0] for path in library.paths.staging.iterdir()}
    assert left <= {f"fetch-{key}" for key in jobs.keys(library.catalog)}


@pytest.fixture
def shown(hub: StandInHub) -> StandInHub:
    hub.repository("maker/tiny", FILES)
    return hub


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[Path, Library]]:
    """A library on a disk of 32 MiB, and a place beside it for somebody else's files."""
    where = tmp_path / "disk"
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(where)], check=True)
    with make_library(where) as library:
        yield where, library
    subprocess.run(["umount", "-l", str(where)], check=True)


def fill(place: Path, leave_bytes: int) -> Path:
    """Take all room but this."""
    room = durable.free_bytes(place) - leave_bytes
    return write(place / "ballast", bytes(max(0, room)))


def test_what_does_not_fit_is_said_before_the_first_byte(
    shown: StandInHub, small: tuple[Path, Library]
) -> None:
    place, library = small
    ballast = fill(place, 5 * MIB)
    with pytest.raises(NoSpace) as raised:
        begin(library, "tiny")
    assert raised.value.message.startswith("9.4 MB are needed, 5.2 MB are available on the disk")
    assert "evict" not in raised.value.hint, "there is nothing to evict"
    assert raised.value.exit_code == 5
    assert all_sent(shown) == 0
    assert jobs.all_jobs(library.catalog) == []
    assert list(library.paths.staging.iterdir()) == []
    ballast.unlink()
    run(library, begin(library, "tiny"))
    assert_right(library)


def test_what_evict_could_free_is_said(shown: StandInHub, small: tuple[Path, Library]) -> None:
    place, library = small
    run(library, begin(library, "tiny"))
    shown.repository("maker/other", {"model.safetensors": weights(8 * MIB, "other")})
    fill(place, 5 * MIB)
    with pytest.raises(NoSpace) as raised:
        begin(library, "other")
    assert re.search("modelfs evict .* 9.4 MB", raised.value.hint)


def test_the_reserve_is_not_touched(shown: StandInHub, tmp_path: Path) -> None:
    free = durable.free_bytes(tmp_path)
    with make_library(tmp_path, reserve=str(free - 5 * MIB)) as library:
        with pytest.raises(NoSpace) as raised:
            begin(library, "tiny")
        assert "kept in reserve" in raised.value.message


@pytest.mark.parametrize("leave_bytes", [0, 4096, 40_000, 2 * MIB])
def test_a_disk_that_somebody_fills_meanwhile_keeps_what_came(
    shown: StandInHub, small: tuple[Path, Library], leave_bytes: int
) -> None:
    place, library = small
    stall = shown.faults.stall_after(LARGE, 2 * MIB, times=1)
    job = begin(library, "tiny")

    def fill_the_disk(progress: Progress) -> None:
        if stall.reached.is_set() and not (place / "ballast").exists():
            fill(place, leave_bytes)
            stall.release()

    try:
        run(library, job, fill_the_disk)
    except NoSpace as error:
        assert "\n" not in error.message
        record = find(library, job)
        assert state_now(library, record) == "paused"
        assert every_model(library) == []
    else:
        assert leave_bytes > 40_000, "it cannot have fitted"
    assert_only_listed_is_left(library)
    (place / "ballast").unlink()
    if state_now(library, find(library, job)) != "done":
        run(library, job)
    assert_right(library)
    on_its_way = len(FILES[LARGE]) - 2 * MIB  # released, and not read yet when it ended
    assert all_sent(shown) <= sum(map(len, FILES.values())) + on_its_way


def test_a_disk_that_gets_full_before_a_file_is_begun_keeps_the_others(
    shown: StandInHub, small: tuple[Path, Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_FILES_AT_ONCE", 1)
    place, library = small
    job = begin(library, "tiny")
    stall = shown.faults.stall_after("model-00002-of-00002.safetensors", MIB, times=1)

    def fill_the_disk(progress: Progress) -> None:
        if stall.reached.is_set() and not (place / "ballast").exists():
            fill(place, 4 * MIB)

    with pytest.raises(NoSpace):
        run(library, job, fill_the_disk)
    record = find(library, job)
    assert (record.state, record.exit_code) == ("paused", 5)
    shown.faults.clear()
    (place / "ballast").unlink()
    run(library, job)
    assert_right(library)
    assert all_sent(shown) <= sum(map(len, FILES.values())) + MIB


class Ending:
    """A face that ends the work at the Nth report of a stage."""

    def __init__(self, stage: str, at: int, error: BaseException) -> None:
        self._stage = stage
        self._left = at
        self._error = error
        self.did = False

    def __call__(self, progress: Progress) -> None:
        if progress.step == self._stage:
            self._left -= 1
            if self._left == 0:
                self.did = True
                raise self._error


@pytest.mark.parametrize("stage", ["downloading", "filing"])
@pytest.mark.parametrize(
    ("error", "state"), [(Cancelled("enough"), "cancelled"), (KeyboardInterrupt(), "paused")]
)
def test_ended_at_any_report_it_is_clean_and_goes_on(
    shown: StandInHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    state: str,
    stage: str,
) -> None:
    """At the first report of a stage, at the second, and so on until there are no more."""
    monkeypatch.setattr(fetching, "_LOOK_S", 0.02)
    shown.faults.slow("*.safetensors", 60e6)
    for number in itertools.count(1):
        with make_library(tmp_path / str(number)) as library:
            job, ending = begin(library, "tiny"), Ending(stage, number, error)
            if not ends_cleanly(shown, library, job, ending):
                break
            assert find(library, job).state == state
            kept, before = kept_bytes(library), all_sent(shown)
            run(library, job)
            assert_right(library)
            assert all_sent(shown) - before <= sum(map(len, FILES.values())) - kept
    assert number > 1, "it had no such stage"


def kept_bytes(library: Library) -> int:
    """Return what came at least: the last block of a file is shorter than the others."""
    found = partials(library.paths.staging)
    return sum(max(0, files.said_bytes() - BLOCK_BYTES) for files in found)


def ends_cleanly(hub: StandInHub, library: Library, job: JobId, ending: Ending) -> bool:
    """Run until it is ended: soon, with nothing half done or left over; False when it was not."""
    threads = set(threading.enumerate())
    connections = hub.open_connections()  # of the hub's own client, which keeps its
    try:
        run(library, job, ending)
    except (Cancelled, KeyboardInterrupt):
        assert ending.did
    else:
        assert not ending.did
        return False
    assert every_model(library) == []
    assert_only_listed_is_left(library)
    assert set(threading.enumerate()) - threads <= servers(hub)
    until = time.monotonic() + SOON_S
    while hub.open_connections() > connections:
        assert time.monotonic() < until, "a socket stays open"
        time.sleep(0.002)
    assert opened_below(library.paths.staging) + opened_below(library.paths.jobs) == []
    return True


def opened_below(folder: Path) -> list[str]:
    """Return the files below a folder that this process has open."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return sorted(path for path in found if path.startswith(str(folder)))


def servers(hub: StandInHub) -> set[threading.Thread]:
    """Return the threads of the stand-in, which runs in this process."""
    return {each for each in threading.enumerate() if "process_request" in each.name}


@pytest.mark.parametrize("where", ["resolving", "connecting", "downloading"])
def test_ctrl_c_ends_it_soon_wherever_it_waits(
    shown: StandInHub, tmp_path: Path, where: str
) -> None:
    if where == "resolving":
        fault = shown.faults.hold("/api/models/*")
    elif where == "connecting":
        fault = shown.faults.hold(LARGE)
    else:
        fault = shown.faults.stall_after(LARGE, MIB)
    make_library(tmp_path).close()
    store = tmp_path / "store"
    with Fetcher() as fetcher:
        process = fetcher.begin(store, "hf:maker/tiny")
        assert fault.reached.wait(DEADLINE_S)
        begun = time.monotonic()
        os.kill(process, signal.SIGINT)
        assert fetcher.end() == 130, said(store)
        assert time.monotonic() - begun < SOON_S
        shown.faults.clear()
        with open_library(store) as library:
            assert every_model(library) == []
            assert_only_listed_is_left(library)
            states = [job.state for job in jobs.all_jobs(library.catalog)]
            assert states == ([] if where == "resolving" else ["paused"])
        assert fetcher.fetch(store, "hf:maker/tiny") == 0, said(store)
    with open_library(store) as library:
        assert_right(library)
