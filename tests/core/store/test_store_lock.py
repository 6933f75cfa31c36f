"""The store's lock: many enter at a time, one deletes, and a file that is being made is held."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from core.conftest import write
from modelfs import locks
from modelfs.errors import CatalogBusy
from modelfs.library import Library
from modelfs.store import BlobStore, blobs
from modelfs.store.staging import new_file
from modelfs.types import BlobId


@pytest.fixture
def stores(library: Library, monkeypatch: pytest.MonkeyPatch) -> tuple[BlobStore, BlobStore]:
    """Two that use one store and do not wait."""
    monkeypatch.setattr(blobs, "LOCK_TIMEOUT_S", 0)
    return library.store, BlobStore(library.paths)


def test_several_enter_at_a_time(stores: tuple[BlobStore, BlobStore]) -> None:
    with stores[0].entering(), stores[1].entering():
        pass


def test_nobody_enters_or_deletes_beside_one_who_deletes(
    stores: tuple[BlobStore, BlobStore],
) -> None:
    with stores[0].deleting():
        with pytest.raises(CatalogBusy), stores[1].entering():
            pass
        with pytest.raises(CatalogBusy), stores[1].deleting():
            pass
    with stores[0].entering(), pytest.raises(CatalogBusy), stores[1].deleting():
        pass


def test_no_file_is_begun_beside_one_who_deletes(stores: tuple[BlobStore, BlobStore]) -> None:
    with stores[0].deleting(), pytest.raises(CatalogBusy):
        new_file(stores[1], "add")
    assert os.listdir(stores[0].paths.staging) == []


def test_a_file_that_is_being_made_is_its_makers_alone(
    stores: tuple[BlobStore, BlobStore],
) -> None:
    path, fd = new_file(stores[0], "add")
    try:
        assert locks.is_held(path)
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.close(fd)
    before = os.listdir("/proc/self/fd")
    assert not locks.is_held(path)
    assert os.listdir("/proc/self/fd") == before


def test_the_store_is_its_owners_alone(library: Library) -> None:
    assert library.paths.root.stat().st_mode & 0o777 == 0o700


@pytest.mark.timeout(20)
def test_a_pipe_in_the_place_of_a_blob_keeps_nobody_waiting(library: Library) -> None:
    blob = BlobId("ab" * 16)
    os.mkfifo(library.store.path(blob))
    os.close(library.store.open(blob))
    assert not library.store.has(blob, 0)


def test_a_link_in_the_place_of_a_blob_is_not_followed(library: Library, tmp_path: Path) -> None:
    blob = BlobId("ab" * 16)
    library.store.path(blob).symlink_to(write(tmp_path / "theirs", b"theirs"))
    with pytest.raises(OSError, match="symbolic links"):
        library.store.open(blob)


def test_where_there_are_no_leases_nobody_is_thought_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, command: int, argument: int) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    with write(tmp_path / "a", b"a").open("rb") as file:
        assert not locks.open_for_writing_elsewhere(file.fileno())
