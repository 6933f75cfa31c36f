"""A named section at the top of a YAML file, put in as text and checked by parsing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from modelfs.connect.edits.edit import remembered
from modelfs.connect.edits.marked import find_block, with_block, without_block
from modelfs.connect.edits.text import decoded, lines_of
from modelfs.errors import BadInput, Refused


@remembered
@dataclass(frozen=True, slots=True)
class YamlSection:
    """A mapping under one name; a value of several lines is one folder a line."""

    kind: ClassVar[str] = "yaml"
    section: str
    values: Mapping[str, str]

    def joined(self, content: bytes | None) -> bytes:
        """Return the file with the section between its marks; every other section means the same.

        Raises Refused when the name is taken, or when the file's form leaves no place for it.
        """
        text = decoded(content)
        before = _parsed(text)
        others = {key: value for key, value in before.items() if key != self.section}
        if self.section in before and find_block(lines_of(text)) is None:
            if before[self.section] == dict(self.values):
                return text.encode()
            raise Refused(
                f"there is a section {self.section!r} already that modelfs did not write",
                "rename that section or take it out",
            )
        for first in (False, True):  # last is kinder; first is right where the last line is open
            after = with_block(text, self._lines(), first=first)
            if _means(after, {**others, self.section: dict(self.values)}):
                return after.encode()
        raise Refused(
            "its form leaves no place for a section of modelfs",
            "paste the section yourself: --print shows it",
        )

    def parted(self, content: bytes, original: bytes | None) -> bytes | None:
        """Return the file without our section."""
        rest = without_block(decoded(content), original)
        return None if original is None and not rest.strip() else rest.encode()

    def by_hand(self) -> str:
        """Return the section."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> list[str]:
        lines = [f"{self.section}:"]
        for key, value in self.values.items():
            if "\n" in value:
                lines += [f"  {key}: |", *(f"    {line}" for line in value.splitlines())]
            else:
                lines.append(f"  {key}: {_scalar(value)}")
        return lines


def _scalar(value: str) -> str:
    is_plain = value.isidentifier() and value.lower() not in ("true", "false", "yes", "no", "null")
    # A JSON string is a YAML one too (yaml.org, 1.2), for the characters that paths may have here.
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def _parsed(text: str) -> Mapping[Any, Any]:
    import yaml

    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise BadInput(f"it is not valid YAML{where}", "mend it first") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadInput("it has no named sections at its top", "mend it first")
    return value


def _means(text: str, expected: Mapping[Any, Any]) -> bool:
    try:
        return _parsed(text) == expected
    except BadInput:
        return False
