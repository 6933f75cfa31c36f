"""Compare files with their originals, byte for byte: by ``read`` or by ``mmap``."""

import json
import mmap
import os
import sys
from typing import BinaryIO

_STEP_BYTES = 1 << 20


def main() -> None:
    """Compare all ``pairs`` in the way of ``how``; tell which differ and how much was read."""
    request = json.loads(sys.argv[1])
    compare = {"read": _same_by_read, "mmap": _same_by_mmap}[request["how"]]
    different, total = [], 0
    for path, original in request["pairs"]:
        with open(path, "rb", buffering=0) as file, open(original, "rb", buffering=0) as truth:
            # Else the second view of a file never asks the mount: its pages are there.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            if not compare(file, truth):
                different.append(path)
            total += os.fstat(truth.fileno()).st_size
    sys.stdout.write(json.dumps({"different": different, "bytes": total}) + "\n")


def _same_by_read(file: BinaryIO, truth: BinaryIO) -> bool:
    while True:
        piece = _read_fully(truth, _STEP_BYTES)
        if _read_fully(file, _STEP_BYTES) != piece:
            return False
        if not piece:
            return True


def _read_fully(file: BinaryIO, size_bytes: int) -> bytes:
    pieces = []
    while size_bytes and (piece := file.read(size_bytes)):
        pieces.append(piece)
        size_bytes -= len(piece)
    return b"".join(pieces)


def _same_by_mmap(file: BinaryIO, truth: BinaryIO) -> bool:
    size_bytes = os.fstat(truth.fileno()).st_size
    if os.fstat(file.fileno()).st_size != size_bytes:
        return False
    with mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as mapped:
        for offset in range(0, size_bytes, _STEP_BYTES):
            if mapped[offset : offset + _STEP_BYTES] != _read_fully(truth, _STEP_BYTES):
                return False
    return True


if __name__ == "__main__":
    main()
