"""What the files of a repository are by their names: weights, what goes with them, and litter.

Pure, and linear in the number of files; what is known is in ``choice.toml``.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from posixpath import basename, dirname

from modelfs.fetch.choice_table import copy_of, format_of, is_torch, matches, table
from modelfs.identify.names import is_junk, is_unfinished, shard_of

_INDEX = re.compile(r"^(?P<main>.+\.[a-z0-9]+)\.index(?:\.(?P<mark>\w+))?\.json$", re.IGNORECASE)
_EXTERNAL = re.compile(r"\.(?:onnx[._]data(?:_\d+)?|pdiparams\.info|mlmodelc\.zip|mlpackage\.zip)$")
_LATE_MARK = re.compile(r"(-\d{5}-of-\d{5})(\.\w+)(\.(?:safetensors|bin))$")
"""Diffusers puts the mark behind the shard's number: ``model-00001-of-00002.fp16.safetensors``."""


@dataclass(slots=True, eq=False)
class Piece:
    """Weights that are one file, or one set of shards, of one precision; equal to itself alone."""

    folder: str
    format: str
    stem: str
    mark: str
    """``fp16``; empty for the plain one."""
    single: list[str] = field(default_factory=list)
    """The file, with what belongs to it: external data, the other half of a pair."""
    shards: dict[str, list[str]] = field(default_factory=dict)
    """By the name of the first shard of a set, its shards that are there."""
    index: list[str] = field(default_factory=list)
    """The lists of its shards."""
    copy: str = ""
    """Whose copy of the same weights it is: ``original``."""

    @property
    def paths(self) -> list[str]:
        """The files to take: loaders look for the single file first, then for a whole set."""
        if self.single:
            return self.single
        for first, shards in self.shards.items():
            if self._is_whole(first):
                return shards + self.index
        return self.everything + self.index

    @property
    def everything(self) -> list[str]:
        """All its files, twice the same weights too."""
        return [*self.single, *(path for shards in self.shards.values() for path in shards)]

    @property
    def whole(self) -> bool:
        """Whether nothing of it is missing."""
        return bool(self.single) or any(self._is_whole(first) for first in self.shards)

    def _is_whole(self, first: str) -> bool:
        shard = _shard(first)
        return shard is not None and len(self.shards[first]) == len(shard[1])


_Pieces = dict[tuple[str, str, str, str], Piece]
"""By folder, format, stem and mark."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """All files of a repository by what they are."""

    pieces: Sequence[Piece]
    sides: Sequence[str]
    """Small things that programs read beside the weights: settings, tokenizers, code, texts."""
    needless: Sequence[str]
    """Pictures, logs, what training leaves behind."""
    junk: Sequence[str]


def sort_files(paths: Iterable[str]) -> Sorted:
    """Say of every file what it is."""
    known = sorted(set(paths))
    beside: dict[str, set[str]] = defaultdict(set)
    for path in known:
        beside[dirname(path)].add(basename(path).lower())
    pieces: _Pieces = {}
    others: list[str] = []
    for path in known:
        if not _is_litter(path) and (label := format_of(path, beside[dirname(path)])):
            _place(path, label, pieces)
        else:
            others.append(path)
    junk = [path for path in others if is_junk(path) or is_unfinished(path)]
    needless = [
        path
        for path in others
        if matches(path, "not_needed") or (pieces and matches(path, "archives"))
    ]
    left_out = {*junk, *needless}
    sides = [path for path in others if path not in left_out and not _is_index(path, pieces)]
    return Sorted(tuple(pieces.values()), sides, needless, junk)


def _is_litter(path: str) -> bool:
    return is_junk(path) or is_unfinished(path) or matches(path, "not_needed")


def _place(path: str, format_: str, pieces: _Pieces) -> None:
    shard = _shard(path)
    folder = dirname(path)
    stem, mark = _stem_and_mark(shard[0] if shard else _bare(basename(path)), format_)
    piece = pieces.setdefault(
        (folder, format_, stem, mark), Piece(folder, format_, stem, mark, copy=copy_of(path))
    )
    if shard is None:
        piece.single.append(path)
    else:
        piece.shards.setdefault(shard[1][0], []).append(path)


def _shard(path: str) -> tuple[str, Sequence[str]] | None:
    """Return the stem of a shard, with its mark, and the names of its set."""
    late = _LATE_MARK.search(path)
    plain = path[: late.start()] + late[1] + late[3] if late else path
    shard = shard_of(plain)
    if shard is None:
        return None
    return shard.stem + (late[2] if late else ""), shard.names


def _is_index(path: str, pieces: _Pieces) -> bool:
    """Give a list of shards to its piece: it goes with those, and with nothing else."""
    match = _INDEX.match(basename(path))
    if match is None:
        return False
    label = format_of(match["main"], set())
    stem, mark = _stem_and_mark(_bare(match["main"]), label)
    piece = pieces.get((dirname(path), label, stem, match["mark"] or mark))
    if piece is None or not piece.shards:
        return False
    piece.index.append(path)
    return True


def _bare(name: str) -> str:
    external = _EXTERNAL.search(name)
    if external:
        return name[: external.start()]
    return name.rpartition(".")[0] or name


def _stem_and_mark(bare: str, format_: str) -> tuple[str, str]:
    pattern = table()["marks"].get("torch" if is_torch(format_) else format_)
    match = re.search(pattern, bare, re.IGNORECASE) if pattern else None
    return (bare[: match.start()], match["mark"]) if match else (bare, "")
