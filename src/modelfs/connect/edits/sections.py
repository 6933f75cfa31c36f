"""Keys of one section in an INI or TOML file, changed line by line and checked by parsing."""

import configparser
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from modelfs.connect.edits.edit import remembered
from modelfs.connect.edits.section_lines import Entry, Lines
from modelfs.connect.edits.text import decoded, without_bom
from modelfs.errors import BadInput, Refused

_QUOTED = {"toml", "qt"}
_TOML_TEXT = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*')(\s*(?:#.*)?)""")


@remembered
@dataclass(frozen=True, slots=True)
class SectionKeys:
    """Texts for keys of one section.

    ``style`` is "toml", "qt" (QSettings, which wants quotes) or "ini" (KDE and most others).
    """

    kind: ClassVar[str] = "section"
    section: str
    values: Mapping[str, str]
    style: str = "ini"

    def joined(self, content: bytes | None) -> bytes:
        """Return the file with our values.

        Raises BadInput for a file that is broken, Refused for a value that is no plain text.
        """
        bom, text = without_bom(decoded(content))
        expected = self._parsed(text)
        table = expected.setdefault(self.section, {})
        if not isinstance(table, dict):
            raise Refused(f"{self.section!r} is no section", "mend it first")
        table.update({key: self._meant(value) for key, value in self.values.items()})
        lines = Lines(text)
        for key, value in self.values.items():
            self._set(lines, key, value)
        after = lines.text()
        if not self._means(after, expected):
            raise Refused(
                "its form leaves no place for our lines", "set it yourself: --print shows it"
            )
        return (bom + after).encode()

    def parted(self, content: bytes, original: bytes | None) -> bytes | None:
        """Return the file with the values of ``original`` where ours still are."""
        bom, text = without_bom(decoded(content))
        self._parsed(text)
        lines, old = Lines(text), Lines(without_bom(decoded(original))[1])
        for key, value in self.values.items():
            entry, before = lines.find(self.section, key), old.find(self.section, key)
            if entry is None or self._split(entry)[0] != self._written(value):
                continue
            if before is None:
                lines.remove(entry)
            else:
                lines.replace(entry, before.value)
        if not old.has(self.section):
            lines.remove_if_empty(self.section)
        rest = lines.text()
        return None if original is None and not rest.strip() else (bom + rest).encode()

    def by_hand(self) -> str:
        """Return the section with our keys."""
        lines = [f"{key}{self._equals}{self._written(v)}\n" for key, v in self.values.items()]
        return f"[{self.section}]\n" + "".join(lines)

    @property
    def _equals(self) -> str:
        return " = " if self.style == "toml" else "="

    def _set(self, lines: Lines, key: str, value: str) -> None:
        entry, written = lines.find(self.section, key), self._written(value)
        if entry is None:
            lines.insert(self.section, f"{key}{self._equals}{written}")
            return
        now, comment = self._split(entry)
        if now != written:
            lines.replace(entry, written + comment)

    def _split(self, entry: Entry) -> tuple[str, str]:
        """Return the value as it is written, and the comment behind it."""
        if self.style != "toml":
            return entry.value, ""
        match = _TOML_TEXT.fullmatch(entry.value)
        if match is None:
            raise Refused(f"{entry.key!r} is no text on one line", "set it yourself: --print")
        return match[1], match[2]

    def _written(self, value: str) -> str:
        # A JSON string is a TOML and a QSettings one, for the characters that paths may have here.
        return json.dumps(value, ensure_ascii=False) if self.style in _QUOTED else value

    def _meant(self, value: str) -> str:
        return value if self.style == "toml" else self._written(value)

    def _means(self, text: str, expected: object) -> bool:
        try:
            return self._parsed(text) == expected
        except BadInput:
            return False

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            return tomllib.loads(text) if self.style == "toml" else _ini(text)
        except (tomllib.TOMLDecodeError, configparser.Error) as error:
            reason = str(error).splitlines()[0]
            raise BadInput(f"it is not valid: {reason}", "mend it first") from error


def _ini(text: str) -> dict[str, Any]:
    parser = configparser.RawConfigParser(
        strict=False, delimiters=("=",), allow_no_value=True, default_section="\0defaults"
    )
    # Keys keep their case; of "key[$e]" the part in brackets only says how to read the value.
    parser.optionxform = lambda key: key.partition("[$")[0]  # type: ignore[assignment,method-assign]
    parser.read_string("[\0top]\n" + text)  # KDE has keys above the first section
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    sections.pop("\0top") if not sections["\0top"] else None
    return sections
