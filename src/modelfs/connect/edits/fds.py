"""SwarmUI's settings (FDS): keys indented below a section, lists with ``;`` between the texts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from modelfs.connect.edits.edit import remembered
from modelfs.connect.edits.text import bare, decoded, ended, lines_of, newline_of, without_bom
from modelfs.errors import BadInput


@remembered
@dataclass(frozen=True, slots=True)
class FdsList:
    """One more text in a list of a section."""

    kind: ClassVar[str] = "fds"
    section: str
    key: str
    value: str
    usual: str
    """What the list holds when the file does not say: it must be named beside ours."""

    def joined(self, content: bytes | None) -> bytes:
        """Return the file with our text last in the list."""
        bom, text = without_bom(decoded(content))
        lines, newline = lines_of(text), newline_of(text)
        found = self._find(lines)
        if found is not None:
            number, before, values = found
            if self.value not in values:
                line = before + ";".join([*filter(None, values), self.value])
                lines[number] = line + lines[number][len(bare(lines[number])) :]
            return (bom + "".join(lines)).encode()
        if (start := self._section(lines)) is None:
            lines = [*ended(lines, newline), f"{self.section}:{newline}"]
            start = len(lines) - 1
        line = f"{_indent(lines, start)}{self.key}: {self.usual};{self.value}{newline}"
        return (
            bom + "".join([*ended(lines[: start + 1], newline), line, *lines[start + 1 :]])
        ).encode()

    def parted(self, content: bytes, original: bytes | None) -> bytes | None:
        """Return the file with our text out of the list, and the list out if it was not there."""
        bom, text = without_bom(decoded(content))
        lines, old = lines_of(text), lines_of(without_bom(decoded(original))[1])
        found = self._find(lines)
        if found is not None and self.value in found[2]:
            number, before, values = found
            rest = [value for value in values if value != self.value]
            if self._find(old) is None and rest == [self.usual]:
                del lines[number]
                self._drop_empty_section(lines, old)
            else:
                lines[number] = before + ";".join(rest) + lines[number][len(bare(lines[number])) :]
        after = "".join(lines)
        return None if original is None and not after.strip() else (bom + after).encode()

    def by_hand(self) -> str:
        """Return the section with the list as it is when nothing else was in it."""
        return f"{self.section}:\n\t{self.key}: {self.usual};{self.value}\n"

    def _drop_empty_section(self, lines: list[str], old: Sequence[str]) -> None:
        start = self._section(lines)
        if start is not None and self._section(old) is None and not _below(lines, start):
            del lines[start]

    def _section(self, lines: Sequence[str]) -> int | None:
        heading = re.compile(rf"{re.escape(self.section)}:\s*")
        found = [n for n, line in enumerate(lines) if heading.fullmatch(bare(line))]
        inline = re.compile(rf"{re.escape(self.section)}:\s*\S.*")
        if any(inline.fullmatch(bare(line)) for line in lines):
            raise BadInput(f"{self.section!r} is no section", "mend it first")
        return found[-1] if found else None

    def _find(self, lines: Sequence[str]) -> tuple[int, str, list[str]] | None:
        """Return the list's line, what stands before its texts, and the texts."""
        start = self._section(lines)
        pattern = re.compile(rf"(\s+{re.escape(self.key)}:\s*)(.*?)\s*")
        for number in _below(lines, start) if start is not None else ():
            if match := pattern.fullmatch(bare(lines[number])):
                before = match[1] if match[1].endswith((" ", "\t")) else match[1] + " "
                return number, before, match[2].split(";") if match[2] else []
        return None


def _below(lines: Sequence[str], start: int) -> list[int]:
    """Return the lines of a section: all that are indented."""
    stop = start + 1
    while stop < len(lines) and (not lines[stop].strip() or lines[stop][0] in " \t#"):
        stop += 1
    return [n for n in range(start + 1, stop) if lines[n].strip() and lines[n][0] in " \t"]


def _indent(lines: Sequence[str], start: int) -> str:
    for number in _below(lines, start):
        return lines[number][: len(lines[number]) - len(lines[number].lstrip(" \t"))]
    return "\t"
