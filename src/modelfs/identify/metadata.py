"""What trainers and converters write into a safetensors file's own metadata.

Trusted for title, author, licence and trigger words only: the family is told by the tensors, as
tools copy these keys from one file into the next. Keys are those of Stability's ModelSpec and of
kohya's training scripts.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from modelfs.identify.beside.said import Relation
from modelfs.identify.reading import MAX_NUMBER, plain_text
from modelfs.types import FactValue

MAX_TAGS_BYTES = 1_000_000
MAX_TRIGGER_WORDS = 12

_TEXTS = {
    "title": ("modelspec.title", "ss_output_name"),
    "author": ("modelspec.author",),
    "license": ("modelspec.license",),
    "resolution": ("modelspec.resolution", "ss_resolution"),
    "prediction_type": ("modelspec.prediction_type",),
    "version": ("modelspec.version",),
}
_NUMBERS = {"rank": ("ss_network_dim",), "alpha": ("ss_network_alpha",)}


@dataclass(frozen=True, slots=True)
class Told:
    """What the metadata tells."""

    details: Mapping[str, FactValue]
    base_model: str | None
    relation: Relation | None


def read_metadata(metadata: Mapping[str, str]) -> Told:
    """Return what a file's metadata tells; odd values are passed over."""
    details: dict[str, FactValue] = {}
    for name, keys in _TEXTS.items():
        if text := _first(metadata, keys):
            details[name] = text
    for name, keys in _NUMBERS.items():
        number = _number(_first(metadata, keys))
        if number is not None:
            details[name] = number
    if words := trigger_words(metadata):
        details["trigger_words"] = words
    if metadata.get("modelspec.thumbnail", "").startswith("data:image/"):
        details["preview"] = "in the header"
    is_merge = bool(metadata.get("modelspec.merged_from") or metadata.get("sd_merge_models"))
    base = _first(metadata, ("ss_sd_model_name",)) if "ss_network_module" in metadata else None
    return Told(details, base, "merge" if is_merge else None)


def _first(metadata: Mapping[str, str], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        text = metadata.get(key, "").strip()
        if text and text != "None":
            return plain_text(text)
    return None


def _number(text: str | None) -> int | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return int(number) if 0 < number <= MAX_NUMBER and number == int(number) else None


def trigger_words(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words that call up what a LoRA learnt: those given, else the commonest tags."""
    given = metadata.get("modelspec.trigger_phrase", "").strip()
    if given:
        words = (plain_text(word.strip()) for word in given.split(","))
        return tuple(word for word in words if word)[:MAX_TRIGGER_WORDS]
    text = metadata.get("ss_tag_frequency", "")
    if not text or len(text) > MAX_TAGS_BYTES:
        return ()
    try:
        folders = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    counts: Counter[str] = Counter()
    for tags in folders.values() if isinstance(folders, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if type(count) is int and count > 0:
                counts[plain_text(tag.strip())] += count
    # Words that nearly every picture has are what the LoRA is about.
    most = max(counts.values(), default=0)
    return tuple(tag for tag, count in counts.most_common(MAX_TRIGGER_WORDS) if 2 * count > most)
