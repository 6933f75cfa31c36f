"""The door of the room: from the files of one model to its facts, its category and its tags.

Order of trust: bytes, then the header, then the files beside it, then names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from modelfs.identify.folders import FolderFacts, read_folder
from modelfs.identify.formats import UNKNOWN, folder_format, read_header
from modelfs.identify.guess import Clues, guess
from modelfs.identify.names import model_suffix_rank, quant_from_name, shard_of
from modelfs.identify.reading import Reading
from modelfs.types import Facts, FactValue, SourceFile

MAX_SHARDS_READ = 512
MAX_KEPT_NAMES = 20_000
_QUANT_FROM_HEADER_ONLY = frozenset({"whisper-ggml", "ctranslate2"})
"""Their headers say it exactly, and for all tensors."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What a model is, where it belongs, why, and the tags that follow from it."""

    facts: Facts
    category: str
    reason: str
    auto_tags: tuple[str, ...]


def identify(files: Sequence[SourceFile], origin: str = "") -> Identification:
    """Identify the model that consists of ``files``.

    ``origin`` is the name or place it came from (``org/name``, a folder): only words are looked
    for in it, when the bytes leave the category open. Bad bytes never raise, they give
    ``unknown`` or a warning; an ``OSError`` from opening a file is passed on.
    """
    main = _main_weights(files)
    reading = _read_weights(files, main) if main else Reading(Facts())
    folder = read_folder(files) if len(files) > 1 else FolderFacts()
    paths = tuple(file.path for file in files)
    facts = _merge(reading, folder, _format_of(reading, folder, paths), main)
    category, reason = guess(
        Clues(
            format=facts.format,
            weights_format=reading.facts.format,
            architecture=reading.facts.architecture or facts.architecture or "",
            kind=reading.kind or folder.class_name or "",
            is_delta=reading.is_delta,
            names=f"{origin} {main.path if main else ' '.join(paths[:50])}",
            paths=paths,
            tensor_names=reading.tensor_names,
        )
    )
    facts = replace(facts, reasons=(*facts.reasons, reason))
    return Identification(facts, category, reason, _auto_tags(facts))


def _main_weights(files: Sequence[SourceFile]) -> SourceFile | None:
    """Return the file whose header speaks for the model: by suffix, then depth, then size."""
    ranked = [
        (rank, file.path.count("/"), -file.size_bytes, file.path, at)
        for at, file in enumerate(files)
        if (rank := model_suffix_rank(file.path)) is not None or len(files) == 1
    ]
    return files[min(ranked, key=_none_last)[-1]] if ranked else None


def _none_last(row: tuple[int | None, int, int, str, int]) -> tuple[bool, int, int, int, str]:
    rank, depth, size, path, _ = row
    return rank is None, rank or 0, depth, size, path


def _read_weights(files: Sequence[SourceFile], main: SourceFile) -> Reading:
    """Read the main weights with all their shards: first facts win, parameters add up."""
    shard = shard_of(main.path)
    if shard is None:
        return read_header(main)
    present = {file.path: file for file in files}
    readings = [
        read_header(present[name]) for name in shard.names[:MAX_SHARDS_READ] if name in present
    ]
    counts = [reading.facts.parameters or 0 for reading in readings]
    warnings = [warning for reading in readings for warning in reading.facts.warnings]
    missing = sum(name not in present for name in shard.names)
    if missing:
        warnings.append(f"{missing} of {len(shard.names)} parts are missing")
    complete = not missing and len(shard.names) <= MAX_SHARDS_READ
    facts = replace(
        readings[0].facts,
        parameters=(sum(counts) or None) if complete else None,
        warnings=tuple(dict.fromkeys(warnings)),
    )
    names = tuple(name for reading in readings for name in reading.tensor_names)
    return replace(readings[0], facts=facts, tensor_names=names[:MAX_KEPT_NAMES])


def _format_of(reading: Reading, folder: FolderFacts, paths: Sequence[str]) -> str:
    if len(paths) == 1:
        return reading.facts.format
    found = folder_format(paths, reading.facts.format) or reading.facts.format
    # A pipeline's part has a config.json as transformers' folders do, but names its class there.
    return "diffusers" if folder.is_diffusers and found == "transformers" else found


def _merge(
    reading: Reading, folder: FolderFacts, model_format: str, main: SourceFile | None
) -> Facts:
    own = reading.facts
    details: Mapping[str, FactValue] = {**own.details, **folder.details}
    if model_format != own.format and own.format != UNKNOWN:
        details = {**details, "weights_format": own.format}
    named = quant_from_name(main.path) if main and own.format != UNKNOWN else None
    if own.format in _QUANT_FROM_HEADER_ONLY:
        named = None
    return replace(
        own,
        format=model_format,
        architecture=own.architecture or folder.model_type or folder.class_name,
        quant=folder.quant or named or own.quant,
        base_model=folder.base_model or own.base_model,
        details=details,
    )


def _auto_tags(facts: Facts) -> tuple[str, ...]:
    words = (facts.format, facts.details.get("weights_format"), facts.quant)
    tags = (_legal_tag(word) for word in words if isinstance(word, str) and word != UNKNOWN)
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def _legal_tag(text: str) -> str:
    """Queries and paths are made of ``/``, ``+``, ``,`` and ``~``, so tags may not hold them."""
    lowered = text.lower().lstrip("~")
    return "".join(letter if letter.isalnum() or letter in "_.-#" else "-" for letter in lowered)
