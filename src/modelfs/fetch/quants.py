"""Formats of which each quantisation is a choice: GGUF, and GGML before it.

Files of one name but for the quantisation are forms of one model. Where several models lie in one
repository, each is called by its file's name, and the best form of each is marked as separate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename

from modelfs.fetch.choice_table import has_quants, matches, table
from modelfs.fetch.listing import Variant
from modelfs.fetch.pieces import Piece
from modelfs.identify.names import quant_from_name, quant_spans
from modelfs.units import format_count

Sizes = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Form:
    piece: Piece
    quant: str
    """Empty where neither the name nor the folder tells it."""
    base: str
    """The name without the quantisation: what all forms of one model share."""
    size_bytes: int


def is_quant_label(label: str) -> bool:
    """Say whether a variant is one of several quantisations, of which memory decides."""
    return quant_from_name(label) == label


def quant_variants(
    pieces: Sequence[Piece], documents: Sequence[str], sizes: Sizes
) -> list[Variant]:
    """Return one variant for each quantisation, the preferred first, each with a projector."""
    weights: list[Piece] = []
    projectors: list[Piece] = []
    for piece in pieces:
        if has_quants(piece.format):
            (projectors if matches(piece.paths[0], "projectors") else weights).append(piece)
    beside = _preferred(projectors) if weights else None
    forms = _once([_form(piece, sizes) for piece in weights or projectors])
    several = _several_models(forms)
    variants, seen = [], set[str]()
    for form in sorted(forms, key=lambda form: (form.base if several else "", *_order(form))):
        separate = several and form.base not in seen
        seen.add(form.base)
        label = basename(form.piece.stem) if several else form.quant or form.piece.format
        paths = [*form.piece.paths, *(beside.paths if beside else ()), *documents]
        variants.append(Variant(label, tuple(paths), _note(form.piece, beside), separate))
    return variants


def _form(piece: Piece, sizes: Sizes) -> _Form:
    quant = quant_from_name(piece.stem) or quant_from_name(basename(piece.folder)) or ""
    base = piece.stem
    for start, end in reversed(quant_spans(piece.stem)):
        base = base[:start] + base[end:]
    size_bytes = sum(sizes[path] for path in piece.paths)
    return _Form(piece, quant, base.lower().strip("-._ "), size_bytes)


def _once(forms: Sequence[_Form]) -> list[_Form]:
    """Take one of those that lie there twice, in a file and in shards."""
    found: dict[tuple[str, str], _Form] = {}
    for form in sorted(
        forms, key=lambda form: (not form.piece.whole, not form.piece.single, form.piece.folder)
    ):
        found.setdefault((form.base, form.quant), form)
    return list(found.values())


def _several_models(forms: Sequence[_Form]) -> bool:
    """Two quantisations alike, or names of which none begins the others: not one model."""
    quants = [form.quant for form in forms]
    shortest = min((form.base for form in forms), key=len, default="")
    return len(set(quants)) < len(quants) or not all(
        form.base.startswith(shortest) for form in forms
    )


def _order(form: _Form) -> tuple[bool, int, int, str]:
    order: list[str] = table()["quants"]["order"]
    place = order.index(form.quant) if form.quant in order else len(order)
    return not form.piece.whole, place, -form.size_bytes, form.piece.stem


def _preferred(projectors: Sequence[Piece]) -> Piece | None:
    order: list[str] = table()["names"]["projector_order"]

    def place(piece: Piece) -> tuple[int, str]:
        quant = quant_from_name(piece.stem) or ""
        return order.index(quant) if quant in order else len(order), piece.stem

    return min(projectors, key=place, default=None)


def _note(piece: Piece, projector: Piece | None) -> str:
    shards = len(piece.paths) if not piece.single else 1
    told = [
        "" if piece.whole else "incomplete",
        format_count(shards, "shard") if shards > 1 else "",
        f"with {basename(projector.paths[0])}" if projector else "",
    ]
    return ", ".join(filter(None, told))
