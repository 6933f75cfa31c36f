"""The formats and precisions of one model that is a folder with everything below it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import basename, dirname

from modelfs.fetch.choice_table import is_torch, rank, table
from modelfs.fetch.listing import Variant
from modelfs.fetch.pieces import Piece, Sorted

_SMALL_PART = 0.25
"""An extra file beside the main weights is a part of the model up to this share of their size, as
XTTS's decoder is with 11 %; the original checkpoints beside converted ones have 80 % and more."""
_LATER = 50
"""Added to the rank of further copies of the same weights, so that no other format is after them
that a program would rather have."""
_Part = tuple[str, str]
"""A part of a model by its folder and its stem, ``model`` for every main one."""


@dataclass(slots=True)
class Around:
    """The rest of a repository: what may go along with weights."""

    found: Sorted
    documents: Sequence[str]
    sizes: Mapping[str, int]
    _folders: set[str] = field(init=False)
    _stems: dict[str, set[str]] = field(init=False)
    _sides: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._folders = {folder for piece in self.found.pieces for folder in upwards(piece.folder)}
        self._stems, self._sides = defaultdict(set), defaultdict(list)
        for piece in self.found.pieces:
            self._stems[piece.folder].add(piece.stem)
        for path in self.found.sides:
            self._sides[dirname(path)].append(path)

    def sides(self, chosen: Sequence[Piece], top: str) -> list[str]:
        """Return what goes with these weights: no file from a folder of other weights alone."""
        theirs = {folder for piece in chosen for folder in upwards(piece.folder)}
        theirs.update(upwards(top))
        foreign = self._folders - theirs
        start = f"{top}/" if top else ""
        return [
            *self.documents,
            *(
                path
                for path in self.found.sides
                if path.startswith(start) and foreign.isdisjoint(upwards(dirname(path)))
            ),
        ]

    def notes(self, piece: Piece) -> list[str]:
        """Return what goes with one file of many: its own notes, or all of its own folder."""
        beside = self._sides.get(piece.folder, [])
        if not piece.folder or len(self._stems[piece.folder]) > 1:
            beside = [path for path in beside if basename(path).startswith(f"{piece.stem}.")]
        return [*self.documents, *beside]


def folder_forms(
    top: str, pieces: Sequence[Piece], around: Around
) -> Iterator[tuple[int, Variant]]:
    """Yield the forms of one model with their ranks, the lowest the best."""
    pipeline = f"{top}/model_index.json".lstrip("/") in around.found.sides
    beside: list[Piece] = []
    copies: list[Piece] = []
    body: list[Piece] = []
    for piece in sorted(pieces, key=ranked):
        # A checkpoint beside a pipeline's folders has the same weights in one file.
        single = pipeline and piece.folder == top
        (beside if single else copies if piece.copy else body).append(piece)
    if not body:
        body, copies = copies, []
    extras: list[Piece] = []
    for label in sorted({piece.format for piece in body}, key=lambda each: (rank(each), each)):
        yield from _of_format(label, body, extras, top, pipeline, around)
    for label in sorted({piece.copy for piece in copies}):
        yield rank("pickle"), _variant(label, [p for p in copies if p.copy == label], top, around)
    yield from _further([*beside, *extras], around)


def _further(pieces: Sequence[Piece], around: Around) -> Iterator[tuple[int, Variant]]:
    """Yield other copies of the same weights, each by its file's name."""
    named = set[str]()
    for piece in pieces:
        name = " ".join(filter(None, (piece.stem, piece.mark)))
        label = f"{name} {piece.format}" if name in named else name
        named.add(name)
        paths = (*piece.paths, *around.notes(piece))
        yield rank("") + _LATER, Variant(label, paths, piece.format)


def _of_format(
    label: str,
    body: Sequence[Piece],
    extras: list[Piece],
    top: str,
    pipeline: bool,
    around: Around,
) -> Iterator[tuple[int, Variant]]:
    """Yield the precisions of one format; put what is another copy of the weights to ``extras``."""
    able = [p for p in body if p.format == label or (is_torch(label) and is_torch(p.format))]
    parts = _parts(able, label, extras, around)
    covered = sum(any(p.format == label for p in part) for part in parts.values())
    if covered < len(parts) and any(
        is_torch(p.format) and rank(p.format) < rank(label) for p in able
    ):
        return  # pickles of some parts only: those go along with the safetensors of the others
    marks = {p.mark for part in parts.values() for p in part if p.format == label}
    for mark in sorted(marks, key=lambda each: (_mark_rank(each, parts, label, pipeline), each)):
        chosen = [
            min(part, key=lambda p: (p.format != label, not p.whole, p.mark != mark, bool(p.mark)))
            for part in parts.values()
        ]
        name = " ".join(filter(None, (label, mark)))
        later = 0 if all(p.whole for p in chosen) else _LATER
        note = "pipeline" if pipeline else ""
        yield rank(label) + later, _variant(name, chosen, top, around, note)


def _parts(
    able: Sequence[Piece], label: str, extras: list[Piece], around: Around
) -> dict[_Part, list[Piece]]:
    """Return the forms of each part of the model."""
    parts: dict[_Part, list[Piece]] = defaultdict(list)
    for piece in able:
        stem = piece.stem.lower()
        main = stem in table()["names"]["main_stems"]
        parts[piece.folder, "model" if main else piece.stem].append(piece)

    def size_bytes(part: Sequence[Piece]) -> int:
        best = min(part, key=lambda p: (p.format != label, bool(p.mark)))
        return sum(around.sizes[path] for path in best.paths)

    for (folder, stem), part in list(parts.items()):
        main_part = parts.get((folder, "model"))
        if stem == "model" or main_part is None:
            continue
        if size_bytes(part) > _SMALL_PART * size_bytes(main_part):
            extras += [piece for piece in part if piece not in extras]
            del parts[folder, stem]
    return parts


def _mark_rank(
    mark: str, parts: Mapping[_Part, Sequence[Piece]], label: str, pipeline: bool
) -> int:
    """Order precisions: fp16 where each part of a pipeline has it, plain, then the others."""
    if pipeline and mark == "fp16":
        everywhere = all(
            any(p.format == label and p.mark == mark and p.whole for p in part)
            for part in parts.values()
        )
        return 0 if everywhere else 2
    return 1 if not mark else 2


def _variant(
    label: str, chosen: Sequence[Piece], top: str, around: Around, note: str = ""
) -> Variant:
    paths = [path for piece in chosen for path in piece.paths]
    told = [note, "" if all(piece.whole for piece in chosen) else "incomplete"]
    return Variant(label, (*paths, *around.sides(chosen, top)), ", ".join(filter(None, told)))


def ranked(piece: Piece) -> tuple[bool, int, bool, str]:
    """Return the key by which the forms of one file are ordered, the best first."""
    return not piece.whole, rank(piece.format), bool(piece.mark), piece.mark


def upwards(folder: str) -> Iterator[str]:
    """Yield a folder and those above it, without the top."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
