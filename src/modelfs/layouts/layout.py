"""A tool's folder as data: what it looks for, where, and under which names.

``docs/layouts.md`` describes the files; the user's file of the same name replaces the shipped one.
Invariant: a ``Layout`` that was parsed can be placed without an error, whatever the model.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from modelfs.errors import BadInput
from modelfs.layouts import templates
from modelfs.names import legal_path

Shape = Literal["any", "file", "folder"]
Show = Literal["model", "files"]
Store = Literal["", "ollama", "huggingface"]

_KEYS = {"title", "about", "folders", "store", "rule", "text"}
_RULE_KEYS = {
    *("folder", "categories", "extensions", "formats", "where", "shape"),
    *("name", "drop_prefix", "show", "only", "needs", "known"),
    *("companions", "companion_name", "text"),
}
_TEXT_KEYS = {"name", "text"}
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Text:
    """A small file that the mount makes up; ``name`` is a path below its folder."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Models of these categories, in this form, appear in this folder of the tool."""

    folder: tuple[str, ...]
    """Its parts may have fields of the model in braces."""
    categories: frozenset[str]
    extensions: frozenset[str] = frozenset()
    """Lower case, with the dot; empty means any."""
    formats: frozenset[str] = frozenset()
    where: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    """Facts by name, and what they are from their first letter to their last, in any case."""
    shape: Shape = "any"
    name: str = "{name}"
    drop_prefix: str = ""
    """What the model's name loses where it begins with it."""
    show: Show = "model"
    """The model as one entry, or each of its files in the folder."""
    only: tuple[str, ...] = ()
    """Of files that are shown one by one, those whose paths match any of these."""
    needs: tuple[str, ...] = ()
    """Each of these matches a file of the model, or the model is of no use here."""
    known: Mapping[str, str] = field(default_factory=dict)
    """By SHA-256, the names under which a tool knows the files; others it does not see."""
    companions: frozenset[str] = frozenset()
    """Categories whose models go with one of the same family, beside its files."""
    companion_name: str = ""
    """What the one companion that is shown is called; without it all are, as they are."""
    texts: tuple[Text, ...] = ()

    def takes(
        self,
        category: str,
        extension: str,
        *,
        is_single: bool,
        facts: Mapping[str, object] | None = None,
    ) -> bool:
        """Say whether a model belongs into this rule's folder."""
        if not self.is_about(category) or self.shape == ("folder" if is_single else "file"):
            return False
        if is_single and self.extensions and extension.lower() not in self.extensions:
            return False
        facts = facts or {}
        if self.formats and facts.get("format") not in self.formats:
            return False
        return all(
            pattern.fullmatch(str(facts.get(name) or "")) for name, pattern in self.where.items()
        )

    def is_about(self, category: str) -> bool:
        """Say whether a category is one of the rule's, or nested in one."""
        if category in self.categories:
            return True
        parts = category.split("/")
        return any("/".join(parts[:n]) in self.categories for n in range(len(parts), 0, -1))


@dataclass(frozen=True, slots=True)
class Layout:
    """One tool's folder."""

    tool: str
    title: str
    about: str
    folders: tuple[tuple[str, ...], ...]
    rules: tuple[Rule, ...]
    texts: tuple[Text, ...] = ()
    store: Store = ""
    """A store of files under names of their own, which rules could not describe."""


def load_layouts(user_folder: Path | None = None) -> tuple[Layout, ...]:
    """Read the shipped layouts and the user's own, sorted by tool.

    Raises BadInput, naming file and line, for one that cannot be understood.
    """
    texts: dict[str, tuple[str, str]] = {}
    for entry in resources.files("modelfs.layouts").joinpath("tools").iterdir():
        if entry.name.endswith(".toml"):
            texts[entry.name[:-5]] = entry.name, entry.read_text("utf-8")
    if user_folder is not None and user_folder.is_dir():
        for file in user_folder.glob("[!.]*.toml"):
            texts[file.stem] = str(file), read_layout_file(file)
    return tuple(parse_layout(tool, *texts[tool]) for tool in sorted(texts))


def read_layout_file(file: Path) -> str:
    """Return the text of a layout; raise BadInput for one that cannot be read."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: cannot be read: {error}", "mend or remove it") from error


def parse_layout(tool: str, origin: str, text: str) -> Layout:
    """Read one layout; raise BadInput that says where ``origin`` is wrong."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{origin}: {error}") from error
    try:
        return _layout(tool, table)
    except _Wrong as wrong:
        place = locate(text, wrong.rule, wrong.key)
        raise BadInput(f"{origin}, {place}: {wrong.message}", wrong.hint) from None


class _Wrong(Exception):
    """What is wrong in which rule (from 1; 0 is none) at which key."""

    def __init__(self, message: str, key: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.key, self.hint = message, key, hint
        self.rule = 0


def locate(text: str, rule: int, key: str) -> str:
    """Return the line and the rule (from 1; 0 is none) of a key: the TOML reader keeps no lines."""
    lines = text.splitlines()
    starts = [n for n, line in enumerate(lines) if re.match(r"\s*\[\[\s*rule\s*\]\]", line)]
    begin = starts[rule - 1] if 0 < rule <= len(starts) else 0
    end = starts[rule] if 0 < rule < len(starts) else len(lines)
    shown = re.compile(rf"\s*(?:\[\[)?[\w\"'.]*\b{re.escape(key)}\b")
    at = next((n for n in range(begin, end) if shown.match(lines[n])), begin)
    return f"line {at + 1}" + (f", rule {rule}" if rule else "")


def _layout(tool: str, table: Mapping[str, Any]) -> Layout:
    _only_keys(table, _KEYS)
    store = _one_of(table, "store", get_args(Store))
    rules = []
    for number, each in enumerate(_tables(table, "rule"), 1):
        try:
            rules.append(_rule(each))
        except _Wrong as wrong:
            wrong.rule = number
            raise
    return Layout(
        tool,
        str(table.get("title", tool)),
        str(table.get("about", "")),
        tuple(_folder(name, "folders") for name in _texts(table, "folders")),
        tuple(rules),
        _made_up(table),
        store,
    )


def _rule(table: Mapping[str, Any]) -> Rule:
    _only_keys(table, _RULE_KEYS)
    categories = _texts(table, "categories")
    if not categories:
        raise _Wrong("'categories' names at least one category", "categories")
    extensions = frozenset(text.lower() for text in _texts(table, "extensions"))
    if any(not text.startswith(".") for text in extensions):
        raise _Wrong("'extensions' start with a dot", "extensions")
    show: Show = _one_of(table, "show", get_args(Show))
    only = tuple(_texts(table, "only"))
    if only and show != "files":
        raise _Wrong("'only' chooses among files: it needs show = \"files\"", "only")
    if "companions" in table and show != "files":
        raise _Wrong("'companions' lie beside files: they need show = \"files\"", "companions")
    if "companion_name" in table and "companions" not in table:
        raise _Wrong("'companion_name' names one of the 'companions'", "companion_name")
    return Rule(
        folder=_folder(str(table.get("folder", "")), "folder"),
        categories=frozenset(categories),
        extensions=extensions,
        formats=frozenset(_texts(table, "formats")),
        where=_where(table),
        shape=_one_of(table, "shape", get_args(Shape)),
        name=_template(str(table.get("name", "{name}")), "name"),
        drop_prefix=str(table.get("drop_prefix", "")),
        show=show,
        only=only,
        needs=tuple(_texts(table, "needs")),
        known=_known(table),
        companions=frozenset(_texts(table, "companions")),
        companion_name=_template(str(table.get("companion_name", "")), "companion_name"),
        texts=_made_up(table),
    )


def _where(table: Mapping[str, Any]) -> Mapping[str, re.Pattern[str]]:
    found = table.get("where", {})
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise _Wrong("'where' is a table of facts and expressions", "where")
    try:
        return {name: re.compile(text, re.IGNORECASE) for name, text in found.items()}
    except re.error as error:
        raise _Wrong(f"'where': {error}", "where") from error


def _known(table: Mapping[str, Any]) -> Mapping[str, str]:
    found = table.get("known", {})
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise _Wrong("'known' is a table of SHA-256 and names", "known")
    for digest, name in found.items():
        if not _SHA256.fullmatch(digest) or legal_path([name]) != name:
            raise _Wrong(f"'known': {digest!r} is no SHA-256, or {name!r} no name", "known")
    return found


def _made_up(table: Mapping[str, Any]) -> tuple[Text, ...]:
    made = []
    for each in _tables(table, "text"):
        _only_keys(each, _TEXT_KEYS)
        if not isinstance(each.get("name"), str) or not isinstance(each.get("text"), str):
            raise _Wrong("a text has a 'name' and a 'text'", "text")
        _folder(each["name"], "text")
        made.append(Text(each["name"], _template(each["text"], "text")))
    return tuple(made)


def _only_keys(table: Mapping[str, Any], known: set[str]) -> None:
    for key in table:
        if key not in known:
            raise _Wrong(f"there is no {key!r}", key, f"known: {', '.join(sorted(known))}")


def _tables(table: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _Wrong(f"{key!r} is written as [[{key}]] tables", key)
    return found


def _texts(table: Mapping[str, Any], key: str) -> Sequence[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _Wrong(f"{key!r} is a list of texts", key)
    return value


def _one_of(table: Mapping[str, Any], key: str, choices: Sequence[str]) -> Any:
    value = table.get(key, choices[0])
    if value not in choices:
        said = ", ".join(f'"{choice}"' for choice in choices)
        raise _Wrong(f"{key!r} is one of {said}, not {value!r}", key)
    return value


def _template(text: str, key: str) -> str:
    if wrong := templates.problem(text):
        raise _Wrong(wrong, key)
    return text


def _folder(text: str, key: str) -> tuple[str, ...]:
    parts = tuple(text.split("/")) if text else ()
    # A leading dot is fine: many tools hide their folders.
    if any(part in ("", ".", "..") or legal_path([part]) != part for part in parts):
        raise _Wrong(f"{text!r} is not a relative folder", key)
    return tuple(_template(part, key) for part in parts)
