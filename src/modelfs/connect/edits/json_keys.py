"""Values at the top of a JSON file, changed in their place; all other text stays as it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from modelfs.connect.edits.edit import remembered
from modelfs.connect.edits.json_text import Member, elements, inserted, members, removed
from modelfs.connect.edits.text import decoded, newline_of, without_bom
from modelfs.errors import BadInput, Refused


@remembered
@dataclass(frozen=True, slots=True)
class JsonKeys:
    """Texts that keys are set to, and texts that are added to the lists of other keys."""

    kind: ClassVar[str] = "json"
    replaced: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    usual: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What a list holds when the file does not say: it must be named beside ours."""

    def joined(self, content: bytes | None) -> bytes:
        """Return the file with our values.

        Raises BadInput unless it is a JSON object, Refused when a list is something else.
        """
        bom, text = without_bom(decoded(content))
        if not text.strip():
            text = "{" + text + "}"
        before = _parsed(text)
        for key, value in self.replaced.items():
            text = _set(text, key, _dumps(value))
        for key, value in self.added.items():
            text = self._with_element(text, key, value)
        if _parsed(text) == before:
            return content if content is not None and content.strip() else text.encode()
        if content is None:
            text += "\n"
        return (bom + text).encode()

    def parted(self, content: bytes, original: bytes | None) -> bytes | None:
        """Return the file with the values of ``original`` where ours still are."""
        bom, text = without_bom(decoded(content))
        _parsed(text)
        _, old = without_bom(decoded(original))
        old = old if old.strip() else "{}"
        for key, value in self.replaced.items():
            if (member := _member(text, key)) and member.value == value:
                text = _put_back(text, member, _member(old, key), old)
        for key, value in self.added.items():
            text = self._without_element(text, key, value, old)
        is_ours = original is None and not _parsed(text)
        return None if is_ours else (bom + text).encode()

    def by_hand(self) -> str:
        """Return the members, one a line."""
        lines = [f"{_dumps(key)}: {_dumps(value)}" for key, value in self.replaced.items()]
        for key, value in self.added.items():
            lines.append(f"{_dumps(key)}: {_dumps([*self.usual.get(key, ()), value])}")
        return ",\n".join(lines) + "\n"

    def _with_element(self, text: str, key: str, value: str) -> str:
        member = _member(text, key)
        if member is None:
            return _set(text, key, _dumps([*self.usual.get(key, ()), value]))
        if isinstance(member.value, str):
            if member.value == value:
                return text
            alone = text[member.start : member.end]
            return _spliced(text, member, f"[{alone}, {_dumps(value)}]")
        if not isinstance(member.value, list):
            raise Refused(f"{key!r} is neither a text nor a list of texts", "mend it first")
        if value in member.value:
            return text
        return inserted(text, member.start, elements(text, member.start), _dumps(value))

    def _without_element(self, text: str, key: str, value: str, old: str) -> str:
        member, before = _member(text, key), _member(old, key)
        if member is None or not isinstance(member.value, list) or value not in member.value:
            return text
        rest = [element for element in member.value if element != value]
        was = self.usual.get(key, ()) if before is None else before.value
        if rest == ([was] if isinstance(was, str) else list(was)):
            return _put_back(text, member, before, old)
        spans = elements(text, member.start)
        return removed(text, spans, member.value.index(value))


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f", line {line}" if line else ""
        raise BadInput(f"it is not valid JSON{where}", "mend it first") from error
    if not isinstance(value, dict):
        raise BadInput("it is no JSON object", "mend it first")
    return value


def _member(text: str, key: str) -> Member | None:
    # Of keys that are there twice the last one counts, as it does for the tools.
    return next((each for each in reversed(members(text)) if each.key == key), None)


def _set(text: str, key: str, value: str) -> str:
    member = _member(text, key)
    if member is None:
        return inserted(text, text.index("{"), members(text), f"{_dumps(key)}: {value}")
    return text if member.value == json.loads(value) else _spliced(text, member, value)


def _put_back(text: str, member: Member, before: Member | None, old: str) -> str:
    if before is not None:
        return _spliced(
            text,
            member,
            old[before.start : before.end].replace("\r\n", "\n").replace("\n", newline_of(text)),
        )
    spans = members(text)
    return removed(text, spans, max(n for n, each in enumerate(spans) if each.key == member.key))


def _spliced(text: str, member: Member, value: str) -> str:
    return text[: member.start] + value + text[member.end :]


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
