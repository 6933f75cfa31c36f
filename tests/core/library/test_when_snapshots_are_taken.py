"""When a snapshot of the catalogue is due, and which of the old ones may go."""

from pathlib import Path

import pytest

from core.conftest import bring, content, write
from modelfs.library import Library
from modelfs.library.snapshots import Snapshot, is_due, needless, snapshots, take_snapshot
from modelfs.types import ChangeId

HOUR_S, DAY_S = 3600.0, 86400.0


@pytest.fixture
def changed(library: Library, tmp_path: Path) -> float:
    """When the last snapshot was taken of a library that has changed since."""
    take_snapshot(library.store, library.catalog)
    (last,) = snapshots(library.paths)
    bring(library, write(tmp_path / "a.gguf", content("a")))
    return last.taken_at


def test_the_first_is_due_at_once(library: Library) -> None:
    for old in snapshots(library.paths):
        old.path.unlink()
    assert is_due(library.paths, library.catalog, 0)


def test_without_a_change_none_is_ever_due(library: Library) -> None:
    take_snapshot(library.store, library.catalog)
    (last,) = snapshots(library.paths)
    assert not is_due(library.paths, library.catalog, last.taken_at + 100 * DAY_S)


def test_a_change_is_kept_at_most_an_hour_later(library: Library, changed: float) -> None:
    assert not is_due(library.paths, library.catalog, changed)
    assert not is_due(library.paths, library.catalog, changed + 1)
    assert is_due(library.paths, library.catalog, changed + HOUR_S)


def test_a_small_catalogue_is_kept_within_seconds_a_large_one_within_the_hour(
    library: Library, changed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_due(library.paths, library.catalog, changed + 60)
    monkeypatch.setattr("modelfs.library.snapshots._S_PER_BYTE", 1.0)
    assert not is_due(library.paths, library.catalog, changed + HOUR_S - 1)
    assert is_due(library.paths, library.catalog, changed + HOUR_S)


def test_a_clock_that_was_set_back_puts_nothing_off(library: Library, changed: float) -> None:
    assert is_due(library.paths, library.catalog, changed - 1)


def test_the_last_of_each_of_three_days_stay() -> None:
    found = [
        Snapshot(Path(f"{change}"), ChangeId(change), day * DAY_S + hour * HOUR_S)
        for change, (day, hour) in enumerate(
            [(1, 5), (1, 9), (2, 3), (4, 1), (4, 2), (4, 23), (5, 1)]
        )
    ]
    newest_first = found[::-1]
    kept = [one.change for one in newest_first if one not in needless(newest_first)]
    assert kept == [6, 5, 2]
    assert needless(found[:1]) == []
