"""Read Keras models: HDF5 files with a model in them, and the ``.keras`` archives of Keras 3.

HDF5 is not parsed: Keras keeps its description as JSON text in an attribute, which is looked for in
the front of the file. A Lambda layer holds code, so a model with one is feared.
"""

import json
import re
from typing import BinaryIO

from modelfs.identify.readers import zips
from modelfs.identify.readers.zips import BadMember
from modelfs.identify.reading import Reading, plain_text
from modelfs.identify.verdict import Level, Verdict
from modelfs.types import Facts, FactValue

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_FRONT_BYTES = 4 << 20
MAX_CONFIG_BYTES = 16 << 20

_CLASS = re.compile(rb'"class_name"\s*:\s*"([A-Za-z0-9_>.]{1,64})"')
_NAME = re.compile(rb'"name"\s*:\s*"([^"\\]{1,100})"')
_KERAS_MARKS = (b"keras_version", b"model_config", b"layer_names", b"weight_names")
_LAMBDA = b"Lambda"


def read_hdf5(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what an HDF5 file says: a Keras model, Keras weights, or just data."""
    if not head.startswith(HDF5_MAGIC):
        return None
    handle.seek(0)
    front = handle.read(min(size_bytes, MAX_FRONT_BYTES))
    if not any(mark in front for mark in _KERAS_MARKS):
        return Reading(Facts("hdf5", reasons=("HDF5 magic",)))
    facts = Facts("keras-hdf5", details=_details(front), reasons=("HDF5 with Keras's attributes",))
    return Reading(facts, kind=str(facts.details.get("class_name", "")), verdict=_verdict(front))


def read_archive(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what a ``.keras`` archive says, or ``None`` when it is not one."""
    if not head.startswith((zips.LOCAL, zips.END)):
        return None
    found = {member.name: member for member in zips.members(handle, size_bytes)}
    if not {"config.json", "model.weights.h5"} <= found.keys():
        return None
    reasons = ("a .keras archive",)
    try:
        config = zips.read_member(handle, found["config.json"], size_bytes, MAX_CONFIG_BYTES)
    except BadMember as problem:
        verdict = Verdict(Level.RUNS_CODE, (f"unreadable: config.json: {problem}",))
        return Reading(Facts("keras", reasons=reasons, warnings=(str(problem),)), verdict=verdict)
    details = _details(config)
    if "metadata.json" in found:
        details |= _version(handle, found["metadata.json"], size_bytes)
    facts = Facts("keras", details=details, reasons=reasons)
    return Reading(facts, kind=str(details.get("class_name", "")), verdict=_verdict(config))


def _details(text: bytes) -> dict[str, FactValue]:
    details: dict[str, FactValue] = {}
    for name, pattern in (("class_name", _CLASS), ("name", _NAME)):
        match = pattern.search(text)
        if match:
            details[name] = plain_text(match[1].decode("utf-8", "replace"))
    return details


def _version(handle: BinaryIO, member: zips.Member, size_bytes: int) -> dict[str, FactValue]:
    try:
        values = json.loads(zips.read_member(handle, member, size_bytes, 65_536))
    except (BadMember, ValueError, RecursionError):
        return {}
    version = values.get("keras_version") if isinstance(values, dict) else None
    return {"version": plain_text(version, 32)} if isinstance(version, str) else {}


def _verdict(text: bytes) -> Verdict:
    # Keras loads code of its own classes only; what a file brings itself is in these layers.
    if any(match[1] == _LAMBDA for match in _CLASS.finditer(text)):
        return Verdict(Level.RUNS_CODE, ("a Lambda layer",))
    return Verdict(Level.WEIGHTS_ONLY)
