"""Transactions of the catalogue: one writer at a time, and nothing of what failed stays."""

import os
from pathlib import Path

import apsw
import pytest

from core.conftest import write
from modelfs.catalog import database
from modelfs.catalog.database import Catalog
from modelfs.errors import CatalogBusy, Damaged


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new catalogue; whoever opens it does not wait for others."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0)
    Catalog.open(tmp_path / "catalog.sqlite3", create=True).close()
    return tmp_path / "catalog.sqlite3"


def test_a_writer_keeps_others_out_from_its_beginning(file: Path) -> None:
    """Or both would decide by what they read, and one would fail at its end."""
    one, other = Catalog.open(file), Catalog.open(file)
    with one.write(), pytest.raises(CatalogBusy), other.write():
        pass
    with other.write():
        pass
    one.close()
    other.close()


def test_a_step_to_a_newer_version_that_fails_is_told_and_undone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = database.migrations()
    newer = steps[-1][0] + 1
    broken = (newer, "CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1)")
    with monkeypatch.context() as patch:
        patch.setattr(database, "migrations", lambda: (*steps, broken))
        with pytest.raises(apsw.SQLError, match="nowhere"):
            Catalog.open(file)
    catalog = Catalog.open(file)
    assert catalog.value("PRAGMA user_version") == newer - 1
    assert catalog.rows("SELECT 1 FROM sqlite_schema WHERE name = 'half'") == []
    catalog.close()


def test_what_cannot_be_opened_is_not_kept_open(tmp_path: Path) -> None:
    """A descriptor that is closed some day drops the locks of the next connection."""
    damaged = write(tmp_path / "catalog.sqlite3", b"this is no database at all" * 100)
    before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(Damaged) as caught:
        Catalog.open(damaged)
    assert sorted(os.listdir("/proc/self/fd")) == before, caught.value


def test_an_older_catalogue_is_brought_up_to_date_before_it_is_only_read(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = database.migrations()
    newer = steps[-1][0] + 1
    monkeypatch.setattr(
        database, "migrations", lambda: (*steps, (newer, "CREATE TABLE newer (id INTEGER) STRICT"))
    )
    before = sorted(os.listdir("/proc/self/fd"))
    catalog = Catalog.open(file, read_only=True)
    assert catalog.is_read_only
    assert catalog.value("PRAGMA user_version") == newer
    catalog.close()
    assert sorted(os.listdir("/proc/self/fd")) == before
