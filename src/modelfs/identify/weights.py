"""Reading the weights among a model's files: the main ones, all their shards, every pickle."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from posixpath import basename

from modelfs.identify.formats import read_header
from modelfs.identify.names import model_suffix_rank, shard_of
from modelfs.identify.readers import safetensors
from modelfs.identify.reading import MAX_KEPT_TENSORS, Reading, Tensor
from modelfs.identify.tables import load_table
from modelfs.identify.verdict import Level, Verdict
from modelfs.types import SourceFile

MAX_SHARDS_READ = 512
MAX_PICKLES_READ = 64
LEAST_DATA_BYTES = 4096
_SHOWN_ABSENT = 3


@dataclass(frozen=True, slots=True)
class Weights:
    """What reading a model's weights gave."""

    main: Reading
    verdicts: tuple[Verdict, ...]
    data_starts: Mapping[str, int]
    """By path, where the tensors begin in files that keep them in one piece."""


def main_weights(files: Sequence[SourceFile]) -> SourceFile | None:
    """Return the file whose header speaks for the model: by suffix, then depth, then size."""
    ranked = [
        (rank if rank is not None else MAX_KEPT_TENSORS, file.path.count("/"), -file.size_bytes, at)
        for at, file in enumerate(files)
        if (rank := model_suffix_rank(file.path)) is not None or len(files) == 1
    ]
    return files[min(ranked)[-1]] if ranked else None


def may_need_others(path: str) -> bool:
    """Say whether a file of this name may keep a part of its weights in others."""
    return path.lower().endswith(".onnx")


def needs(file: SourceFile) -> tuple[str, ...]:
    """Return the files that a file says hold a part of its weights, as paths beside it.

    An ``OSError`` from opening it is passed on.
    """
    return _beside(file, read_header(file))


def _beside(file: SourceFile, reading: Reading) -> tuple[str, ...]:
    folder, slash, _ = file.path.rpartition("/")
    return tuple(folder + slash + part for part in reading.needs)


def read_weights(files: Sequence[SourceFile], main: SourceFile) -> Weights:
    """Read the main weights with all their shards, and look into whatever else may be a pickle."""
    read = dict(_read_shards(files, main))
    joined = _joined(main, read)
    absent = set(_beside(main, joined)) - {file.path for file in files}
    if absent:
        said = f"weights are missing: {', '.join(sorted(absent)[:_SHOWN_ABSENT])}"
        facts = replace(joined.facts, warnings=(*joined.facts.warnings, said))
        joined = replace(joined, facts=facts)
    verdicts = [reading.verdict for reading in read.values() if reading.verdict]
    verdicts += _verdicts(file for file in files if file.path not in read)
    return Weights(joined, tuple(verdicts), dict(_data_starts(files, read)))


def _data_starts(
    files: Sequence[SourceFile], read: Mapping[str, Reading]
) -> Iterator[tuple[str, int]]:
    for file in files:
        start = None
        if file.path in read:
            start = read[file.path].data_start
        elif file.path.endswith(".safetensors"):
            with file.open() as handle:
                start = safetensors.data_start(handle.read(9), file.size_bytes)
        # The tails of nearly empty files would join strangers.
        if start and file.size_bytes - start >= LEAST_DATA_BYTES:
            yield file.path, start


def early_data_start(file: SourceFile, here_bytes: int) -> int | None:
    """Return where the tensors begin in a file of which only so much is here yet.

    None where that is not known yet, or the file keeps them in no one piece. What lies behind may
    be anything. An ``OSError`` from opening it is passed on.
    """
    start = None
    if file.path.endswith(".safetensors"):
        with file.open() as handle:
            start = safetensors.data_start(handle.read(9), file.size_bytes)
    elif file.path.endswith(".gguf"):
        start = read_header(file).data_start
    known = start is not None and 0 < start <= here_bytes
    return start if known and file.size_bytes - (start or 0) >= LEAST_DATA_BYTES else None


def _read_shards(files: Sequence[SourceFile], main: SourceFile) -> Iterator[tuple[str, Reading]]:
    shard = shard_of(main.path)
    present = {file.path: file for file in files}
    for name in shard.names[:MAX_SHARDS_READ] if shard else (main.path,):
        if name in present:
            yield name, read_header(present[name])


def _joined(main: SourceFile, read: Mapping[str, Reading]) -> Reading:
    """Join the shards: first facts win, parameters and tensors add up."""
    shard = shard_of(main.path)
    readings = list(read.values())
    if shard is None:
        return readings[0]
    warnings = [warning for reading in readings for warning in reading.facts.warnings]
    missing = sum(name not in read for name in shard.names)
    if missing:
        warnings.append(f"{missing} of {len(shard.names)} parts are missing")
    counts = [reading.facts.parameters or 0 for reading in readings]
    complete = not missing and len(shard.names) <= MAX_SHARDS_READ
    facts = replace(
        readings[0].facts,
        parameters=(sum(counts) or None) if complete else None,
        details={**readings[0].facts.details, "tensor_count": _tensor_count(readings)},
        warnings=tuple(dict.fromkeys(warnings)),
    )
    tensors: dict[str, Tensor] = {}
    for reading in readings:
        if len(tensors) + len(reading.tensors) <= MAX_KEPT_TENSORS:
            tensors |= reading.tensors
    return replace(readings[0], facts=facts, tensors=tensors)


def _tensor_count(readings: Sequence[Reading]) -> int:
    counts = (reading.facts.details.get("tensor_count") for reading in readings)
    return sum(count for count in counts if isinstance(count, int))


def _verdicts(files: Iterator[SourceFile]) -> Iterator[Verdict]:
    """Look into every other file that a loader may unpickle, whatever it is for."""
    ends = tuple(load_table("names")["pickle_suffixes"])
    pickles = [file for file in files if basename(file.path).lower().endswith(ends)]
    for file in pickles[:MAX_PICKLES_READ]:
        verdict = read_header(file).verdict
        if verdict is not None:
            yield replace(verdict, names=tuple(f"{name} in {file.path}" for name in verdict.names))
    if len(pickles) > MAX_PICKLES_READ:
        rest = len(pickles) - MAX_PICKLES_READ
        yield Verdict(Level.EXTRA_CODE, (f"{rest} more files that were not looked at",))
