"""Read NeMo archives: a tar, plain or gzipped, with ``model_config.yaml`` and a checkpoint.

Members are stepped over by their headers; of a gzipped archive only the front is unpacked.
"""

import tarfile
import zlib
from io import BytesIO
from typing import BinaryIO

from modelfs.identify.beside.card import read_yaml
from modelfs.identify.beside.values import inner, number, text
from modelfs.identify.reading import Reading
from modelfs.identify.verdict import Level, Verdict
from modelfs.types import Facts, FactValue

MAX_MEMBERS = 256
MAX_CONFIG_BYTES = 256 * 1024
MAX_UNPACKED_BYTES = 8 << 20
_TAR_MAGIC, _TAR_MAGIC_AT = b"ustar", 257
_GZIP_MAGIC = b"\x1f\x8b\x08"
_CONFIG = "model_config.yaml"


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what a NeMo archive says, or ``None`` when it is not one."""
    if head.startswith(_GZIP_MAGIC):
        handle.seek(0)
        packed = handle.read(min(size_bytes, MAX_UNPACKED_BYTES))
        try:
            unpacked = zlib.decompressobj(31).decompress(packed, MAX_UNPACKED_BYTES)
        except zlib.error:
            return None
        return _read(BytesIO(unpacked), unpacked[:512])
    handle.seek(0)
    return _read(handle, head)


def _read(handle: BinaryIO, head: bytes) -> Reading | None:
    if not head.startswith(_TAR_MAGIC, _TAR_MAGIC_AT):
        return None
    names: list[str] = []
    config = ""
    try:
        with tarfile.open(fileobj=handle, mode="r:") as archive:
            for _ in range(MAX_MEMBERS):
                member = archive.next()
                if member is None:
                    break
                names.append(member.name.rpartition("/")[2])
                if names[-1] == _CONFIG and member.isreg() and member.size <= MAX_CONFIG_BYTES:
                    taken = archive.extractfile(member)
                    config = taken.read().decode("utf-8", "replace") if taken else ""
    except (tarfile.TarError, OSError, ValueError, EOFError):
        pass  # cut short, or the unpacked front ends: what came before stands
    return _reading(config, names) if _CONFIG in names else None


def _reading(config: str, names: list[str]) -> Reading:
    values = read_yaml(config)
    target = text(values, "target") or ""
    preprocessor = inner(values, "preprocessor")
    details: dict[str, FactValue] = {}
    if target:
        details["class_name"] = target.rpartition(".")[2]
    rate = number(values, "sample_rate") or number(preprocessor, "sample_rate")
    if rate:
        details["sample_rate_hz"] = rate
    facts = Facts(
        "nemo",
        architecture=target.rpartition(".")[2] or None,
        details=details,
        reasons=(f"a NeMo archive of {target or 'an unnamed class'}",),
    )
    pickled = any(name.endswith(".ckpt") for name in names)
    told = ("a PyTorch checkpoint inside, which was not looked into",) if pickled else ()
    return Reading(facts, kind=target, verdict=Verdict(Level.EXTRA_CODE, told) if told else None)
