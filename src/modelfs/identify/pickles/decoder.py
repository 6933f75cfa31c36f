"""Take opcodes and their arguments off a pickle's bytes, as CPython's ``_pickle`` reads them.

Rule: never stricter than any loader up to the next name. ``pickletools.genops`` stops at lines that
C takes for numbers (``I0x1``, ``I``) and undoes backslashes in names, which no loader does: both
would hide what runs.
"""

from __future__ import annotations

import codecs
import struct

TYPE_CHECKING = False  # typing's own would cost a worker's start what typing does: see worker.py
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Argument = Callable[[bytes, int], tuple[Any, int]]
    """Takes the bytes and where the argument begins; returns it and where it ends."""

MAX_TEXT_BYTES = 65_536
"""Longer texts are no names; they are only known to be there."""
_MAX_NUMBER_BYTES = 16
"""torch's magic number has ten."""
_MAX_DIGITS = 40


class Cut(Exception):
    """The bytes end before the pickle does."""


class Opaque:
    """Bytes, huge numbers and whatever else has no bearing on what a model is."""

    __slots__ = ()


_OPAQUE = Opaque()


def _fixed(code: str) -> Argument:
    layout = struct.Struct(code)

    def read(data: bytes, position: int) -> tuple[Any, int]:
        try:
            return layout.unpack_from(data, position)[0], position + layout.size
        except struct.error as error:
            raise Cut from error

    return read


def _counted(width: int, convert: Callable[[bytes], object]) -> Argument:
    """A length of so many bytes, and as many bytes of content."""

    def read(data: bytes, position: int) -> tuple[Any, int]:
        start = position + width
        end = start + int.from_bytes(data[position:start], "little")
        if end > len(data):
            raise Cut
        return convert(data[start : min(end, start + MAX_TEXT_BYTES + 1)]), end

    return read


def _line(convert: Callable[[bytes], object]) -> Argument:
    def read(data: bytes, position: int) -> tuple[Any, int]:
        end = data.find(b"\n", position)
        if end < 0:
            raise Cut
        return convert(data[position:end]), end + 1

    return read


def _names(data: bytes, position: int) -> tuple[Any, int]:
    module, position = _name(data, position)
    name, position = _name(data, position)
    return (module, name), position


def _is_text(raw: bytes) -> bool:
    return len(raw) <= MAX_TEXT_BYTES


def _utf8(raw: bytes) -> object:
    return str(raw, "utf-8", "surrogatepass") if _is_text(raw) else _OPAQUE


def _latin1(raw: bytes) -> object:
    return str(raw, "latin-1") if _is_text(raw) else _OPAQUE


def _quoted(raw: bytes) -> object:
    if len(raw) < 2 or raw[0] != raw[-1] or raw[0] not in b"'\"":
        raise ValueError("a text without quotes")
    return _latin1(codecs.escape_decode(raw[1:-1])[0]) if _is_text(raw) else _OPAQUE


def _escaped(raw: bytes) -> object:
    return codecs.raw_unicode_escape_decode(raw)[0] if _is_text(raw) else _OPAQUE


def _binary(_: bytes) -> object:
    return _OPAQUE


def _number(raw: bytes) -> object:
    return int.from_bytes(raw, "little", signed=True) if len(raw) <= _MAX_NUMBER_BYTES else _OPAQUE


def _digits(raw: bytes) -> object:
    if raw in (b"00", b"01"):
        return raw == b"01"
    try:
        return int(raw.removesuffix(b"L")) if len(raw) <= _MAX_DIGITS else _OPAQUE
    except ValueError:
        return _OPAQUE


def _decimal(raw: bytes) -> object:
    try:
        return float(raw) if len(raw) <= _MAX_DIGITS else _OPAQUE
    except ValueError:
        return _OPAQUE


def _place(raw: bytes) -> object:
    return int(raw.partition(b"\0")[0])  # C's numbers end at a zero byte; the rest never loads


_name = _line(lambda raw: str(raw, "utf-8"))
_byte, _pair, _word, _signed, _wide = map(_fixed, ("B", "<H", "<I", "<i", "<Q"))

ARGUMENTS: Mapping[str, tuple[str, Argument | None]] = {
    # What takes no argument is last.
    "\x80": ("PROTO", _byte),
    "\x95": ("FRAME", _wide),
    "I": ("INT", _line(_digits)),
    "L": ("LONG", _line(_digits)),
    "F": ("FLOAT", _line(_decimal)),
    "G": ("BINFLOAT", _fixed(">d")),
    "J": ("BININT", _signed),
    "K": ("BININT1", _byte),
    "M": ("BININT2", _pair),
    "\x8a": ("LONG1", _counted(1, _number)),
    "\x8b": ("LONG4", _counted(4, _number)),
    "S": ("STRING", _line(_quoted)),
    "T": ("BINSTRING", _counted(4, _latin1)),
    "U": ("SHORT_BINSTRING", _counted(1, _latin1)),
    "V": ("UNICODE", _line(_escaped)),
    "X": ("BINUNICODE", _counted(4, _utf8)),
    "\x8c": ("SHORT_BINUNICODE", _counted(1, _utf8)),
    "\x8d": ("BINUNICODE8", _counted(8, _utf8)),
    "B": ("BINBYTES", _counted(4, _binary)),
    "C": ("SHORT_BINBYTES", _counted(1, _binary)),
    "\x8e": ("BINBYTES8", _counted(8, _binary)),
    "\x96": ("BYTEARRAY8", _counted(8, _binary)),
    "P": ("PERSID", _line(_latin1)),
    "c": ("GLOBAL", _names),
    "i": ("INST", _names),
    "\x82": ("EXT1", _byte),
    "\x83": ("EXT2", _pair),
    "\x84": ("EXT4", _signed),
    "g": ("GET", _line(_place)),
    "h": ("BINGET", _byte),
    "j": ("LONG_BINGET", _word),
    "p": ("PUT", _line(_place)),
    "q": ("BINPUT", _byte),
    "r": ("LONG_BINPUT", _word),
    **{
        code: (name, None)
        for code, name in {
            **{"(": "MARK", ".": "STOP", "0": "POP", "1": "POP_MARK", "2": "DUP", "N": "NONE"},
            **{"\x88": "NEWTRUE", "\x89": "NEWFALSE", ")": "EMPTY_TUPLE", "]": "EMPTY_LIST"},
            **{"}": "EMPTY_DICT", "\x8f": "EMPTY_SET", "\x97": "NEXT_BUFFER"},
            **{"\x98": "READONLY_BUFFER", "\x94": "MEMOIZE", "\x93": "STACK_GLOBAL"},
            **{"R": "REDUCE", "\x81": "NEWOBJ", "\x92": "NEWOBJ_EX", "o": "OBJ", "b": "BUILD"},
            **{"Q": "BINPERSID", "a": "APPEND", "e": "APPENDS", "\x90": "ADDITEMS"},
            **{"s": "SETITEM", "u": "SETITEMS", "t": "TUPLE", "\x85": "TUPLE1"},
            **{"\x86": "TUPLE2", "\x87": "TUPLE3", "l": "LIST", "d": "DICT", "\x91": "FROZENSET"},
        }.items()
    },
}
"""Each opcode by its byte: its name in pickletools, and how its argument is read."""
