"""A file is hashed in order and whole, whatever number of threads reads it."""

import hashlib
import os
import threading
from pathlib import Path

import pytest
import xxhash

from core.conftest import content, write
from modelfs import hashing
from modelfs.hashing import CHUNK_BYTES


@pytest.mark.parametrize(
    "size_bytes",
    [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 4 * CHUNK_BYTES, 4 * CHUNK_BYTES + 1, 9 * CHUNK_BYTES - 1],
)
def test_the_digests_are_those_of_all_the_bytes_in_order(tmp_path: Path, size_bytes: int) -> None:
    data = content("hashed", size_bytes)
    reported: list[int] = []
    with write(tmp_path / "a", data).open("rb") as file:
        digests = hashing.hash_descriptor(
            file.fileno(), size_bytes, seal=True, advance=reported.append
        )
    assert digests.xxh3 == xxhash.xxh3_128_hexdigest(data)
    assert digests.sha256 == hashlib.sha256(data).hexdigest()
    assert reported == [*range(CHUNK_BYTES, size_bytes, CHUNK_BYTES), *([size_bytes] * bool(data))]


@pytest.mark.parametrize("missing", [1, CHUNK_BYTES, 6 * CHUNK_BYTES])
def test_a_file_that_ends_early_has_no_digest(tmp_path: Path, missing: int) -> None:
    size_bytes = 7 * CHUNK_BYTES
    source = write(tmp_path / "a", content("short", size_bytes - missing))
    said = f"at {size_bytes - missing} of {size_bytes}"
    with source.open("rb") as file, pytest.raises(EOFError, match=said):
        hashing.hash_descriptor(file.fileno(), size_bytes, seal=False, advance=lambda _: None)


def test_when_it_is_stopped_nobody_goes_on_reading_the_descriptor(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(_: int) -> None:
        raise Stop

    before = threading.active_count()
    fd = os.open(write(tmp_path / "a", content("stopped", 9 * CHUNK_BYTES)), os.O_RDONLY)
    try:
        # The caught error keeps its frames, and these what they were reading with.
        with pytest.raises(Stop) as caught:
            hashing.hash_descriptor(fd, 9 * CHUNK_BYTES, seal=False, advance=stop)
        assert threading.active_count() == before, caught
    finally:
        os.close(fd)
