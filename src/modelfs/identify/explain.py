"""The rows of the tables that speak of one family, category or format, for a person to read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelfs.identify.rules import confidence, is_whole_match
from modelfs.identify.tables import ORDERED, Row, rows

_NAMED_IN = ("architecture", "kind", "declared")
_NAMES = {
    "formats": "format is",
    "architecture": "architecture is",
    "kind": "calls itself",
    "structure": "family is",
    "medium": "family makes",
    "parts": "has the parts",
    "declared": "a sidecar calls it",
    "task": "the card's task is",
    "library": "the card's library is",
    "relation": "relation to its base is",
    "inputs": "takes in",
    "outputs": "gives",
    "delta": "is a difference to another model",
    "tensors": "tensors",
    "lora": "layers that a LoRA changes",
    "has": "files",
    "words": "words in its name",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """One row, told in words."""

    table: str
    title: str
    conditions: Sequence[tuple[str, str]]
    row: Mapping[str, Any]


def explain(about: str) -> list[Explained]:
    """Return the rows about a family, a category (also its first part) or a format, if any.

    Of rows that are asked in order the first that fits wins, so the order is kept.
    """
    wanted = about.strip().lower()
    media = {row["medium"] for row in rows("structure") if _speaks_of(row, wanted)}
    return [
        _told(kind, row)
        for kind in ORDERED
        for row in rows(kind)
        if _speaks_of(row, wanted) or (kind == "rule" and row.get("medium") in media)
    ]


def _speaks_of(row: Row, wanted: str) -> bool:
    category, family = str(row.get("category", "")), str(row.get("id", ""))
    folder, _, name = category.partition("/")
    return (
        wanted
        in {category, folder, name, str(row.get("title", "")).lower(), *row.get("formats", ())}
        or re.match(rf"{re.escape(wanted)}(?![a-z])", family) is not None
        or any(is_whole_match(row[key], wanted) for key in _NAMED_IN if row.get(key, ".+") != ".+")
    )


def _told(kind: str, row: Row) -> Explained:
    if kind == "structure":
        title = f"{row['id']} ({row['title']}), a model of {row['medium']}"
    else:
        title = f"{row['category']} ({confidence(row)}): {row['because']}"
    return Explained(kind, title, list(_conditions(row)), row)


def _conditions(row: Row) -> Iterator[tuple[str, str]]:
    for key, label in _NAMES.items():
        value = row.get(key)
        if key == "medium" and "title" in row:
            continue
        if key == "formats" and value:
            yield label, " or ".join(value)
        elif isinstance(value, list):
            yield from ((label, str(each)) for each in value)
        elif value not in (None, ""):
            yield label, str(value).lower() if isinstance(value, bool) else str(value)
    for variant in row.get("variant", ()):
        yield f"variant {variant['name']}", "; ".join(variant["tensors"])
