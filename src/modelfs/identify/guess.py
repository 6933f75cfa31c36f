"""A plain first guess of a model's category: an ordered table of rules, the first that fits wins.

The knowledge is in ``guess.toml``; this file only applies it. Rules for deltas stand before rules
for base models there, because a LoRA's tensors carry the names of the model it changes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from modelfs.identify.formats import matches_path
from modelfs.identify.tables import load_table
from modelfs.identify.taxonomy import UNSORTED


@dataclass(frozen=True, slots=True)
class Clues:
    """All that a rule can ask about."""

    format: str
    weights_format: str = ""
    architecture: str = ""
    kind: str = ""
    is_delta: bool = False
    names: str = ""
    """The model's own name and its weights' path; words in it are looked for."""
    paths: tuple[str, ...] = ()
    tensor_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions that must all hold; one that is ``None`` or empty asks nothing.

    Patterns are compiled when they are first asked: few ever are, and all of them cost 20 ms.
    """

    category: str
    because: str
    formats: frozenset[str]
    architecture: str | None
    kind: str | None
    words: str | None
    tensors: tuple[str, ...]
    has: tuple[str, ...]
    is_delta: bool | None

    def fits(self, clues: Clues, tensor_text: str) -> bool:
        """``tensor_text`` is all tensor names, one a line."""
        if self.formats and not self.formats & {clues.format, clues.weights_format}:
            return False
        if self.is_delta is not None and self.is_delta != clues.is_delta:
            return False
        if self.architecture and not _is_whole(self.architecture, clues.architecture):
            return False
        if self.kind and not _is_whole(self.kind, clues.kind):
            return False
        if self.words and not _has_word(self.words, clues.names):
            return False
        if not all(any(matches_path(path, row) for path in clues.paths) for row in self.has):
            return False
        return all(re.search(row, tensor_text, re.MULTILINE) for row in self.tensors)


def guess(clues: Clues) -> tuple[str, str]:
    """Return a category and the reason for it; what fits no rule is ``other/unsorted``."""
    tensor_text = "\n".join(clues.tensor_names)
    for rule in _rules():
        if rule.fits(clues, tensor_text):
            return rule.category, rule.because
    return UNSORTED, "nothing known fits"


@cache
def _rules() -> Sequence[Rule]:
    return tuple(
        Rule(
            category=row["category"],
            because=row["because"],
            formats=frozenset(row.get("formats", ())),
            architecture=row.get("architecture"),
            kind=row.get("kind"),
            words=row.get("words"),
            tensors=tuple(row.get("tensors", ())),
            has=tuple(row.get("has", ())),
            is_delta=row.get("delta"),
        )
        for row in load_table("guess")["rule"]
    )


def _is_whole(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.IGNORECASE) is not None


def _has_word(pattern: str, text: str) -> bool:
    """A word ends where letters and digits end; ``_`` joins nothing."""
    return re.search(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])", text, re.IGNORECASE) is not None
