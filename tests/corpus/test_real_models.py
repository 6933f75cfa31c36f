"""Real model files are what their publishers say: formats always, categories nearly always.

A wrong category may be a guess by a name, never a verdict that was called sure.
"""

from functools import cache

import pytest

from corpus.expected import EXPECTED, Expected
from corpus.verdicts import Verdict, look
from faults.tally import count
from real.packages import ModelCache, VanishedError, default_cache

pytestmark = pytest.mark.timeout(600)
LEAST_RIGHT = 0.95


@cache
def _cache() -> ModelCache:
    return ModelCache(default_cache())


def _name(expected: Expected) -> str:
    return f"{expected.package}:{expected.path.rpartition('/')[2]}"


def _marked(expected: Expected) -> object:
    marks = [pytest.mark.long] if expected.is_long else []
    return pytest.param(expected, id=_name(expected), marks=marks)


@pytest.mark.parametrize("expected", [_marked(each) for each in EXPECTED])
def test_what_the_publisher_says_is_found(expected: Expected) -> None:
    try:
        verdicts = look(expected, _cache())
    except VanishedError as error:
        pytest.skip(str(error))
    for verdict in verdicts:
        count("real model", "identified")
        assert verdict.wrong == (), verdict
        assert verdict.is_right or verdict.confidence != "sure", verdict


def test_nearly_all_categories_are_right() -> None:
    verdicts: list[Verdict] = []
    for expected in EXPECTED:
        if not expected.is_long:
            try:
                verdicts += look(expected, _cache())
            except VanishedError:
                continue
    right = sum(verdict.is_right for verdict in verdicts)
    assert right >= LEAST_RIGHT * len(verdicts), [v for v in verdicts if not v.is_right]
