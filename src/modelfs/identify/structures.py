"""Which family of models tensors belong to: the rows of ``structures.toml``, asked in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from modelfs.identify.deltas import Delta
from modelfs.identify.shapes import Shapes, condition, hold
from modelfs.identify.tables import Row, load_table, rows

Medium = Literal["image", "video", "3d", "audio", "language"]
MEDIA: Sequence[str] = get_args(Medium)

KEYS = {"id", "title", "medium", "tensors", "lora", "variant"}
LANGUAGE_BASE = "llm"
"""The row for what changes a language model, which has no family of its own."""
_LEAST_TENSORS = 6
"""Fewer under a prefix are leftovers."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A family that tensors were found to belong to."""

    id: str
    title: str
    medium: str
    variant: str
    prefix: str
    """Where the diffusion part lies in the file; empty for a LoRA."""
    reason: str


def find_structure(shapes: Shapes) -> Structure | None:
    """Return the family of the diffusion part in these tensors, wherever in the file it lies."""
    table = rows("structure")
    for prefix in load_table("structures")["prefixes"]:
        if prefix and shapes.count(prefix) < _LEAST_TENSORS:
            continue
        part = shapes.below(prefix)
        for row in table:
            if row["tensors"] and hold(row["tensors"], part):
                return _structure(row, part, prefix, "tensors")
    return None


def find_base(delta: Delta) -> Structure | None:
    """Return the family whose layers a delta changes."""
    for row in rows("structure"):
        conditions = row.get("lora")
        if conditions and hold(conditions, delta.layers):
            return _structure(row, Shapes({}), "", "layers")
    return None


def find_parts(shapes: Shapes) -> str:
    """Return what else lies in a file with a diffusion part, each name with a blank behind it."""
    table = load_table("structures")["part"]
    return "".join(f"{row['name']} " for row in table if hold(row["tensors"], shapes))


def _structure(row: Row, part: Shapes, prefix: str, what: str) -> Structure:
    variants = (each["name"] for each in row.get("variant", ()) if hold(each["tensors"], part))
    names = row["tensors"] if what == "tensors" else row["lora"]
    shown = _first_that_holds(names, part) if what == "tensors" else ""
    where = f" under {prefix}" if prefix else ""
    reason = f"{what} of {row['title']}{where}" + (f": {shown}" if shown else "")
    return Structure(row["id"], row["title"], row["medium"], next(variants, ""), prefix, reason)


def _first_that_holds(texts: Sequence[str], part: Shapes) -> str:
    """Return the first condition, of several ways to say it the one that the tensors fulfil."""
    ways = [way.strip() for way in texts[0].split("|")]
    return next(way for way in ways if condition(way)(part))


def problem(row: Row) -> str | None:
    """Return why a row that somebody wrote cannot be used, or ``None``."""
    if unknown := row.keys() - KEYS:
        return f"there is no {sorted(unknown)[0]!r}; known: {', '.join(sorted(KEYS))}"
    if not all(isinstance(row.get(key), str) and row[key] for key in ("id", "title", "medium")):
        return "'id', 'title' and 'medium' are texts"
    if row["medium"] not in MEDIA:
        return f"'medium' is one of {', '.join(MEDIA)}"
    for variant in row.get("variant", ()):
        if not isinstance(variant, dict) or variant.keys() != {"name", "tensors"}:
            return "a variant has 'name' and 'tensors'"
    lists: list[Any] = [row.get("tensors"), row.get("lora", [])]
    return conditions_problem(*lists, *(each["tensors"] for each in row.get("variant", ())))


def conditions_problem(*lists: object) -> str | None:
    """Return why one of these is no list of conditions, or ``None``."""
    for texts in lists:
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return "conditions on tensors are a list of texts"
        for text in texts:
            try:
                condition(text)
            except ValueError as error:
                return str(error)
    return None
