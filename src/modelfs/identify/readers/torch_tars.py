"""The layout that torch had before 0.1.10: a tar with three pickles among its members.

torch.load still takes it and unpickles all three, and refuses it only with ``weights_only``; what
they hold is not looked into, as no model of today comes so. ``tarfile`` would read an extended
header of any length, so the few fields that matter are read here (POSIX 1003.1, ustar).
"""

from collections.abc import Iterator
from typing import BinaryIO

from modelfs.identify.reading import Reading
from modelfs.identify.verdict import Level, Verdict
from modelfs.types import Facts

MAX_MEMBERS = 20_000
MAX_EXTENDED_BYTES = 64 * 1024
_FIRST = b"storages"
"""What torch.load takes out of it first, and unpickles."""
_BLOCK_BYTES = 512
_CHECKSUM = slice(148, 156)
_SIZE = slice(124, 136)
_KIND = slice(156, 157)
_EXTENDED = b"xgXLK"
"""Kinds of members that say the next one's name."""


def is_tar(head: bytes) -> bool:
    """Say whether the first bytes are a tar's header: the sum of its bytes stands in it."""
    header = head[:_BLOCK_BYTES]
    if len(header) < _BLOCK_BYTES:
        return False
    others = header[: _CHECKSUM.start] + header[_CHECKSUM.stop :]
    negative = sum(byte > 127 for byte in others) * 256  # old programs added signed bytes
    found = sum(others) + 8 * ord(" ")
    return _number(header[_CHECKSUM]) in (found, found - negative)


def read(handle: BinaryIO) -> Reading | None:
    """Return a verdict on a tar that torch would load, or ``None``."""
    if not any(_FIRST in name for name in _names(handle)):
        return None
    verdict = Verdict(Level.RUNS_CODE, ("torch's tar layout, which was not looked into",))
    facts = Facts("pickle", details={"layout": "torch-tar"}, reasons=("torch's tar members",))
    return Reading(facts, verdict=verdict)


def _names(handle: BinaryIO) -> Iterator[bytes]:
    """Yield whatever may be the name of a member."""
    position = 0
    for _ in range(MAX_MEMBERS):
        handle.seek(position)
        header = handle.read(_BLOCK_BYTES)
        size = _number(header[_SIZE])
        if not is_tar(header) or size is None:
            return
        name = header[:100].partition(b"\0")[0]
        yield name.strip(b"./") if name.strip(b"./") == _FIRST else b""
        if header[_KIND] in _EXTENDED:
            yield (
                handle.read(min(size, MAX_EXTENDED_BYTES)) if size < MAX_EXTENDED_BYTES else _FIRST
            )
        position += _BLOCK_BYTES + -(-size // _BLOCK_BYTES) * _BLOCK_BYTES


def _number(field: bytes) -> int | None:
    """Return an octal number, or a binary one where the first bit says so; never below zero."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip()
    return int(digits or b"0", 8) if not digits or set(digits) <= set(b"01234567") else None
