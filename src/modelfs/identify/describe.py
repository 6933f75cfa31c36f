"""The door of the room: from the files of one model to its facts, its category and its tags.

Order of trust: bytes, then the header, then the files beside it, then names.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from modelfs.identify.beside import read_beside
from modelfs.identify.beside.said import Relation, Said
from modelfs.identify.deltas import Delta, read_delta
from modelfs.identify.formats import UNKNOWN, folder_format
from modelfs.identify.metadata import Told, read_metadata
from modelfs.identify.names import quant_from_name
from modelfs.identify.packing import Packing, read_packing
from modelfs.identify.reading import Reading
from modelfs.identify.rules import Clues, Confidence, Match, categorise
from modelfs.identify.shapes import Shapes
from modelfs.identify.structures import (
    LANGUAGE_BASE,
    Structure,
    find_base,
    find_parts,
    find_structure,
)
from modelfs.identify.tables import user_tables
from modelfs.identify.tags import auto_tags
from modelfs.identify.taxonomy import UNSORTED, Taxonomy
from modelfs.identify.variants import family_key, same_name, size_label
from modelfs.identify.verdict import Verdict, worst
from modelfs.identify.weights import Weights, main_weights, read_weights
from modelfs.types import Facts, FactValue, SourceFile

_QUANT_FROM_HEADER_ONLY = frozenset({"whisper-ggml", "ctranslate2"})
"""Their headers say it exactly, and for all tensors."""
_GGML = frozenset({"gguf", "llamafile"})
"""Formats whose header has a type for each tensor, and a label for their mix."""
_FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
_SIZED = frozenset(
    {"language/llm", "language/multimodal", "language/embedding", "language/reranker"}
    | {"language/translation", "language/draft"}
)
"""Categories in which people choose by the number of parameters."""
_NAMES_TOLD = 50


@dataclass(frozen=True, slots=True)
class Identification:
    """What a model is, where it belongs, why, and what follows from it."""

    facts: Facts
    category: str
    reason: str
    confidence: Confidence = "guess"
    auto_tags: tuple[str, ...] = ()
    family: str | None = None
    """What it has in common with its other quantisations, formats and uploads."""
    data_starts: Mapping[str, int] = field(default_factory=dict)
    """By path, where the tensors begin in files that keep them in one piece."""

    def within(self, taxonomy: Taxonomy) -> "Identification":
        """Return this, unsorted if a table of the user's own names a category that there is not."""
        if self.category in taxonomy:
            return self
        warning = f"there is no category {self.category!r}, which a table of yours names"
        facts = replace(self.facts, warnings=(*self.facts.warnings, warning))
        return replace(self, facts=facts, category=UNSORTED, confidence="guess")


def identify(
    files: Sequence[SourceFile],
    origin: str = "",
    name: str = "",
    beside: Sequence[SourceFile] = (),
) -> Identification:
    """Identify the model that consists of ``files``.

    ``origin`` is the name or place it came from (``org/name``, a folder): only words are looked
    for in it, when the bytes leave the category open. ``name`` is the model's, for its family;
    ``beside`` are files that say something of it and are not of it. Bad bytes never raise, they
    give ``unknown`` or a warning; an ``OSError`` from opening a file is passed on.
    """
    main = main_weights(files)
    weights = read_weights(files, main) if main else Weights(Reading(Facts()), (), {})
    said = read_beside([*files, *beside], main.path if main else None)
    source = _Source(
        paths=tuple(file.path for file in files),
        main=main.path if main else "",
        origin=origin,
        reading=weights.main,
        shapes=Shapes({name: tensor.shape for name, tensor in weights.main.tensors.items()}),
        said=said,
        delta=read_delta(weights.main.tensors),
    )
    structure = _structure(source)
    facts = _told(source, structure, worst(weights.verdicts))
    match = categorise(_clues(source, facts, structure))
    label = name or source.main
    is_sized = match.category in _SIZED or "size_label" in facts.details
    size = size_label(facts, label) if is_sized else None
    family = family_key(facts, label, match.category)
    return Identification(
        facts=_explained(facts, source, structure, match),
        category=match.category,
        reason=match.because,
        confidence=match.confidence,
        auto_tags=auto_tags(facts, structure, size),
        family=family,
        data_starts=weights.data_starts,
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """All that was read of a model, before anything is concluded."""

    paths: tuple[str, ...]
    main: str
    origin: str
    reading: Reading
    shapes: Shapes
    said: Said
    delta: Delta | None

    @property
    def is_delta(self) -> bool:
        return self.reading.is_delta or self.delta is not None

    @property
    def format(self) -> str:
        """The format of a folder is that of its kind, not of its weights."""
        weights = self.reading.facts.format
        if len(self.paths) == 1:
            return weights
        found = folder_format(self.paths, weights) or weights
        # A pipeline's part has a config.json as transformers' folders do, and names a class there.
        return "diffusers" if self.said.is_diffusers and found == "transformers" else found


def _structure(source: _Source) -> Structure | None:
    if source.delta is not None:
        return find_base(source.delta)
    # A class that transformers loads says more than tensors, which families of LLMs share.
    if source.said.class_name and not source.said.is_diffusers:
        return None
    return find_structure(source.shapes)


def _told(source: _Source, structure: Structure | None, verdict: Verdict | None) -> Facts:
    """Join what the header, its metadata, the files beside it and the name tell; bytes first."""
    own, said = source.reading.facts, source.said
    told = read_metadata(source.reading.metadata)
    packing = _packing(source)
    details: dict[str, FactValue] = {**own.details, **told.details, **said.details}
    details |= _own_details(source, structure, told)
    if verdict is not None:
        details["pickle_verdict"] = str(verdict)
    family = structure.id if structure and structure.id != LANGUAGE_BASE else None
    return replace(
        own,
        format=source.format,
        architecture=family or own.architecture or said.model_type or said.class_name,
        quant=said.quant or packing.label or _named_quant(source) or own.quant,
        parameters=_parameters(source, packing),
        base_model=said.base_model or told.base_model or own.base_model,
        details=details,
    )


def _own_details(source: _Source, structure: Structure | None, told: Told) -> dict[str, FactValue]:
    details: dict[str, FactValue] = {}
    weights_format = source.reading.facts.format
    if source.format != weights_format and weights_format != UNKNOWN:
        details["weights_format"] = weights_format
    if structure and structure.variant:
        details["variant"] = structure.variant
    if source.delta is not None:
        details["adapter_type"] = source.delta.kind
        if source.delta.rank:
            details["rank"] = source.delta.rank
    relation = source.said.relation or told.relation or _relation(source)
    if relation:
        details["relation"] = relation
    return details


def _relation(source: _Source) -> Relation | None:
    """A file quantised from a model names that model as its base, one trained further another."""
    if source.is_delta:
        return "adapter"
    facts = source.reading.facts
    if facts.format != "gguf" or not facts.base_model:
        return None
    own = str(facts.details.get("name") or facts.details.get("basename") or "")
    return "quantized" if same_name(own, facts.base_model) else "finetune"


def _packing(source: _Source) -> Packing:
    if source.reading.facts.format != "safetensors" or source.delta is not None:
        return Packing(None, None)
    group = source.said.details.get("group_size")
    return read_packing(source.reading.tensors, group if isinstance(group, int) else None)


def _parameters(source: _Source, packing: Packing) -> int | None:
    own = source.reading.facts.parameters
    # Scales are no weights; of more tensors than are kept only the sum over all is known.
    whole = len(source.reading.tensors) == source.reading.facts.details.get("tensor_count")
    if own is None or not (packing.label or (packing.parameters and whole)):
        return own
    return packing.parameters


def _named_quant(source: _Source) -> str | None:
    own = source.reading.facts
    if not source.main or own.format in _QUANT_FROM_HEADER_ONLY or own.format == UNKNOWN:
        return None
    named = quant_from_name(source.main)
    # Of tensors with plain types the header knows better than a name.
    if own.format == "safetensors" and own.quant in _FLOATS:
        return None
    types = own.details.get("tensor_types")
    if named is None or own.format not in _GGML or not isinstance(types, tuple):
        return named
    # A mix like Q4_K_XL is told by the name alone, but of tensors with as many bits.
    is_borne_out = _bits(named) in map(_bits, types)
    return named if is_borne_out and named not in _FLOATS else None


def _bits(label: str) -> str:
    """Return the first number in a quantisation's label: ``4`` of ``UD-Q4_K_XL``."""
    found = re.search(r"\d+", label)
    return found[0] if found else ""


def _clues(source: _Source, facts: Facts, structure: Structure | None) -> Clues:
    said, reading = source.said, source.reading
    names = source.main or " ".join(source.paths[:_NAMES_TOLD])
    return Clues(
        format=facts.format,
        weights_format=reading.facts.format,
        architecture=reading.facts.architecture or said.model_type or "",
        kind=reading.kind or said.class_name or "",
        structure=structure.id if structure else "",
        medium=structure.medium if structure else "",
        parts=find_parts(source.shapes) if structure and not source.is_delta else "",
        declared=said.declared or "",
        task=said.task or "",
        library=said.library or "",
        relation=str(facts.details.get("relation", "")),
        inputs=_ports(facts, "inputs"),
        outputs=_ports(facts, "outputs"),
        is_delta=source.is_delta,
        names=f"{source.origin} {names}",
        paths=source.paths,
        shapes=source.shapes,
    )


def _ports(facts: Facts, side: str) -> str:
    ports = facts.details.get(side)
    return " ".join(map(str, ports)) if isinstance(ports, list | tuple) else ""


def _explained(facts: Facts, source: _Source, structure: Structure | None, match: Match) -> Facts:
    reasons = [*facts.reasons, *source.said.reasons]
    if structure is not None:
        reasons.append(structure.reason)
    reasons.append(match.because)
    warnings = (*facts.warnings, *user_tables().problems)
    details = {**facts.details, "confidence": match.confidence}
    return replace(facts, reasons=tuple(reasons), warnings=warnings, details=details)
