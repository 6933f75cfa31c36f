"""Two processes that want the same bytes at once: these are sent once, and both end well."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core.soundness import assert_sound, every_model
from fetch.fetcher import Fetcher, said
from fetch.stages import CONFIG, DEADLINE_S, SLOW, Stage, address, staged
from modelfs.catalog import jobs
from modelfs.fetch import transfer
from modelfs.library import open_library

SHARDS = "shards"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("two"), 4) as made:
        yield made


@pytest.fixture(scope="module")
def other(stage: Stage) -> Iterator[Fetcher]:
    with Fetcher(stage.scale) as second:
        yield second


def files_of(stage: Stage, name: str) -> list[str]:
    return [path.name for path in (stage.served / name).iterdir()]


def sent(stage: Stage, name: str) -> dict[str, int]:
    """Return how many bytes of each file went out so far."""
    return {file: stage.hub.bytes_sent(file) for file in files_of(stage, name)}


def assert_sent_once(stage: Stage, name: str, before: dict[str, int]) -> None:
    now = sent(stage, name)
    went = {file: now[file] - before[file] for file in now if file != "config.json"}
    assert went == {file: (stage.served / name / file).stat().st_size for file in went}


def assert_whole(store: Path, files: int) -> None:
    with open_library(store) as library:
        (model,) = every_model(library)
        assert len(model.files) == files
        assert list(library.paths.staging.iterdir()) == []
        assert {job.state for job in jobs.all_jobs(library.catalog)} == {"done"}
    assert_sound(store)


def fetch_both(stage: Stage, other: Fetcher, store: Path, name: str, tags: tuple[str, str]) -> None:
    stage.fetcher.begin(store, address(name), tag=tags[0])
    other.begin(store, address(name), tag=tags[1])
    assert stage.fetcher.end() == 0, said(store)
    assert other.end() == 0, said(store)


@pytest.mark.parametrize("tags", [("same", "same"), ("one", "other")])
@pytest.mark.parametrize("name", [SLOW, SHARDS])
def test_bytes_that_two_processes_want_are_sent_once(
    stage: Stage, other: Fetcher, name: str, tags: tuple[str, str]
) -> None:
    """With the same tags it is one job that the second follows; otherwise each has its own."""
    store, before = stage.store(), sent(stage, name)
    fetch_both(stage, other, store, name, tags)
    assert_sent_once(stage, name, before)
    assert_whole(store, len(files_of(stage, name)))


@pytest.mark.parametrize("tags", [("same", "same"), ("one", "other")])
def test_when_the_first_is_killed_the_second_goes_on_where_it_was(
    stage: Stage, other: Fetcher, tags: tuple[str, str]
) -> None:
    store, before, size_bytes = stage.store(), stage.sent(SLOW), stage.size_bytes(SLOW)
    first = stage.fetcher.begin(store, address(SLOW), tag=tags[0])
    wait_for_bytes(stage, before + size_bytes // 4)
    other.begin(store, address(SLOW), tag=tags[1])
    wait_for_bytes(stage, before + size_bytes // 2)
    with suppress(ProcessLookupError):
        os.kill(first, signal.SIGKILL)
    assert stage.fetcher.end() == -signal.SIGKILL
    assert other.end() == 0, said(store)
    again = stage.sent(SLOW) - before - size_bytes
    assert 0 <= again <= transfer.PART_BYTES // stage.scale
    with open_library(store) as library:
        (model,) = every_model(library)
        assert {file.path for file in model.files} == set(files_of(stage, SLOW))
        left = {path.name.partition(".")[0] for path in library.paths.staging.iterdir()}
        assert left <= {f"fetch-{key}" for key in jobs.keys(library.catalog)}
    assert_sound(store)


def wait_for_bytes(stage: Stage, count: int) -> None:
    until = time.monotonic() + DEADLINE_S
    while stage.sent(SLOW) < count:
        assert time.monotonic() < until
        time.sleep(0.002)


def test_what_another_has_just_brought_is_not_fetched(stage: Stage, other: Fetcher) -> None:
    """Its listing said no digest of the small file, only what git calls it."""
    store = stage.store()
    assert stage.fetcher.fetch(store, address(SHARDS), tag="one") == 0, said(store)
    before = stage.hub.bytes_sent("config.json")
    assert other.fetch(store, address(SHARDS), tag="other") == 0, said(store)
    assert stage.hub.bytes_sent("config.json") == before
    assert (stage.served / SHARDS / "config.json").read_bytes() == CONFIG
