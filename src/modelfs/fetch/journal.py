"""The journal of a file that is on its way: which of its blocks were written, and what they were.

Nothing of it is synced, and no line is believed: a block counts when its bytes still have the hash
that the line gives. So a torn, lost or repeated line costs at most a transfer, never a wrong byte.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelfs import durable

_BLOCK = re.compile("([0-9]{1,12}) ([0-9a-f]{16})")
_WHOLE = re.compile("whole ([0-9a-f]{32}) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Whole:
    """What a file was when all of it had come and was right."""

    xxh3: str
    sha256: str


class Journal:
    """An open journal. Lines may be added from several threads."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._header = b""
        self.hashes: dict[int, str] = {}
        """By its number, the XXH3-64 of each block that was written before it was opened."""
        self.whole: Whole | None = None

    def begin(self, header: Mapping[str, object]) -> bool:
        """Read what there is, if it is of the same file; otherwise begin anew and return False.

        What is there stays as it is, but for a torn end: there may be no room to write it again.
        """
        self._header = json.dumps(header).encode() + b"\n"
        content = self._content()
        whole_lines = content[: content.rfind(b"\n") + 1]
        first, _, rest = whole_lines.partition(b"\n")
        if first + b"\n" != self._header:
            self._write_anew(b"")
            return False
        os.ftruncate(self._fd, len(whole_lines))
        for line in rest.splitlines():
            self._take(line.decode("utf-8", "replace"))
        return True

    def _content(self) -> bytes:
        with open(self._fd, "rb", closefd=False) as file:
            file.seek(0)
            return file.read()

    def _take(self, line: str) -> None:
        if whole := _WHOLE.fullmatch(line):
            self.whole = Whole(whole[1], whole[2])
        elif block := _BLOCK.fullmatch(line):
            self.hashes[int(block[1])] = block[2]

    def add(self, index: int, digest: str) -> None:
        """Say that a block was written; raises OSError."""
        durable.write_all(self._fd, f"{index} {digest}\n".encode())

    def say_whole(self, whole: Whole) -> None:
        """Say that everything is there and right; raises OSError."""
        if whole != self.whole:
            self.whole = whole
            durable.write_all(self._fd, _line(whole))

    def forget_blocks(self) -> None:
        """Forget the blocks, because their bytes are gone; not what the whole file was."""
        self._write_anew(_line(self.whole) if self.whole is not None else b"")

    def forget_all(self) -> None:
        """Forget everything but which file it is."""
        self.whole = None
        self._write_anew(b"")

    def _write_anew(self, lines: bytes) -> None:
        self.hashes.clear()
        os.ftruncate(self._fd, 0)
        durable.write_all(self._fd, self._header + lines)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)


def count_blocks(path: Path) -> int:
    """Return how many blocks a journal says were written, without believing it."""
    lines = path.read_bytes().split(b"\n")[1:-1]
    return len({line.partition(b" ")[0] for line in lines if line[:1].isdigit()})


def _line(whole: Whole) -> bytes:
    return f"whole {whole.xxh3} {whole.sha256}\n".encode()
