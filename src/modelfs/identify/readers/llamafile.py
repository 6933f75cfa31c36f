"""Read llamafiles: a program with a zip behind it, in which a GGUF lies unpacked.

The GGUF's header is read where it lies, through a window onto the file.
"""

from dataclasses import replace
from io import BufferedReader, RawIOBase
from typing import BinaryIO, cast

from modelfs.identify.readers import gguf, zips
from modelfs.identify.readers.zips import BadMember
from modelfs.identify.reading import Reading
from modelfs.identify.verdict import Level, Verdict

_PROGRAMS = (b"MZqFpD='", b"\x7fELF", b"jartsr='")
"""cosmopolitan libc's portable executables, and what they become once they were run."""
_STORED = 0


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what the model inside says, or ``None`` for a program without one."""
    if not head.startswith(_PROGRAMS):
        return None
    members = zips.members(handle, size_bytes)
    model = next((m for m in members if m.name.endswith(".gguf") and m.method == _STORED), None)
    if model is None:
        return None
    try:
        start = zips.data_offset(handle, model, size_bytes)
    except BadMember:
        return None
    window = cast(BinaryIO, BufferedReader(_Window(handle, start, model.size_bytes)))
    inside = gguf.read(window.read(4096), window, model.size_bytes)
    if inside is None:
        return None
    facts = replace(
        inside.facts, format="llamafile", reasons=("a llamafile", *inside.facts.reasons)
    )
    verdict = Verdict(Level.RUNS_CODE, ("it is a program",))
    return replace(inside, facts=facts, data_start=None, verdict=verdict)


class _Window(RawIOBase):
    """A part of a file as a file of its own."""

    def __init__(self, handle: BinaryIO, start: int, size_bytes: int) -> None:
        self._handle, self._start, self._size_bytes, self._at = handle, start, size_bytes, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self._size_bytes)[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        self._handle.seek(self._start + self._at)
        count = min(len(buffer), max(0, self._size_bytes - self._at))
        data = self._handle.read(count)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
