"""The automatic tags that follow from a model's facts."""

from collections.abc import Iterator

from modelfs.identify.structures import LANGUAGE_BASE, Structure
from modelfs.identify.tables import load_table
from modelfs.types import Facts

UNKNOWN = "unknown"


def auto_tags(facts: Facts, structure: Structure | None, size: str | None) -> tuple[str, ...]:
    """Return tags for format, quantisation, size, family and what else people filter by."""
    family = structure.id if structure and structure.id != LANGUAGE_BASE else ""
    found = (_legal(word) for word in _words(facts, family, size))
    return tuple(dict.fromkeys(tag for tag in found if tag))


def _words(facts: Facts, family: str, size: str | None) -> Iterator[str]:
    table, details = load_table("tags"), facts.details
    for word in (facts.format, details.get("weights_format"), facts.quant, size, family):
        if isinstance(word, str) and word != UNKNOWN:
            yield word
    if details.get("variant") in table["variants"]:
        yield str(details["variant"])
    yield table["relation"].get(details.get("relation"), "")
    if details.get("multilingual"):
        yield "multilingual"
    base = (facts.base_model or "").lower()
    yield from (tag for part, tag in table["base"].items() if part in base)
    verdict = str(details.get("pickle_verdict", ""))
    yield from (tag for level, tag in table["verdict"].items() if verdict.startswith(level))


def _legal(text: str) -> str:
    """Queries and paths are made of ``/``, ``+``, ``,`` and ``~``, so tags may not hold them."""
    lowered = text.lower().lstrip("~")
    return "".join(letter if letter.isalnum() or letter in "_.-#" else "-" for letter in lowered)
