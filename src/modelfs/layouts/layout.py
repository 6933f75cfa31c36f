"""A tool's folder as data: which categories it looks for in which of its folders.

A file says ``title``, optionally ``about`` and ``folders`` (they exist even when empty: many
tools create theirs at start and fail on a read-only mount), and ``[[rule]]`` tables::

    [[rule]]
    folder = "loras"                    # where; "" is the tool's own folder
    categories = ["image/lora"]         # which models
    extensions = [".safetensors"]       # only single files of these; left out: any
    shape = "any"                       # or "file" or "folder"

The user's file of the same name replaces the shipped one.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from modelfs.errors import BadInput
from modelfs.names import legal_path

Shape = Literal["any", "file", "folder"]

_KEYS = {"title", "about", "folders", "rule"}
_RULE_KEYS = {"folder", "categories", "extensions", "shape"}


@dataclass(frozen=True, slots=True)
class Rule:
    """Models of these categories, in this form, appear in this folder of the tool."""

    folder: tuple[str, ...]
    categories: frozenset[str]
    extensions: frozenset[str]
    """Lower case, with the dot; empty means any."""
    shape: Shape

    def takes(self, category: str, extension: str, *, is_single: bool) -> bool:
        """Say whether a model belongs into this rule's folder."""
        if category not in self.categories or self.shape == ("folder" if is_single else "file"):
            return False
        return not (is_single and self.extensions) or extension.lower() in self.extensions


@dataclass(frozen=True, slots=True)
class Layout:
    """One tool's folder."""

    tool: str
    title: str
    about: str
    folders: tuple[tuple[str, ...], ...]
    rules: tuple[Rule, ...]


def load_layouts(user_folder: Path | None = None) -> tuple[Layout, ...]:
    """Read the shipped layouts and the user's own, sorted by tool.

    Raises BadInput, naming the file, for one that cannot be understood.
    """
    texts: dict[str, tuple[str, str]] = {}
    for entry in resources.files("modelfs.layouts").iterdir():
        if entry.name.endswith(".toml"):
            texts[entry.name[:-5]] = entry.name, entry.read_text("utf-8")
    if user_folder is not None and user_folder.is_dir():
        for file in user_folder.glob("[!.]*.toml"):
            texts[file.stem] = str(file), _text(file)
    return tuple(parse_layout(tool, *texts[tool]) for tool in sorted(texts))


def _text(file: Path) -> str:
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
    _only_keys(origin, table, _KEYS)
    rules = table.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise BadInput(f"{origin}: 'rule' is written as [[rule]] tables")
    return Layout(
        tool,
        str(table.get("title", tool)),
        str(table.get("about", "")),
        tuple(_folder(origin, name) for name in _texts(origin, table, "folders")),
        tuple(_rule(f"{origin}, rule {n}", rule) for n, rule in enumerate(rules, 1)),
    )


def _rule(origin: str, table: Mapping[str, object]) -> Rule:
    _only_keys(origin, table, _RULE_KEYS)
    categories = _texts(origin, table, "categories")
    if not categories:
        raise BadInput(f"{origin}: 'categories' names at least one category")
    shape = table.get("shape", "any")
    if shape not in ("any", "file", "folder"):
        raise BadInput(f'{origin}: \'shape\' is "any", "file" or "folder", not {shape!r}')
    extensions = frozenset(text.lower() for text in _texts(origin, table, "extensions"))
    if any(not text.startswith(".") for text in extensions):
        raise BadInput(f"{origin}: 'extensions' start with a dot")
    folder = _folder(origin, str(table.get("folder", "")))
    return Rule(folder, frozenset(categories), extensions, shape)


def _only_keys(origin: str, table: Mapping[str, object], known: set[str]) -> None:
    for key in table:
        if key not in known:
            raise BadInput(f"{origin}: there is no {key!r}", f"known: {', '.join(sorted(known))}")


def _texts(origin: str, table: Mapping[str, object], key: str) -> Sequence[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise BadInput(f"{origin}: {key!r} is a list of texts")
    return value


def _folder(origin: str, text: str) -> tuple[str, ...]:
    parts = tuple(text.split("/")) if text else ()
    # A leading dot is fine: many tools hide their folders.
    if any(part in ("", ".", "..") or legal_path([part]) != part for part in parts):
        raise BadInput(f"{origin}: {text!r} is not a relative folder")
    return parts
