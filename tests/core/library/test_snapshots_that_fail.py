"""A snapshot that cannot be taken fails nothing else and leaves nothing behind."""

import os

import pytest

from modelfs.catalog import snapshot
from modelfs.catalog.database import Catalog
from modelfs.errors import Damaged
from modelfs.library import Library
from modelfs.library.snapshots import keep_snapshot, snapshots, take_snapshot


def test_a_snapshot_of_a_damaged_catalogue_is_told_and_keeps_those_there_are(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(catalog: Catalog, file: object) -> None:
        raise Damaged("a page is damaged", "run: modelfs doctor")

    take_snapshot(library.store, library.catalog)
    there, before = snapshots(library.paths), sorted(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(snapshot, "write", fail)
    with pytest.raises(Damaged):
        take_snapshot(library.store, library.catalog)
    assert snapshots(library.paths) == there
    assert os.listdir(library.paths.staging) == []
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_snapshot_that_fails_is_no_failure_of_what_was_asked(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fail(catalog: Catalog, file: object) -> None:
        asked.append(file)
        raise Damaged("a page is damaged", "run: modelfs doctor")

    for old in snapshots(library.paths):
        old.path.unlink()
    monkeypatch.setattr(snapshot, "write", fail)
    keep_snapshot(library.store, library.catalog)
    assert len(asked) == 1
