"""Getting packages: one that is gone is no failure, and a cached one is not asked for again."""

from pathlib import Path

import pytest

from real import packages
from real.packages import PACKAGES, ModelCache, Package, VanishedError, default_cache, says_gone

GONE = (
    "ERROR: Could not find a version that satisfies the requirement lpips==999 (from versions: 1)\n"
    "ERROR: No matching distribution found for lpips==999\n"
)


def test_a_package_that_is_gone_is_told_from_a_registry_that_is_not_reached() -> None:
    assert says_gone(GONE)
    assert not says_gone("WARNING: Retrying (Retry(total=4, connect=None)) after " + GONE)
    assert not says_gone("ERROR: Hash mismatch")


@pytest.mark.parametrize(("may_vanish", "raised"), [(True, VanishedError), (False, AssertionError)])
def test_only_a_package_that_may_vanish_is_excused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, may_vanish: bool, raised: type[Exception]
) -> None:
    never = Package("lpips", "999", ("*",), may_vanish=may_vanish)
    monkeypatch.setitem(PACKAGES, never.name, never)
    with pytest.raises(raised, match="lpips 999"):
        ModelCache(tmp_path).folder(never.name)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_package_in_the_cache_is_not_asked_for_again(
    model_cache: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = model_cache.folder("lpips")
    monkeypatch.delattr(packages, "_download")
    assert ModelCache(default_cache()).folder("lpips") == expected


def test_a_package_without_the_wanted_members_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Package("lpips", "0.1.4", ("lpips/weights/v0.1/*.pth", "lpips/weights/v9/*.pth"))
    monkeypatch.setitem(PACKAGES, other.name, other)
    with pytest.raises(AssertionError, match="has nothing like"):
        ModelCache(tmp_path).folder(other.name)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
