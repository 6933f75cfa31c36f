"""Lines of our own in somebody else's file, between two comments that say whose they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from modelfs.connect.edits.edit import remembered
from modelfs.connect.edits.text import bare, decoded, ended, lines_of, newline_of
from modelfs.errors import Refused

BEGIN = "# >>> modelfs connect: modelfs disconnect takes these lines out"
END = "# <<< modelfs connect"


@remembered
@dataclass(frozen=True, slots=True)
class MarkedLines:
    """Lines at the end of a file whose comments start with ``#``."""

    kind: ClassVar[str] = "lines"
    lines: tuple[str, ...]

    def joined(self, content: bytes | None) -> bytes:
        """Return the file with the lines in it, where they are already or at its end."""
        return with_block(decoded(content), self.lines).encode()

    def parted(self, content: bytes, original: bytes | None) -> bytes | None:
        """Return the file without the lines and their marks."""
        rest = without_block(decoded(content), original)
        return None if original is None and not rest.strip() else rest.encode()

    def by_hand(self) -> str:
        """Return the lines without their marks."""
        return "".join(f"{line}\n" for line in self.lines)


def with_block(text: str, lines: Sequence[str], *, first: bool = False) -> str:
    """Put the block in: in place of the old one, else last or, on request, first."""
    all_lines, newline = lines_of(text), newline_of(text)
    block = [line + newline for line in (BEGIN, *lines, END)]
    found = find_block(all_lines)
    if found is None:
        return "".join(block + all_lines if first else ended(all_lines, newline) + block)
    start, stop = found
    if [bare(line) for line in all_lines[start:stop]] == [bare(line) for line in block]:
        return text
    return "".join(all_lines[:start] + block + all_lines[stop:])


def without_block(text: str, original: bytes | None) -> str:
    """Take the block out, if there is one, and the line end that was put before it."""
    lines = lines_of(text)
    found = find_block(lines)
    if found is None:
        return text
    rest = "".join(lines[: found[0]] + lines[found[1] :])
    if original and not original.endswith(b"\n") and found[0] > 0 and found[1] == len(lines):
        return rest.removesuffix(newline_of(decoded(original)))
    return rest


def find_block(lines: Sequence[str]) -> tuple[int, int] | None:
    """Return where the block starts and where it has ended; Refused when its marks do not pair."""
    words = [bare(line).strip() for line in lines]
    starts = [number for number, word in enumerate(words) if word == BEGIN]
    stops = [number for number, word in enumerate(words) if word == END]
    if not starts and not stops:
        return None
    if len(starts) != 1 or len(stops) != 1 or stops[0] < starts[0]:
        raise Refused(
            "the comments around the lines of modelfs do not pair any more",
            f"put '{BEGIN}' and '{END}' around them, or take the lines out by hand",
        )
    return starts[0], stops[0] + 1
