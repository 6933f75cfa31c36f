"""The lines of a file of sections: where a key is, and changing only that line. Text only."""

import re
from dataclasses import dataclass

from modelfs.connect.edits.text import bare, ended, lines_of, newline_of

_HEADING = re.compile(r"\s*\[(.*)\]\s*(?:[#;].*)?")
_ENTRY = re.compile(r"(\s*([^\s=\[#;][^=]*?)(?:\[\$\w+\])?\s*=\s*)(.*?)\s*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``key = value`` line."""

    number: int
    before: str
    """All that stands before the value."""
    key: str
    value: str


class Lines:
    """The lines of one file while they are changed."""

    def __init__(self, text: str) -> None:
        self._newline = newline_of(text)
        self._lines = lines_of(text)

    def text(self) -> str:
        """Return the file as it is now."""
        return "".join(self._lines)

    def find(self, section: str, key: str) -> Entry | None:
        """Return the line of a key, the last one if there are several."""
        found = None
        for number in self._numbers(section):
            match = _ENTRY.fullmatch(bare(self._lines[number]))
            if match and match[2].strip("\"'") == key:
                found = Entry(number, match[1], key, match[3])
        return found

    def has(self, section: str) -> bool:
        """Say whether there is a section of this name."""
        return bool(self._headings(section))

    def replace(self, entry: Entry, value: str) -> None:
        """Give a key another value."""
        line = self._lines[entry.number]
        self._lines[entry.number] = entry.before + value + line[len(bare(line)) :]

    def remove(self, entry: Entry) -> None:
        """Take a line out."""
        del self._lines[entry.number]

    def insert(self, section: str, line: str) -> None:
        """Put a line last into a section, which is made at the end if there is none."""
        if not self.has(section):
            self._lines = ended(self._lines, self._newline)
            gap = [self._newline] if self._lines and bare(self._lines[-1]).strip() else []
            self._lines += [*gap, f"[{section}]{self._newline}"]
        at = self._headings(section)[-1]
        for number in self._numbers(section):
            word = self._lines[number].strip()
            if number > at and word and not word.startswith(("#", ";")):
                at = number
        head = ended(self._lines[: at + 1], self._newline)
        self._lines = [*head, line + self._newline, *self._lines[at + 1 :]]

    def remove_if_empty(self, section: str) -> None:
        """Take out a section that has no lines any more, with the empty line before it."""
        for start in reversed(self._headings(section)):
            if any(self._lines[number].strip() for number in self._below(start)):
                continue
            has_gap = start > 0 and not self._lines[start - 1].strip()
            del self._lines[start - has_gap : start + 1]

    def _headings(self, section: str) -> list[int]:
        return [n for n, line in enumerate(self._lines) if _heading(line) == section]

    def _below(self, start: int) -> list[int]:
        stop = start + 1
        while stop < len(self._lines) and _heading(self._lines[stop]) is None:
            stop += 1
        return list(range(start + 1, stop))

    def _numbers(self, section: str) -> list[int]:
        return [number for start in self._headings(section) for number in self._below(start)]


def _heading(line: str) -> str | None:
    match = _HEADING.fullmatch(bare(line))
    return match[1].strip() if match else None
