"""Read bare pickles: torch's legacy checkpoints and whatever else begins like one.

Nothing here decodes a pickle: it is recognised by its opcodes, whose arguments are stepped over,
and followed in a process of its own (``identify.pickles``).
"""

from functools import cache
from typing import BinaryIO

from modelfs.identify.pickles import PickleReport, inspect
from modelfs.identify.reading import Reading, plain_text
from modelfs.identify.weighing import Weight, weighed
from modelfs.types import Facts, FactValue

MAX_FRONT_BYTES = 16 << 20
"""Of a bare pickle so much is looked at: in torch's legacy layout the weights follow behind."""

_LEGACY_TORCH_MAGIC = bytes.fromhex("8a0a6cfc9c46f9206aa85019")
"""LONG1 of 0x1950a86a20f9469cfc6c: what torch before 1.6 pickled first, at protocol 2."""
_PROTOCOLS = range(2, 6)
_ENOUGH_OPCODES = 12
"""Random bytes hold a run of this many legal opcodes once in ten million files."""
_UP_TO_NEWLINE = -1
_LENGTH_BYTES = {-2: 1, -3: 4, -4: 4, -5: 8}
"""pickletools' codes for an argument that begins with its own length: that length's bytes."""


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return the facts of a pickle of protocol 2 to 5, or ``None``.

    Protocols 0 and 1 have no mark that sets them apart from text, and no model uses them.
    """
    if len(head) < 3 or head[0] != 0x80 or head[1] not in _PROTOCOLS:
        return None
    details: dict[str, FactValue] = {}
    if head.startswith(_LEGACY_TORCH_MAGIC, 2):
        details["layout"] = "torch-legacy"
    elif not _begins_like_a_pickle(head):
        return None
    handle.seek(0)
    report = inspect(handle.read(min(size_bytes, MAX_FRONT_BYTES)), several=True)
    reason = "torch's legacy magic" if details else "pickle opcodes"
    return reading_of(report, Facts("pickle", details=details, reasons=(reason,)))


def reading_of(report: PickleReport, facts: Facts) -> Reading:
    """Return what a followed pickle says, with the facts that its container gave."""
    weights = [
        Weight(dtype, elements, elements * _BYTES.get(dtype, 1))
        for dtype, (_, elements) in report.counts.items()
    ]
    if weights:
        facts = weighed(facts, weights, tensor_count=sum(n for n, _ in report.counts.values()))
    return Reading(
        facts,
        kind=report.kind,
        tensors=report.tensors,
        metadata={plain_text(key): plain_text(text) for key, text in report.values.items()},
        keys=report.keys,
        verdict=report.verdict,
    )


_BYTES = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
}


def _begins_like_a_pickle(head: bytes) -> bool:
    opcodes = _opcodes()
    position, seen = 2, 0
    while position < len(head) and seen < _ENOUGH_OPCODES:
        opcode = opcodes.get(head[position])
        if opcode is None:
            return False
        name, argument_bytes = opcode
        if name == "STOP":
            return seen > 0
        position = _after_argument(head, position + 1, name, argument_bytes)
        seen += 1
    return seen >= _ENOUGH_OPCODES


def _after_argument(head: bytes, position: int, name: str, argument_bytes: int) -> int:
    """``argument_bytes`` below zero is one of pickletools' ways to say "as long as it says"."""
    if argument_bytes >= 0:
        return position + argument_bytes
    if argument_bytes == _UP_TO_NEWLINE:
        for _ in range(2 if name in ("GLOBAL", "INST") else 1):
            newline = head.find(b"\n", position)
            position = newline + 1 if newline >= 0 else len(head)
        return position
    width = _LENGTH_BYTES[argument_bytes]
    return position + width + int.from_bytes(head[position : position + width], "little")


@cache
def _opcodes() -> dict[int, tuple[str, int]]:
    """Return name and argument size of each opcode."""
    import pickletools  # imports pickle, which nothing else here needs

    return {
        ord(opcode.code): (opcode.name, opcode.arg.n if opcode.arg else 0)
        for opcode in pickletools.opcodes
    }
