"""Where the parts of a JSON text are: members of its object, elements of its lists. Text only."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelfs.connect.edits.text import newline_of

_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object, or one element of a list (its key is empty)."""

    key: str
    value: Any
    first: int
    """Where its text starts, the key included."""
    start: int
    """Where its value starts."""
    end: int


def members(text: str) -> list[Member]:
    """Return the members of the object that a valid JSON text is."""
    return _scan(text, text.index("{"), keyed=True)


def elements(text: str, start: int) -> list[Member]:
    """Return the elements of the list that starts at ``start``."""
    return _scan(text, start, keyed=False)


def _scan(text: str, opened: int, *, keyed: bool) -> list[Member]:
    found: list[Member] = []
    at = _skip(text, opened + 1)
    while text[at] not in "}]":
        first, key = at, ""
        if keyed:
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        value, end = _DECODER.raw_decode(text, at)
        found.append(Member(key, value, first, at, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    assert match is not None  # the pattern takes nothing too
    return match.end()


def inserted(text: str, opened: int, parts: Sequence[Member], part: str) -> str:
    """Put a part last into what ``opened`` opens, spaced as its first one is."""
    if parts:
        end = parts[-1].end
        return text[:end] + "," + text[opened + 1 : parts[0].first] + part + text[end:]
    end = _skip(text, opened + 1)
    newline = newline_of(text)
    return f"{text[: opened + 1]}{newline}  {part}{newline}{text[end:]}"


def removed(text: str, parts: Sequence[Member], number: int) -> str:
    """Take one part out, with the comma that it needed."""
    part = parts[number]
    if number:
        return text[: parts[number - 1].end] + text[part.end :]
    if len(parts) > 1:
        return text[: part.first] + text[parts[1].first :]
    opened = len(text[: part.first].rstrip(" \t\r\n"))
    return text[:opened] + text[_skip(text, part.end) :]
