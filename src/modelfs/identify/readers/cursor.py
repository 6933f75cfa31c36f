"""A bounded way through the front of a GGUF file, value by value.

Invariant: no byte behind ``MAX_HEADER_BYTES`` or the file's size is ever read, whatever lengths the
file claims; a claim beyond them raises ``OutOfBytes``.
"""

import struct
from typing import BinaryIO

MAX_HEADER_BYTES = 64 * 1024 * 1024
"""A vocabulary of 256 000 tokens with its merges takes about 15 MB."""
_FIRST_READ_BYTES = 256 * 1024


class OutOfBytes(Exception):
    """The file or the header limit ends before the header does."""


class Cursor:
    """Takes little values off the front of a file, reading ahead in growing blocks."""

    def __init__(self, handle: BinaryIO, size_bytes: int, order: str) -> None:
        self._handle = handle
        self._limit = min(size_bytes, MAX_HEADER_BYTES)
        self._data = bytearray()
        self._order = order
        self._u64 = struct.Struct(order + "Q")
        self.position = 0

    def _fill(self, end: int) -> None:
        if end > self._limit:
            raise OutOfBytes
        wanted = min(self._limit, max(end, 2 * len(self._data), _FIRST_READ_BYTES))
        self._handle.seek(len(self._data))
        self._data += self._handle.read(wanted - len(self._data))
        if len(self._data) < end:
            raise OutOfBytes

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        end = self.position + count
        if end > len(self._data):
            self._fill(end)
        taken = bytes(self._data[self.position : end])
        self.position = end
        return taken

    def skip(self, count: int) -> None:
        """Step over bytes without reading them."""
        if self.position + count > self._limit:
            raise OutOfBytes
        self.position += count

    def number(self, code: str) -> int:
        """Take a whole number; ``code`` is its letter in ``struct``."""
        return int(self.scalar(code))

    def scalar(self, code: str) -> int | float | bool:
        """Take a number or truth value; ``code`` is its letter in ``struct``."""
        layout = self._order + code
        value: int | float | bool = struct.unpack(layout, self.take(struct.calcsize(layout)))[0]
        return value

    def text(self, longest: int) -> str | None:
        """Take a string; one longer than ``longest`` is passed over and gives ``None``."""
        length = self.number("Q")
        if length > longest:
            self.skip(length)
            return None
        return self.take(length).decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        """Step over so many strings, each behind its 64-bit length."""
        # The one hot loop: a vocabulary has hundreds of thousands of strings.
        position, unpack = self.position, self._u64.unpack_from
        safe = len(self._data) - 8
        for _ in range(count):
            if position > safe:
                self._fill(position + 8)
                safe = len(self._data) - 8
            position += 8 + unpack(self._data, position)[0]
        self.position = position
        self.skip(0)
