"""Finding the model that a person names, and the models that a query means."""

import difflib
import re
import shlex
import time
from collections.abc import Sequence

from modelfs.catalog import models
from modelfs.catalog.filters import Comparison, Condition, Field, Filter
from modelfs.catalog.records import ModelRecord
from modelfs.errors import BadInput, NotFound
from modelfs.identify import Taxonomy
from modelfs.library.library import Library
from modelfs.types import ModelId
from modelfs.units import parse_duration, parse_size

_TERM = re.compile(r"(-?)([a-z]+)(:|<|>)(.+)", re.IGNORECASE)
_FIELDS: dict[str, Field] = {
    "category": "category",
    "tag": "tag",
    "format": "format",
    "arch": "architecture",
    "architecture": "architecture",
    "quant": "quant",
    "name": "name",
    "source": "source",
    "state": "state",
    "pinned": "pinned",
    "size": "size",
    "parameters": "parameters",
    "used": "used",
    "added": "added",
}
_ORDERED = {"size", "parameters", "used", "added"}
_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kmbt]?)")
_COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}


def one(library: Library, text: str, *, trashed: bool = False) -> ModelRecord:
    """Return the model that ``text`` names: its name, its entry name, or ``#`` and its number.

    Raises NotFound with the nearest names, BadInput when several have that name.
    """
    if re.fullmatch(r"#\d+", text):
        found = list(models.get(library.catalog, [ModelId(int(text[1:]))]).values())
        found = [model for model in found if (model.trashed_at is not None) == trashed]
    else:
        found = models.named(library.catalog, text, trashed=trashed)
        exact = [model for model in found if model.entry_name == text]
        found = exact if len(exact) == 1 else found
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{model.entry_name} (#{model.id})" for model in found)
        raise BadInput(f"{text!r} names {len(found)} models: {names}", "give one of these names")
    raise _missing(library, text, trashed)


def several(library: Library, texts: Sequence[str], *, trashed: bool = False) -> list[ModelRecord]:
    """Return the models that these texts name, each once, all or an error."""
    found = [one(library, text, trashed=trashed) for text in texts]
    return list({model.id: model for model in found}.values())


def renewed(
    library: Library, chosen: Sequence[ModelRecord], *, trashed: bool = False
) -> list[ModelRecord]:
    """Return those of these models that are still out of, or in, the trash; as they are now."""
    known = models.get(library.catalog, [model.id for model in chosen])
    return [model for model in known.values() if (model.trashed_at is not None) == trashed]


def _missing(library: Library, text: str, trashed: bool) -> NotFound:
    where = "in the trash" if trashed else "in the library"
    everything = models.find(library.catalog, Filter(trashed=trashed))
    names = [model.entry_name for model in everything]
    names = list(dict.fromkeys([*names, *(model.name for model in everything)]))
    near = difflib.get_close_matches(text, names, n=3, cutoff=0.5)
    near += [name for name in names if text.casefold() in name.casefold() and name not in near]
    hint = f"did you mean {', '.join(near[:3])}?" if near else "modelfs ls shows what there is"
    return NotFound(f"there is no model {text!r} {where}", hint)


def matching(library: Library, query: str, *, trashed: bool = False) -> list[ModelRecord]:
    """Return the models that a query means, oldest first; all for an empty one."""
    return models.find(library.catalog, meant(library, query, trashed=trashed))


def meant(library: Library, query: str, *, trashed: bool = False) -> Filter:
    """Return what a query means."""
    return Filter(parse_query(query, library.taxonomy, time.time()), trashed)


def parse_query(query: str, taxonomy: Taxonomy, now: float) -> tuple[Condition, ...]:
    """Read a query such as ``category:lora tag:gguf size>4GB used<30d -format:pickle smol``.

    Words without a field are looked for everywhere. Raises BadInput for what cannot be meant.
    """
    conditions: list[Condition] = []
    for word in _words(query):
        match = _TERM.fullmatch(word)
        field = _FIELDS.get(match[2].lower()) if match else None
        if match and field:
            conditions.append(_condition(match, field, taxonomy, now))
        elif match and match[3] != ":":
            raise BadInput(
                f"{word!r}: there is no field {match[2]!r}", f"fields: {', '.join(_FIELDS)}"
            )
        else:
            negated = word.startswith("-") and len(word) > 1
            conditions.append(Condition("text", word[1:] if negated else word, negated=negated))
    return tuple(conditions)


def _words(query: str) -> list[str]:
    """Split at blanks, but not inside quotes: ``tag:"two words"``."""
    try:
        return shlex.split(query)
    except ValueError:  # a lone quote means itself
        return query.split()


def _condition(match: re.Match[str], field: Field, taxonomy: Taxonomy, now: float) -> Condition:
    negated, operator, text = match[1] == "-", match[3], match[4]
    if field in _ORDERED:
        if operator == ":":
            raise BadInput(f"{match[0]!r}: compare with < or >, as in {match[2]}>1")
        comparison: Comparison = "<" if operator == "<" else ">"
        try:
            value = _number(field, text, now)
        except ValueError as error:
            raise BadInput(f"{match[0]!r}: {error}") from error
        if field in ("used", "added"):  # 'used<30d' is an age; the moment lies the other way round
            comparison = ">" if comparison == "<" else "<"
        return Condition(field, value, comparison, negated)
    if operator != ":":
        raise BadInput(f"{match[0]!r}: {match[2]} is not compared; write {match[2]}:{text}")
    if field == "category" and "*" not in text:
        return Condition(field, taxonomy.matching(text), negated=negated)
    if field == "pinned" and text not in ("yes", "no"):
        raise BadInput(f"{match[0]!r}: pinned is yes or no")
    return Condition(field, text, negated=negated)


def _number(field: Field, text: str, now: float) -> float:
    if field == "size":
        return parse_size(text)
    if field == "parameters":
        match = _COUNT.fullmatch(text.lower())
        if match is None:
            raise ValueError(f"not a number of parameters: {text!r} (try 7B)")
        return float(match[1]) * _COUNTS[match[2]]
    return now - parse_duration(text)
