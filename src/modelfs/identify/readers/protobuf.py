"""A bounded way through protobuf messages in a file: fields one by one, payloads stepped over.

Wire format: protobuf.dev/programming-guides/encoding. The file is read in blocks, so that thousands
of small fields cost little and a payload of gigabytes costs nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_BLOCK_BYTES = 64 * 1024
_LONGEST_VARINT = 10


class BadMessage(Exception):
    """The bytes are no message, or end inside one."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: a number, or where its bytes are."""

    number: int
    wire_type: int
    value: int
    """Of a varint or fixed number; the length of bytes."""
    start: int
    """Where the bytes begin; where the number stands."""

    @property
    def end(self) -> int:
        return self.start + self.value if self.wire_type == BYTES else self.start


class Message:
    """Messages in one file; positions are absolute."""

    def __init__(self, handle: BinaryIO, size_bytes: int) -> None:
        self._handle = handle
        self.size_bytes = size_bytes
        self._block = b""
        self._start = 0

    def fields(self, start: int, end: int, most: int) -> Iterator[Field]:
        """Yield the fields between two positions, at most so many; raise ``BadMessage``.

        A last field that reaches behind ``end`` is yielded too: the caller says what that means.
        """
        position = start
        for _ in range(most):
            if position >= end:
                return
            tag, position = self.varint(position, end)
            number, wire_type = tag >> 3, tag & 7
            if wire_type == VARINT:
                at = position
                value, position = self.varint(position, end)
                yield Field(number, wire_type, value, at)
            elif wire_type == BYTES:
                value, position = self.varint(position, end)
                yield Field(number, wire_type, value, position)
                position += value
            elif wire_type in (FIXED32, FIXED64):
                yield Field(number, wire_type, 0, position)
                position += 4 if wire_type == FIXED32 else 8
            else:
                raise BadMessage

    def varint(self, position: int, end: int) -> tuple[int, int]:
        """Return the number at ``position`` and the position behind it."""
        offset = position - self._start
        if not 0 <= offset <= len(self._block) - _LONGEST_VARINT:
            self._load(position)
            offset = 0
        value = 0
        for index, byte in enumerate(
            self._block[offset : offset + min(10, max(0, end - position))]
        ):
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value, position + index + 1
        raise BadMessage

    def _load(self, position: int) -> None:
        self._handle.seek(position)
        self._start = position
        self._block = self._handle.read(_BLOCK_BYTES)

    def bytes(self, field: Field, limit: int) -> bytes:
        """Return the bytes of a field, at most ``limit``."""
        length = min(field.value, limit)
        offset = field.start - self._start
        if not 0 <= offset <= len(self._block) - length:
            if length > _BLOCK_BYTES:
                self._handle.seek(field.start)
                return self._handle.read(length)
            self._load(field.start)
            offset = 0
        return self._block[offset : offset + length]

    def text(self, field: Field, limit: int) -> str:
        """Return the text in a field, at most ``limit`` bytes of it."""
        return self.bytes(field, limit).decode("utf-8", "replace")
