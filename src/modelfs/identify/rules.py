"""Which category a model belongs to: rows of tables in order, the first whose conditions all hold.

The knowledge is in ``category-*.toml``; this file only applies it. What the bytes say comes before
what files beside them say, and that before names: a row that needs a name is a guess.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, cast, get_args

from modelfs.identify.names import matches_path
from modelfs.identify.shapes import Shapes, hold
from modelfs.identify.structures import conditions_problem
from modelfs.identify.tables import Row, rows
from modelfs.identify.taxonomy import UNSORTED

Confidence = Literal["sure", "likely", "guess"]
"""Read from the bytes or the model's own configuration; told by somebody; made from a name."""


@dataclass(frozen=True, slots=True)
class Clues:
    """All that a row can ask about; empty where nothing is known."""

    format: str = ""
    weights_format: str = ""
    architecture: str = ""
    kind: str = ""
    """What the file calls itself: ``general.type``, a class name."""
    structure: str = ""
    """The family that the tensors, or the layers they change, belong to."""
    medium: str = ""
    parts: str = ""
    """What a file holds beside the diffusion part, in the table's order, each with a blank."""
    declared: str = ""
    task: str = ""
    library: str = ""
    relation: str = ""
    inputs: str = ""
    """What a graph takes in: ``name[1,3,?,?]``, with blanks between."""
    outputs: str = ""
    is_delta: bool = False
    names: str = ""
    """The model's own name and its weights' path; words in it are looked for."""
    paths: tuple[str, ...] = ()
    shapes: Shapes = field(default_factory=lambda: Shapes({}))


@dataclass(frozen=True, slots=True)
class Match:
    """A category, and why."""

    category: str
    because: str
    confidence: Confidence


WHOLE = (
    "architecture",
    "kind",
    "structure",
    "medium",
    "parts",
    "declared",
    "task",
    "library",
    "relation",
    "inputs",
    "outputs",
)
"""Keys whose value is a regular expression for all of the clue, case ignored."""
_TOLD = {"declared", "task", "library", "relation"}
KEYS = {
    *WHOLE,
    "category",
    "because",
    "confidence",
    "formats",
    "words",
    "has",
    "tensors",
    "delta",
}


def categorise(clues: Clues) -> Match:
    """Return the category; what fits no row is ``other/unsorted``."""
    for row in rows("rule"):
        if _fits(row, clues):
            return Match(row["category"], row["because"], confidence(row))
    return Match(UNSORTED, "nothing known fits", "guess")


def confidence(row: Row) -> Confidence:
    """Return how much a row's verdict is worth, by what it asks."""
    if "confidence" in row:
        return cast(Confidence, row["confidence"])
    if "words" in row:
        return "guess"
    return "likely" if _TOLD & row.keys() else "sure"


def _fits(row: Row, clues: Clues) -> bool:
    # Cheap questions first: most rows end at one of these.
    if "formats" in row and not {clues.format, clues.weights_format} & set(row["formats"]):
        return False
    if "delta" in row and row["delta"] != clues.is_delta:
        return False
    for key in WHOLE:
        if key in row and not is_whole_match(row[key], getattr(clues, key)):
            return False
    if "tensors" in row and not hold(row["tensors"], clues.shapes):
        return False
    for each in row.get("has", ()):
        if not any(matches_path(path, each) for path in clues.paths):
            return False
    return "words" not in row or _word(row["words"]).search(clues.names) is not None


def is_whole_match(pattern: str, text: str) -> bool:
    """Say whether a row's expression fits the whole text, in any case."""
    return _whole(pattern).fullmatch(text) is not None


@cache
def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


@cache
def _word(pattern: str) -> re.Pattern[str]:
    """A word ends where letters and digits end; ``_`` joins nothing."""
    return re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])", re.IGNORECASE)


def problem(row: Row) -> str | None:
    """Return why a row that somebody wrote cannot be used, or ``None``."""
    if unknown := row.keys() - KEYS:
        return f"there is no {sorted(unknown)[0]!r}; known: {', '.join(sorted(KEYS))}"
    texts: Mapping[str, Any] = {key: row[key] for key in (*WHOLE, "words") if key in row}
    for key in ("category", "because", *texts):
        if not isinstance(row.get(key), str) or not row[key]:
            return f"{key!r} is a text"
    for key, text in texts.items():
        try:
            re.compile(text)
        except re.error as error:
            return f"{key}: {error}"
    for key in ("formats", "has"):
        listed = row.get(key, [])
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            return f"{key!r} is a list of texts"
    if row.get("confidence", "sure") not in get_args(Confidence):
        return f"'confidence' is one of {', '.join(get_args(Confidence))}"
    if not isinstance(row.get("delta", False), bool):
        return "'delta' is true or false"
    if row.keys() <= {"category", "because", "confidence"}:
        return "it asks nothing"
    return conditions_problem(row.get("tensors", []))
