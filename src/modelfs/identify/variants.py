"""Which models are one model in several forms: a key that all of them have in common.

The key is made of what a header says in so many words (base name, size, fine-tune, version), else
of the name without what tells only its form. It suggests kinship and proves nothing: nobody
removes a model because of it.
"""

import re
from functools import cache

from modelfs.identify.names import quant_spans, shard_of
from modelfs.identify.tables import load_table
from modelfs.types import Facts

MAX_KEY_CHARS = 200
_ONE_ROLE = frozenset({"language/projector", "language/multimodal"})
"""A GGUF is filed without its eyes, its projector beside it, and both are one with the original."""
_WORDS = re.compile(r"[^a-z0-9.]+")
_UNITS = ((1e12, "t"), (1e9, "b"), (1e6, "m"), (1e3, "k"))
_TOLERANCE = 0.35
"""A name's size is believed when it is this near to the tensors' sum: "7B" is often 7.6."""


def family_key(facts: Facts, name: str, category: str) -> str | None:
    """Return what a model has in common with its other quantisations, formats and uploads.

    ``name`` is the model's, without its extension. ``None`` when nothing of it tells a model:
    a name alone makes no kin of bytes that nobody can read.
    """
    if facts.format == "unknown":
        return None
    words = _said(facts) or _named(name)
    if not words:
        return None
    role = "language/llm" if category in _ONE_ROLE else category
    return f"{role} {'-'.join(words)}"[:MAX_KEY_CHARS]


def _said(facts: Facts) -> list[str]:
    """Return the words of a GGUF header that names its base and size, as its convention asks."""
    details = facts.details
    base, size = details.get("basename"), details.get("size_label")
    if facts.format != "gguf" or not base or not size:
        return []
    parts = (base, size, details.get("finetune"), details.get("version"))
    return _words(" ".join(str(part) for part in parts if part))


def _named(name: str) -> list[str]:
    shard = shard_of(name)
    text = shard.stem if shard else name
    for start, end in reversed(quant_spans(text)):
        text = f"{text[:start]} {text[end:]}"
    words = _words(text)
    prefixes = load_table("variants")["part_prefixes"]
    return words[1:] if words and words[0] in prefixes else words


def _words(text: str) -> list[str]:
    forms = _form_words()
    words = (word.strip(".") for word in _WORDS.split(text.casefold()))
    return [word for word in words if word and word not in forms]


@cache
def _form_words() -> frozenset[str]:
    return frozenset(load_table("variants")["form_words"])


def same_name(one: str, other: str) -> bool:
    """Say whether two names are one but for their form."""
    return _named(one) == _named(other)


def size_label(facts: Facts, name: str) -> str | None:
    """Return the size as people say it: ``8b``, ``8x7b``, ``30b-a3b``, ``135m``; or ``None``.

    The header's own label or the name's stands where the tensors bear it out; else their sum.
    """
    said = facts.details.get("size_label")
    candidates = [str(said)] if said else []
    candidates += _size_pattern().findall(name)
    for text in candidates:
        label = text.lower().replace("_", ".")
        if facts.parameters is None or _is_near(label, facts.parameters):
            return label
    return _rounded(facts.parameters) if facts.parameters else None


def _is_near(label: str, parameters: int) -> bool:
    """Experts share layers, so ``8x7b`` is less than 56. A size in words (``tiny``) stands."""
    match = re.fullmatch(r"(?:(\d+)x)?[ea]?(\d+(?:\.\d+)?)([kmbt])(?:-a.*)?", label)
    if match is None:
        return True
    unit = next(size for size, letter in _UNITS if letter == match[3])
    claimed = float(match[2]) * unit * int(match[1] or 1)
    least, most = 1 - _TOLERANCE, 1 + _TOLERANCE
    return claimed * least <= parameters <= claimed * (most if label[0] != "e" else 3)


def _rounded(parameters: int) -> str | None:
    for size, letter in _UNITS:
        if parameters >= size:
            number = parameters / size
            digits = f"{number:.1f}" if number < 10 else f"{number:.0f}"
            return digits.removesuffix(".0") + letter
    return None


@cache
def _size_pattern() -> re.Pattern[str]:
    size = load_table("variants")["size_regex"]
    return re.compile(
        rf"(?<![A-Za-z0-9.])({size}(?:-A\d+(?:\.\d+)?B)?)(?![A-Za-z0-9])", re.IGNORECASE
    )
