"""The directory of a zip archive as torch's own reader finds it: miniz, miniz_zip.c.

Rule: where readers of zips differ, this one does as torch's does, or an archive could show us one
pickle and torch another. The last end record that has all its bytes counts, whatever its comment
says of itself; a 64-bit record counts only where it is one; names differ in more than their case.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from modelfs.identify.readers import zips
from modelfs.identify.readers.zips import Member

_END_BYTES, _END64_BYTES, _LOCATOR_BYTES = 22, 56, 20
_END64, _LOCATOR64 = b"PK\x06\x06", b"PK\x06\x07"
_SEARCHED_BYTES = 65_535 + _END_BYTES + 2 * 4096
"""miniz looks back by whole blocks, so a little further than a comment can be long."""


@dataclass(frozen=True, slots=True)
class Directory:
    """The members that were read, and whether they are all that the archive says it has."""

    members: Sequence[Member]
    is_whole: bool


def read_directory(handle: BinaryIO, size_bytes: int) -> Directory | None:
    """Return the directory, or ``None`` where torch would find none either."""
    place = _place(handle, size_bytes)
    if place is None:
        return None
    count, length, offset = place
    handle.seek(offset)
    entries = handle.read(min(length, zips.MAX_DIRECTORY_BYTES))
    # With an end that leaves no choice, every reader finds the same.
    plain_end = struct.pack("<4s4H2IH", zips.END, 0, 0, 0, 0, len(entries), 0, 0)
    members = zips.members(BytesIO(entries + plain_end), len(entries) + _END_BYTES) or []
    return Directory(members, is_whole=len(members) == count and len(entries) == length)


def _place(handle: BinaryIO, size_bytes: int) -> tuple[int, int, int] | None:
    """Return the number of entries, their length and offset, as the end record gives them."""
    start = max(0, size_bytes - _SEARCHED_BYTES)
    handle.seek(start)
    tail = handle.read(_SEARCHED_BYTES)
    end = tail.rfind(zips.END, 0, max(0, len(tail) - _END_BYTES + len(zips.END)))
    if end < 0:
        return None
    place: tuple[int, int, int] = struct.unpack_from("<H2I", tail, end + 10)
    wide = _wide_record(handle, start + end, size_bytes)
    if wide is not None:
        place = struct.unpack_from("<3Q", wide, 32)
    _, length, offset = place
    return place if offset + length <= size_bytes else None


def _wide_record(handle: BinaryIO, end: int, size_bytes: int) -> bytes | None:
    if end < _LOCATOR_BYTES + _END64_BYTES:
        return None
    handle.seek(end - _LOCATOR_BYTES)
    locator = handle.read(_LOCATOR_BYTES)
    if len(locator) < _LOCATOR_BYTES or not locator.startswith(_LOCATOR64):
        return None
    (offset,) = struct.unpack_from("<Q", locator, 8)
    if offset + _END64_BYTES > size_bytes:
        return None
    handle.seek(offset)
    record = handle.read(_END64_BYTES)
    return record if len(record) == _END64_BYTES and record.startswith(_END64) else None
