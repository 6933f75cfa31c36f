"""Tell apart the model formats that are zip archives, by the names of their members alone.

Only the central directory is read, and only so much of it: ``zipfile`` would load whatever size
the archive claims. Layout: PKWARE APPNOTE 6.3, sections 4.3.12 to 4.3.16.
"""

import struct
from collections.abc import Sequence
from typing import BinaryIO

from modelfs.identify.reading import Reading, plain_text
from modelfs.types import Facts

MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
"""PyTorch spends about 100 bytes on a tensor: room for 160 000 of them."""
MAX_MEMBERS = 200_000

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR64 = b"PK\x06\x06", b"PK\x06\x07"
_LONGEST_END_BYTES = 22 + 65_535 + 20


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return the format of a zip archive that holds a model, or ``None``."""
    if not head.startswith((_LOCAL, _END)):
        return None
    names = _member_names(handle, size_bytes)
    if names is None:
        return _cut_short(head)
    found = format_of_members(names)
    if found is None:
        return None
    details = {"members": len(names)}
    return Reading(Facts(format=found, details=details, reasons=(f"{found} archive members",)))


def format_of_members(names: Sequence[str]) -> str | None:
    """Return the format that an archive with these member names has, or ``None``."""
    tops = {name.partition("/")[2] for name in names}
    if any(name.endswith("/data.pkl") for name in names):
        return "torchscript" if any("/code/" in name for name in names) else "pytorch"
    if "archive_format" in tops and any("/models/" in name for name in names):
        return "torch-export"
    if {"config.json", "model.weights.h5"} <= set(names):
        return "keras"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    return None


def _cut_short(head: bytes) -> Reading | None:
    """A zip without its end still begins with its first member's name."""
    name_bytes = int.from_bytes(head[26:28], "little")
    first = plain_text(head[30 : 30 + name_bytes].decode("utf-8", "replace"))
    if not first.endswith("/data.pkl"):
        return None
    warning = "truncated: the archive has no directory at its end"
    return Reading(Facts(format="pytorch", warnings=(warning,)))


def _member_names(handle: BinaryIO, size_bytes: int) -> list[str] | None:
    place = _directory_place(handle, size_bytes)
    if place is None:
        return None
    offset, directory_bytes = place
    handle.seek(offset)
    directory = handle.read(min(directory_bytes, MAX_DIRECTORY_BYTES))
    names: list[str] = []
    position = 0
    while directory[position : position + 4] == _CENTRAL and len(names) < MAX_MEMBERS:
        if position + 46 > len(directory):
            break
        name_bytes, extra_bytes, comment_bytes = struct.unpack_from("<3H", directory, position + 28)
        start = position + 46
        names.append(directory[start : start + name_bytes].decode("utf-8", "replace"))
        position = start + name_bytes + extra_bytes + comment_bytes
    return names


def _directory_place(handle: BinaryIO, size_bytes: int) -> tuple[int, int] | None:
    """Return offset and length of the central directory, or ``None`` when there is none."""
    tail_start = max(0, size_bytes - _LONGEST_END_BYTES)
    handle.seek(tail_start)
    tail = handle.read(_LONGEST_END_BYTES)
    end = tail.rfind(_END)
    if end < 0 or end + 22 > len(tail):
        return None
    directory_bytes, offset = struct.unpack_from("<2I", tail, end + 12)
    locator = tail[end - 20 : end] if end >= 20 else b""
    if locator.startswith(_LOCATOR64):
        (end64_offset,) = struct.unpack_from("<Q", locator, 8)
        if end64_offset + 56 > size_bytes:
            return None
        handle.seek(end64_offset)
        record = handle.read(56)
        if len(record) < 56 or not record.startswith(_END64):
            return None
        directory_bytes, offset = struct.unpack_from("<2Q", record, 40)
    if offset + directory_bytes > size_bytes:
        return None
    return offset, directory_bytes
