"""Read bare pickles: torch's legacy checkpoints and whatever else a loader would unpickle.

Nothing here decodes a pickle: one is suspected by its opcodes (``opcodes``) and followed in a
process of its own (``identify.pickles``). Rule: what runs before a file turns out to be damaged
has run. So a file counts as a pickle as soon as it names something that a loader would use, not
only when it is whole.
"""

from typing import BinaryIO

from modelfs.identify.pickles import PickleReport, inspect
from modelfs.identify.pickles.process import MAX_PICKLE_BYTES
from modelfs.identify.readers import opcodes, torch_tars
from modelfs.identify.reading import Reading, plain_text
from modelfs.identify.weighing import Weight, weighed
from modelfs.types import Facts, FactValue

FRONT_BYTES = 1 << 20
"""In torch's legacy layout the pickles come first and take some 0.1 MB, the weights follow."""

_PROTO = 0x80
_NEWEST_PROTOCOL = 5


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return the facts of a pickle of any protocol, or ``None``.

    One of protocol 0 or 1 that names nothing has no mark that sets it apart from text.
    """
    if torch_tars.is_tar(head):
        return torch_tars.read(handle)
    if not opcodes.may_begin_pickle(head, size_bytes):
        return None
    report = _followed(handle, size_bytes)
    if not _is_pickle(head, report):
        return None
    details: dict[str, FactValue] = {"layout": "torch-legacy"} if report.is_legacy_torch else {}
    reason = "torch's legacy magic" if details else "pickle opcodes"
    return reading_of(report, Facts("pickle", details=details, reasons=(reason,)))


def _followed(handle: BinaryIO, size_bytes: int) -> PickleReport:
    """Follow the front of a file, and more of it only where the pickle goes on."""
    for front_bytes in (FRONT_BYTES, MAX_PICKLE_BYTES):
        handle.seek(0)
        report = inspect(handle.read(min(size_bytes, front_bytes)), several=True)
        if not report.is_cut or size_bytes <= front_bytes:
            return report
    return report


def _is_pickle(head: bytes, report: PickleReport) -> bool:
    if report.is_legacy_torch:
        return True
    if len(head) > 1 and head[0] == _PROTO and head[1] <= _NEWEST_PROTOCOL:
        return bool(report.names) or not report.is_damaged or opcodes.begins_pickle(head)
    if not report.problem or report.uses:
        return bool(report.names)
    return not report.is_damaged and not report.is_cut


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
    "C128": 16,
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32", "C32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
}
