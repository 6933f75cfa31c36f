"""Whether a file may begin with a pickle, by stepping over opcodes and their arguments.

Rule: this may be wrong one way only. What it lets through is followed and judged by that; what it
turns away must be bytes that no loader could get anything done with.
"""

import re
from collections.abc import Iterator
from functools import cache

_ENOUGH_OPCODES = 12
"""Random bytes behind a pickle's mark hold a run of this many once in ten million files."""
_PROTO = 0x80
_NEWEST_PROTOCOL = 5
_UP_TO_NEWLINE = -1
_LENGTH_BYTES = {-2: 1, -3: 4, -4: 4, -5: 8}
"""pickletools' codes for an argument that begins with its own length: that length's bytes."""
_LINES = {
    "INT": re.compile(rb"\s*(?:[-+0-9\x00]|\Z)"),
    **dict.fromkeys(("LONG", "GET", "PUT"), re.compile(rb"\s*[-+0-9]")),
    "FLOAT": re.compile(rb"\s*[-+.0-9inIN]"),
    "STRING": re.compile(rb"['\"]"),
    "PERSID": re.compile(rb"[\x00-\x7f]*\Z"),
}
"""What the arguments that are lines look like, at the least."""
_PUSHING = frozenset(
    {"PROTO", "FRAME", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "GLOBAL", "PERSID", "INT", "FLOAT"}
    | {"EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET", "STRING", "UNICODE", "LONG"}
    | {"EXT1", "EXT2", "EXT4", "BININT", "BININT1", "BININT2", "BINFLOAT", "LONG1", "LONG4"}
    | {"BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
    | {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "NEXT_BUFFER"}
)
"""The opcodes that need nothing on the stack: the first is one of them."""
_NAMING = frozenset({"GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4"})


def may_begin_pickle(head: bytes, size_bytes: int) -> bool:
    """Say whether a loader could get as far as a name, as far as these first bytes tell."""
    if len(head) < 2 or _opcodes().get(head[0], ("", 0))[0] not in _PUSHING:
        return False
    is_marked = head[0] == _PROTO
    if is_marked and head[1] > _NEWEST_PROTOCOL:
        return False
    names = 0
    for name, end in _steps(head):
        if name is None or end > size_bytes:
            return names > 0 or is_marked
        names += name in _NAMING
        if name == "STOP":
            # Behind torch's magic number, in a pickle of its own, others follow.
            return True
    return True


def begins_pickle(head: bytes) -> bool:
    """Say whether bytes that begin with a pickle's mark go on as one."""
    seen = 0
    for name, _ in _steps(head):
        if name is None or name == "STOP":
            return name is not None and seen > 1
        seen += 1
    return seen > _ENOUGH_OPCODES


def _steps(head: bytes) -> Iterator[tuple[str | None, int]]:
    """Yield each opcode and where its argument ends; ``None`` for what is no opcode, at the end."""
    opcodes, position = _opcodes(), 0
    while position < len(head):
        name, argument_bytes = opcodes.get(head[position], (None, 0))
        end = _after_argument(head, position + 1, name, argument_bytes) if name else None
        if name is None or end is None:
            yield None, position
            return
        yield name, end
        position = end


def _after_argument(head: bytes, position: int, name: str, argument_bytes: int) -> int | None:
    """Return where an argument ends, ``None`` for one that cannot be.

    ``argument_bytes`` below zero is one of pickletools' ways to say "as long as it says".
    """
    if argument_bytes >= 0:
        return position + argument_bytes
    if argument_bytes != _UP_TO_NEWLINE:
        width = _LENGTH_BYTES[argument_bytes]
        return position + width + int.from_bytes(head[position : position + width], "little")
    for _ in range(2 if name in ("GLOBAL", "INST") else 1):
        newline = head.find(b"\n", position)
        if newline < 0:
            return len(head)
        pattern = _LINES.get(name)
        if pattern is not None and not pattern.match(head, position, newline):
            return None
        position = newline + 1
    return position


@cache
def _opcodes() -> dict[int, tuple[str, int]]:
    """Return name and argument size of each opcode."""
    import pickletools  # imports pickle, which nothing else here needs

    return {
        ord(opcode.code): (opcode.name, opcode.arg.n if opcode.arg else 0)
        for opcode in pickletools.opcodes
    }
