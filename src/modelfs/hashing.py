"""How bytes are named and compared: XXH3-128 for ids, SHA-256 for seals, bytes for the truth.

A hash match alone never discards bytes: ``same_bytes`` is what decides.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import xxhash

CHUNK_BYTES = 1 << 20
"""Large enough that Python's share vanishes, small enough that what was read is still in the L2
cache when it is hashed: with 8 MiB the same work takes a third more (benchmarks/README.md)."""

_READERS = 2
"""Most of hashing is the kernel's copying out of the page cache, which one thread does at memcpy's
speed and two nearly twice as fast."""
_CHUNKS_AHEAD = 4

SAMPLE_BYTES = 64 << 10
"""Read at the start, the middle and the end: a header, some weights, the last tensor."""


class _Hash(Protocol):
    def update(self, data: memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Digests:
    """What hashing a whole file gave."""

    xxh3: str
    sha256: str | None
    data: str | None = None
    """The XXH3-128 of the bytes from where the tensors begin, if that was asked for."""


class Hasher:
    """Take a stream of bytes and give its digests; the heavy calls release the GIL."""

    def __init__(self, *, seal: bool, data_start: int | None = None) -> None:
        self._xxh3: _Hash = xxhash.xxh3_128()
        self._sha256: _Hash | None = hashlib.sha256() if seal else None
        self._data: _Hash | None = xxhash.xxh3_128() if data_start is not None else None
        self._before_data = data_start or 0

    def update(self, data: memoryview) -> None:
        """Add the next bytes."""
        self._xxh3.update(data)
        if self._sha256 is not None:
            self._sha256.update(data)
        if self._data is not None:
            skipped = min(self._before_data, len(data))
            self._before_data -= skipped
            self._data.update(data[skipped:])

    def digests(self) -> Digests:
        """Return the digests of everything added so far."""
        sha256 = self._sha256.hexdigest() if self._sha256 is not None else None
        data = self._data.hexdigest() if self._data is not None else None
        return Digests(self._xxh3.hexdigest(), sha256, data)


def read_exactly(fd: int, buffer: memoryview, offset: int) -> int:
    """Fill ``buffer`` from ``offset``; return the bytes read, fewer only at end of file."""
    done = 0
    while done < len(buffer):
        count = os.preadv(fd, [buffer[done:]], offset + done)
        if count == 0:
            break
        done += count
    return done


def hash_descriptor(
    fd: int,
    size_bytes: int,
    *,
    seal: bool,
    advance: Callable[[int], None],
    data_start: int | None = None,
) -> Digests:
    """Hash the first ``size_bytes`` of an open file; raise EOFError when it has fewer.

    ``advance`` gets the bytes done so far, once a chunk. With ``data_start`` the bytes from there
    get a hash of their own.
    """
    hasher = Hasher(seal=seal, data_start=data_start)
    offset = 0
    with closing(_chunks(fd, size_bytes)) as chunks:
        for chunk in chunks:
            hasher.update(chunk)
            offset += len(chunk)
            advance(offset)
    return hasher.digests()


def _chunks(fd: int, size_bytes: int) -> Generator[memoryview, None, None]:
    """Give the bytes in order while the next ones are being read; raise EOFError when they end.

    Each chunk is good until the next is asked for. Close it: its threads read from ``fd``.
    """
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    lengths = [min(CHUNK_BYTES, size_bytes - at) for at in range(0, size_bytes, CHUNK_BYTES)]
    buffers = [memoryview(bytearray(length)) for length in lengths[:_CHUNKS_AHEAD]]
    pending: deque[Future[int]] = deque()
    with ThreadPoolExecutor(_READERS) as readers:

        def read(number: int) -> None:
            if number < len(lengths):
                buffer = buffers[number % _CHUNKS_AHEAD][: lengths[number]]
                offset = number * CHUNK_BYTES
                pending.append(readers.submit(read_exactly, fd, buffer, offset))

        for number in range(_CHUNKS_AHEAD):
            read(number)
        for number, length in enumerate(lengths):
            count = pending.popleft().result()
            if count < length:
                raise EOFError(f"ends at {number * CHUNK_BYTES + count} of {size_bytes} bytes")
            yield buffers[number % _CHUNKS_AHEAD][:length]
            read(number + _CHUNKS_AHEAD)


def sha256_of(fd: int, size_bytes: int) -> str:
    """Return the SHA-256 of an open file; raises EOFError when it has fewer bytes."""
    digests = hash_descriptor(fd, size_bytes, seal=True, advance=lambda _: None)
    assert digests.sha256 is not None
    return digests.sha256


def sample_hash(fd: int, size_bytes: int) -> str:
    """Hash the size and three samples: a cheap key that finds candidates and proves nothing."""
    hasher = xxhash.xxh3_64(size_bytes.to_bytes(8, "little"))
    buffer = memoryview(bytearray(SAMPLE_BYTES))
    for offset in (0, max(0, size_bytes // 2), max(0, size_bytes - SAMPLE_BYTES)):
        count = read_exactly(fd, buffer, offset)
        hasher.update(buffer[:count])
    return hasher.hexdigest()


def same_bytes(one: int, other: int, size_bytes: int, advance: Callable[[int], None]) -> bool:
    """Compare ``size_bytes`` of two open files byte for byte, stopping at the first difference.

    A file that ends early is not the same. ``advance`` gets the bytes compared so far.
    """
    length = min(CHUNK_BYTES // 2, max(size_bytes, 1))
    first, second = memoryview(bytearray(length)), memoryview(bytearray(length))
    offset = 0
    while offset < size_bytes:
        wanted = min(length, size_bytes - offset)
        count = read_exactly(one, first[:wanted], offset)
        if count < wanted or read_exactly(other, second[:wanted], offset) < wanted:
            return False
        if bytes(first[:wanted]) != bytes(second[:wanted]):
            return False
        offset += wanted
        advance(offset)
    return True
