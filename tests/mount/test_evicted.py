"""An evicted model in the mount: listed as before, and opening it fails at once and clearly."""

import errno
import hashlib
import os
import time
from pathlib import Path

import pytest

from modelfs.catalog.records import ModelRecord
from modelfs.holders import names_in_use
from modelfs.library import eviction, select

from .conftest import BOTH_WAYS, Home, wait_for

READ_PATHS = BOTH_WAYS

BIG = 3_000_001
HUB = f"hf:org/repo@{'0123456789' * 4}"


def nobody(_: ModelRecord) -> bool:
    return False


@pytest.fixture
def path(furnished: Home) -> Path:
    """Where a mounted model of 3 MB is that came from the hub."""
    catalog = furnished.library.catalog
    big = (furnished.originals / "big.gguf").read_bytes()
    with catalog.write():
        catalog.rows("UPDATE blob SET sha256 = ?", [hashlib.sha256(big).hexdigest()])
        catalog.rows("UPDATE model SET source = ?", [HUB])
    return furnished.mountpoint / "by-tag" / "fast" / "big.gguf"


def evict(home: Home, name: str = "big.gguf") -> int:
    plan = eviction.plan_eviction(home.library, [select.one(home.library, name)], is_open=nobody)
    return eviction.evict(home.library, plan, is_open=nobody)


def why_not(path: Path) -> int | None:
    """Return the errno of opening a file, or None when it opens."""
    try:
        path.open("rb").close()
    except OSError as error:
        return error.errno
    return None


def test_it_stays_listed_takes_no_space_and_opening_it_is_enodata_at_once(
    furnished: Home, path: Path
) -> None:
    inode, listing = path.stat().st_ino, sorted(os.listdir(path.parent))
    assert path.stat().st_blocks > 0 and path.read_bytes()
    assert evict(furnished) >= BIG
    started = time.monotonic()
    assert why_not(path) == errno.ENODATA, "even before the mount has followed by itself"
    assert time.monotonic() - started < 5
    wait_for(lambda: path.stat().st_blocks == 0, "no blocks")
    status = path.stat()
    assert (status.st_ino, status.st_size) == (inode, BIG)
    assert sorted(os.listdir(path.parent)) == listing
    assert why_not(path) == errno.ENODATA
    assert "cannot be opened" not in furnished.log(), "nothing is wrong with it"


def test_it_is_read_again_as_soon_as_it_is_back(furnished: Home, path: Path) -> None:
    expected, inode = (furnished.originals / "big.gguf").read_bytes(), path.stat().st_ino
    evict(furnished)
    wait_for(lambda: path.stat().st_blocks == 0, "no blocks")
    furnished.add_path(furnished.originals / "big.gguf", "language/llm")
    assert path.read_bytes() == expected, "at once"
    assert path.stat().st_ino == inode
    wait_for(lambda: path.stat().st_blocks > 0, "its blocks")


def test_who_has_it_open_is_seen_and_would_read_on(furnished: Home, path: Path) -> None:
    blob = furnished.blob_path("big.gguf").name
    assert names_in_use(furnished.library.paths.blobs) == set()
    with path.open("rb") as file:
        assert names_in_use(furnished.library.paths.blobs) == {blob}
        evict(furnished)
        assert file.read() == (furnished.originals / "big.gguf").read_bytes()
    wait_for(lambda: not names_in_use(furnished.library.paths.blobs), "the file to be closed")


def test_with_links_it_is_a_link_that_leads_nowhere(furnished: Home, path: Path) -> None:
    furnished.umount()
    furnished.mount(links=True)
    evict(furnished)
    assert path.is_symlink() and why_not(path) == errno.ENOENT
