"""Read the model formats that are zip archives, told apart by the names of their members.

Of a PyTorch archive the one pickle in it is followed in a process of its own; an archive in which
it is not clear which pickle a loader would take is feared.
"""

from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO

from modelfs.identify.pickles import inspect
from modelfs.identify.readers import zips
from modelfs.identify.readers.pickles import reading_of
from modelfs.identify.readers.zips import BadMember, Member
from modelfs.identify.reading import Reading, plain_text
from modelfs.identify.verdict import Level, Verdict, worst
from modelfs.types import Facts

MAX_PICKLE_BYTES = 64 << 20

_PICKLE = "data.pkl"
_CONSTANTS = "/constants.pkl"
"""By this entry alone torch.load takes an archive for TorchScript."""
_TORCH = frozenset({"pytorch", "torchscript"})
_UNCLEAR = Verdict(Level.RUNS_CODE, ("unreadable: a directory that is not what it says",))


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what a zip archive that holds a model says, or ``None``."""
    if not head.startswith((zips.LOCAL, zips.END)):
        return None
    directory = zips.read_directory(handle, size_bytes)
    if directory is None:
        return _cut_short(head)
    found = directory.members
    name = format_of_members([member.name for member in found])
    if name is None:
        return None if directory.is_whole else Reading(Facts(), verdict=_UNCLEAR)
    facts = Facts(name, details={"members": len(found)}, reasons=(f"{name} archive members",))
    if name not in _TORCH:
        return Reading(facts)
    doubts = [] if directory.is_whole else [_UNCLEAR]
    return _read_torch(handle, size_bytes, found, facts, doubts)


def format_of_members(names: Sequence[str]) -> str | None:
    """Return the format that an archive with these member names has, or ``None``."""
    tops = {name.partition("/")[2] for name in names}
    if any(_is_pickle(name) for name in names):
        is_script = any("/code/" in name or name.endswith(_CONSTANTS) for name in names)
        return "torchscript" if is_script else "pytorch"
    if "archive_format" in tops and any("/models/" in name for name in names):
        return "torch-export"
    if {"config.json", "model.weights.h5"} <= set(names):
        return "keras"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    return None


def _is_pickle(name: str) -> bool:
    """Torch's reader of archives finds names whatever their case."""
    return _folded(name) == _PICKLE or _folded(name).endswith("/" + _PICKLE)


def _folded(name: str) -> str:
    """Of a name with a zero byte, Python's zipfile sees only what stands before."""
    return name.partition("\0")[0].lower()


def _cut_short(head: bytes) -> Reading | None:
    """A zip without its end still begins with its first member's name."""
    name_bytes = int.from_bytes(head[26:28], "little")
    first = plain_text(head[30 : 30 + name_bytes].decode("utf-8", "replace"))
    if not _is_pickle(first):
        return None
    warning = "truncated: the archive has no directory at its end"
    verdict = Verdict(Level.RUNS_CODE, ("unreadable: cut short",))
    return Reading(Facts(format="pytorch", warnings=(warning,)), verdict=verdict)


def _read_torch(
    handle: BinaryIO,
    size_bytes: int,
    found: Sequence[Member],
    facts: Facts,
    doubts: Sequence[Verdict],
) -> Reading:
    pickles = [member for member in found if _is_pickle(member.name)]
    reasons = _doubts(found, pickles)
    doubts = [*doubts, *(Verdict(Level.RUNS_CODE, (reason,)) for reason in reasons)]
    if facts.format == "torchscript":
        doubts.append(Verdict(Level.EXTRA_CODE, ("TorchScript code",)))
    try:
        data = zips.read_member(handle, pickles[0], size_bytes, MAX_PICKLE_BYTES)
    except BadMember as problem:
        doubts.append(Verdict(Level.RUNS_CODE, (f"unreadable: {problem}",)))
        return Reading(facts, verdict=worst(doubts))
    reading = reading_of(inspect(data), facts)
    verdicts = [*doubts, reading.verdict] if reading.verdict else doubts
    return Reading(
        reading.facts,
        kind=reading.kind,
        tensors=reading.tensors,
        metadata=reading.metadata,
        keys=reading.keys,
        verdict=worst(verdicts),
    )


def _doubts(found: Sequence[Member], pickles: Sequence[Member]) -> list[str]:
    """Return why it is not clear what a loader would read."""
    reasons = []
    if len(pickles) > 1:
        reasons.append(f"{len(pickles)} entries called {_PICKLE}")
    repeated = [
        name for name, count in Counter(_folded(m.name) for m in found).items() if count > 1
    ]
    if repeated and not reasons:
        reasons.append(f"two entries called {plain_text(repeated[0], 80)}")
    folders = {member.name.partition("/")[0] for member in found}
    if len(folders) > 1 and not reasons:
        reasons.append("entries of more than one archive")
    return reasons
