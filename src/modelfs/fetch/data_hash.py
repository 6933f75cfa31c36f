"""The hash of a file's tensors alone, while the file still comes: no second pass over it.

Where they begin is only known once the header is here, of which nobody knows the length before.
"""

import os
from typing import BinaryIO

import xxhash

from modelfs import identify
from modelfs.hashing import CHUNK_BYTES, read_exactly
from modelfs.types import SourceFile

_MOST_HEADER_BYTES = 64 << 20


class DataHash:
    """Takes the blocks of a file in their order; the file is read where they were passed over."""

    def __init__(self, path: str, fd: int, size_bytes: int) -> None:
        self._fd = fd
        self._file = SourceFile(path, size_bytes, self._opened)
        self._here_bytes = 0
        self._next_look = 1
        self._hasher: xxhash.xxh3_128 | None = None
        self.start: int | None = None
        """Where the tensors begin; None as long as that is not known."""

    @property
    def digest(self) -> str | None:
        """The XXH3-128 of all bytes from ``start``; None where they are in no one piece."""
        return self._hasher.hexdigest() if self._hasher is not None else None

    def update(self, block: memoryview) -> None:
        """Take the next block, which is in the file already."""
        self._here_bytes += len(block)
        if self._hasher is not None:
            self._hasher.update(block)
        elif self._is_time():
            self._next_look = self._here_bytes * 2
            self.start = identify.early_data_start(self._file, self._here_bytes)
            if self.start is not None:
                self._hasher = xxhash.xxh3_128()
                self._catch_up(self._hasher, self.start)

    def _is_time(self) -> bool:
        is_all = self._here_bytes == self._file.size_bytes
        return is_all or self._next_look <= self._here_bytes <= _MOST_HEADER_BYTES

    def _catch_up(self, hasher: xxhash.xxh3_128, start: int) -> None:
        buffer = memoryview(bytearray(CHUNK_BYTES))
        for offset in range(start, self._here_bytes, CHUNK_BYTES):
            piece = buffer[: self._here_bytes - offset]
            hasher.update(piece[: read_exactly(self._fd, piece, offset)])

    def _opened(self) -> BinaryIO:
        os.lseek(self._fd, 0, os.SEEK_SET)  # both descriptors have one position
        return open(os.dup(self._fd), "rb")
