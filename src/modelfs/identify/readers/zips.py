"""The members of a zip archive, and single members out of it, bounded whatever the archive claims.

``zipfile`` would load a directory of any size and inflate without end. Layout: PKWARE APPNOTE 6.3,
sections 4.3.7 to 4.3.16.

Rule: where readers of zips differ, this one does as torch's does (miniz, miniz_zip.c), or an
archive could show us one pickle and torch another. The last end record that has all its bytes
counts, whatever its comment says of itself; a 64-bit record counts only where it is one.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
"""PyTorch spends about 100 bytes on a tensor: room for 160 000 of them."""
MAX_MEMBERS = 200_000

LOCAL, END = b"PK\x03\x04", b"PK\x05\x06"
_CENTRAL, _END64, _LOCATOR64 = b"PK\x01\x02", b"PK\x06\x06", b"PK\x06\x07"
_END_BYTES, _END64_BYTES, _LOCATOR_BYTES = 22, 56, 20
_SEARCHED_BYTES = 65_535 + _END_BYTES + 2 * 4096
"""miniz looks back by whole blocks, so a little further than a comment can be long."""
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1
_SATURATED = 0xFFFF_FFFF
"""The real number is in a 64-bit extra field."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive, as the directory has it."""

    name: str
    flags: int
    method: int
    packed_bytes: int
    size_bytes: int
    offset: int
    """Of its local header."""


class BadMember(Exception):
    """A member cannot be read as the directory says; the message says why."""


@dataclass(frozen=True, slots=True)
class Directory:
    """The members that were read, and whether they are all that the archive says it has."""

    members: Sequence[Member]
    is_whole: bool


def read_directory(handle: BinaryIO, size_bytes: int) -> Directory | None:
    """Return the directory, or ``None`` where there is none."""
    place = _place(handle, size_bytes)
    if place is None:
        return None
    count, length, offset = place
    handle.seek(offset)
    entries = handle.read(min(length, MAX_DIRECTORY_BYTES))
    found = list(_entries(entries))
    return Directory(found, is_whole=len(found) == count and len(entries) == length)


def members(handle: BinaryIO, size_bytes: int) -> Sequence[Member]:
    """Return the members that the directory names; none where there is no directory."""
    directory = read_directory(handle, size_bytes)
    return directory.members if directory else ()


def _entries(directory: bytes) -> Iterator[Member]:
    position = 0
    for _ in range(MAX_MEMBERS):
        if directory[position : position + 4] != _CENTRAL or position + 46 > len(directory):
            return
        fields = struct.unpack_from("<4s6H3I5H2I", directory, position)
        flags, method, packed, size = fields[3], fields[4], fields[8], fields[9]
        name_bytes, extra_bytes, comment_bytes, offset = *fields[10:13], fields[16]
        start = position + 46
        extra = directory[start + name_bytes : start + name_bytes + extra_bytes]
        size, packed, offset = _wide(extra, size, packed, offset)
        name = directory[start : start + name_bytes].decode("utf-8", "replace")
        yield Member(name, flags, method, packed, size, offset)
        position = start + name_bytes + extra_bytes + comment_bytes


def _wide(extra: bytes, *numbers: int) -> tuple[int, ...]:
    """Return numbers with those that did not fit taken from the 64-bit extra field, in order."""
    position, wide = 0, b""
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            wide = extra[position + 4 : position + 4 + length]
            break
        position += 4 + length
    found = []
    for number in numbers:
        if number == _SATURATED and len(wide) >= 8:
            number, wide = int.from_bytes(wide[:8], "little"), wide[8:]
        found.append(number)
    return tuple(found)


def data_offset(handle: BinaryIO, member: Member, size_bytes: int) -> int:
    """Return where a member's bytes begin; raise ``BadMember`` if its own header contradicts."""
    if member.offset + 30 > size_bytes:
        raise BadMember("it lies behind the end of the file")
    handle.seek(member.offset)
    header = handle.read(30)
    if len(header) < 30 or not header.startswith(LOCAL):
        raise BadMember("it has no header of its own")
    name_bytes, extra_bytes = struct.unpack_from("<2H", header, 26)
    if handle.read(name_bytes).decode("utf-8", "replace") != member.name:
        raise BadMember("its own header has another name")
    start = int(member.offset + 30 + name_bytes + extra_bytes)
    if start + member.packed_bytes > size_bytes:
        raise BadMember("it is cut short")
    return start


def read_member(handle: BinaryIO, member: Member, size_bytes: int, limit: int) -> bytes:
    """Return a member's bytes, inflated; raise ``BadMember`` for one that is larger or odd."""
    start = data_offset(handle, member, size_bytes)
    if member.flags & _ENCRYPTED:
        raise BadMember("it is encrypted")
    if member.packed_bytes > limit or member.size_bytes > limit:
        raise BadMember(f"it is larger than {limit} bytes")
    handle.seek(start)
    packed = handle.read(member.packed_bytes)
    if member.method == _STORED:
        return packed
    if member.method != _DEFLATED:
        raise BadMember(f"it is packed by method {member.method}")
    try:
        inflater = zlib.decompressobj(-15)
        data = inflater.decompress(packed, limit + 1)
    except zlib.error as error:
        raise BadMember(str(error)) from error
    if len(data) > limit:
        raise BadMember(f"it is larger than {limit} bytes")
    return data


def _place(handle: BinaryIO, size_bytes: int) -> tuple[int, int, int] | None:
    """Return the number of entries, their length and offset, as the end record gives them."""
    start = max(0, size_bytes - _SEARCHED_BYTES)
    handle.seek(start)
    tail = handle.read(_SEARCHED_BYTES)
    end = tail.rfind(END, 0, max(0, len(tail) - _END_BYTES + len(END)))
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
