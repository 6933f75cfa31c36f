"""Which models are one model in several forms, and how each is related to another.

Kinship is shown and suggested from; nothing is ever removed because of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from modelfs.catalog import kinship, models
from modelfs.catalog.records import ModelRecord
from modelfs.library.library import Library
from modelfs.types import ModelId

Relation = Literal[
    "same weights, other header",
    "shares files",
    "other quantisation",
    "other format",
    "goes with it",
    "same form",
]


@dataclass(frozen=True, slots=True)
class Relative:
    """Another model, and how it is related."""

    model: ModelRecord
    relation: Relation


def relatives(library: Library, model: ModelRecord) -> list[Relative]:
    """Return the living models that are related to one, those with most bits a weight first.

    Costs the model's family, not the library.
    """
    files = [file.blob for file in model.files]
    rewritten = kinship.models_of_same_data(library.catalog, files)
    found = {other.id: other for other in models.get(library.catalog, rewritten).values()}
    sharing = {other.id: other for other in models.with_blobs(library.catalog, files)}
    found |= sharing
    if model.family:
        found |= {other.id: other for other in models.of_families(library.catalog, [model.family])}
    return [
        Relative(other, _relation(model, other, rewritten=set(rewritten), sharing=set(sharing)))
        for other in sorted(found.values(), key=by_bits)
        if other.id != model.id and other.trashed_at is None
    ]


def _relation(
    model: ModelRecord, other: ModelRecord, *, rewritten: set[ModelId], sharing: set[ModelId]
) -> Relation:
    if other.id in sharing:
        return "shares files"
    if other.id in rewritten:
        return "same weights, other header"
    if other.category != model.category:
        return "goes with it"
    if other.facts.format != model.facts.format:
        return "other format"
    return "other quantisation" if other.facts.quant != model.facts.quant else "same form"


def by_bits(model: ModelRecord) -> tuple[float, str]:
    """Sort key: most bits a weight first, then by name; those without any come last."""
    bits = model.facts.details.get("bits_per_weight")
    return -bits if isinstance(bits, int | float) else 0.0, model.entry_name.casefold()


@dataclass(frozen=True, slots=True)
class Family:
    """Models that are one model in several forms; a model without kin is a family of its own."""

    name: str
    models: Sequence[ModelRecord]


def families(library: Library, chosen: Iterable[ModelRecord]) -> list[Family]:
    """Group models by family, and by tensors that only their headers hide; sorted by name."""
    listed = list(chosen)
    same_data = kinship.data_hashes(library.catalog, [model.id for model in listed])
    return group(listed, same_data)


def group(chosen: Sequence[ModelRecord], same_data: Mapping[ModelId, set[str]]) -> list[Family]:
    """Group models that have a family or any of ``same_data`` in common, directly or by others."""
    by_mark: Mapping[str, list[int]] = defaultdict(list)
    for at, model in enumerate(chosen):
        marks = [model.family] if model.family else []
        for mark in (*marks, *same_data.get(model.id, ())):
            by_mark[mark].append(at)
    leader = list(range(len(chosen)))

    def find(at: int) -> int:
        while leader[at] != at:
            leader[at] = leader[leader[at]]
            at = leader[at]
        return at

    for members in by_mark.values():
        for at in members[1:]:
            leader[find(at)] = find(members[0])
    joined: Mapping[int, list[ModelRecord]] = defaultdict(list)
    for at, model in enumerate(chosen):
        joined[find(at)].append(model)
    made = [Family(_name(members), sorted(members, key=by_bits)) for members in joined.values()]
    return sorted(made, key=lambda family: family.name.casefold())


def _name(members: Sequence[ModelRecord]) -> str:
    """A family is called by its key without the category, a model alone by its own name."""
    if len(members) == 1:
        return members[0].name
    keys = [model.family.partition(" ")[2] for model in members if model.family]
    return keys[0] if keys else members[0].name
