"""A fetch that is killed, wherever it is: the same again ends right and fetches what is missing."""

import random
import signal
from collections.abc import Iterator

import pytest

from core.soundness import every_model
from fetch.fetcher import PLACES, said
from fetch.stages import QUICK, SLOW, Stage, address, kill_after, staged
from modelfs.catalog import jobs
from modelfs.fetch import transfer
from modelfs.library import open_library


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("killed"), 4) as made:
        yield made


@pytest.fixture(scope="module")
def large_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("killed"), 1) as made:
        yield made


def ends_right_wherever_it_is_killed(stage: Stage, points: int) -> None:
    chance, struck = random.Random(points), 0
    part, size_bytes = transfer.PART_BYTES // stage.scale, stage.size_bytes(SLOW)
    for number in range(points):
        # One in each stretch of the whole, so that few points cover it as well as many.
        share = (number + chance.random()) / points
        store, before = stage.store(), stage.sent(SLOW)
        struck += kill_after(stage, store, share * size_bytes)
        stage.ends_right(store, SLOW)
        again = stage.sent(SLOW) - before - size_bytes
        assert 0 <= again <= part, f"{again} bytes again, killed at {share:.3f} of it"
    assert struck > points // 2


def test_killed_at_any_moment_it_goes_on(stage: Stage) -> None:
    ends_right_wherever_it_is_killed(stage, 12)


@pytest.mark.long
def test_killed_at_many_moments_a_large_one_goes_on(large_stage: Stage) -> None:
    ends_right_wherever_it_is_killed(large_stage, 50)


def test_killed_again_and_again_it_gets_there(stage: Stage) -> None:
    chance, size_bytes, kills = random.Random("again"), stage.size_bytes(SLOW), 5
    store, before = stage.store(), stage.sent(SLOW)
    for _ in range(kills):
        assert kill_after(stage, store, size_bytes * (0.1 + 0.1 * chance.random()))
    stage.ends_right(store, SLOW)
    again = stage.sent(SLOW) - before - size_bytes
    assert again <= kills * transfer.PART_BYTES // stage.scale


@pytest.mark.parametrize("place", PLACES)
def test_killed_where_it_is_being_filed_nothing_comes_twice(stage: Stage, place: str) -> None:
    store, before = stage.store(), stage.sent(QUICK)
    assert stage.fetcher.fetch(store, address(QUICK), dies=place) == -signal.SIGKILL, said(store)
    with open_library(store) as library:
        left = {path.name.partition(".")[0] for path in library.paths.staging.iterdir()}
        assert left <= {f"fetch-{key}" for key in jobs.keys(library.catalog)}
        assert len(every_model(library)) in (0, 1)
    stage.ends_right(store, QUICK)
    under_way = transfer.PART_BYTES // stage.scale if place.startswith("a file came") else 0
    assert 0 <= stage.sent(QUICK) - before - stage.size_bytes(QUICK) <= under_way
