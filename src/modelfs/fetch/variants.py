"""The forms in which a repository offers a model, told by its files' names.

A folder with a marker (``identify.grouping``) is one model in several formats and precisions.
Without one, every weights file is a model of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from posixpath import basename

from modelfs.fetch.choice_table import has_quants, matches, rank
from modelfs.fetch.folder_forms import Around, folder_forms, ranked, upwards
from modelfs.fetch.listing import RemoteFile, Variant
from modelfs.fetch.pieces import Piece, Sorted, sort_files
from modelfs.fetch.quants import quant_variants
from modelfs.identify.grouping import group

_LOOSE = 100
"""Added to the rank of what lies in no marked folder, so that GGUF comes before it."""
Ranked = tuple[int, Variant]


def variants_of(files: Sequence[RemoteFile]) -> tuple[Variant, ...]:
    """Return the choices, the best first; none where there are no weights.

    - Safetensors come before GGUF, that before pickles, those before other formats; of one format
      the plain precision, but for a pipeline of parts fp16 where every part has it.
    - No variant has two copies of the same weights: sharded and whole, original and converted, a
      pipeline and the single checkpoint beside it.
    - Where one part has no safetensors, its pickle goes along.
    - Settings, tokenizers, code and texts go with every variant, but not with GGUF, which has them
      inside, nor those from a folder of another variant; its README and terms do.
    - Of several models in one repository each is a variant marked as separate: in its best form,
      or with each other form as one more variant.
    """
    sizes = {file.path: file.size_bytes or 0 for file in files}
    found = sort_files(sizes)
    documents = [path for path in found.sides if "/" not in path and matches(path, "documents")]
    around = Around(found, documents, sizes)
    choices: list[Ranked] = [
        (rank("gguf"), variant) for variant in quant_variants(found.pieces, documents, sizes)
    ]
    alone = not choices
    pieces = [piece for piece in found.pieces if not has_quants(piece.format)]
    tops = _marked_folders(pieces, found)
    if "" in tops:
        choices += folder_forms("", pieces, around)
    else:
        choices += _several(tops, pieces, around, alone)
    ordered = [variant for _, variant in sorted(choices, key=lambda choice: choice[0])]
    return tuple(_distinct(ordered))


def _marked_folders(pieces: Sequence[Piece], found: Sorted) -> list[str]:
    paths = [path for piece in pieces for path in (*piece.everything, *piece.index)]
    grouped = group([*paths, *found.sides])
    return sorted(model.folder for model in grouped.models if model.is_folder)


def _several(
    tops: Sequence[str], pieces: Sequence[Piece], around: Around, alone: bool
) -> Iterator[Ranked]:
    """Yield the forms of each model of a repository that is no single one."""
    below: dict[str, list[Piece]] = defaultdict(list)
    loose: dict[tuple[str, str], list[Piece]] = defaultdict(list)
    folders = set(tops)
    for piece in pieces:
        top = next((folder for folder in upwards(piece.folder) if folder in folders), None)
        if top is None:
            loose[piece.folder, piece.stem].append(piece)
        else:
            below[top].append(piece)
    only_one = alone and len(below) + len(loose) == 1
    for top, parts in below.items():
        forms = folder_forms(top, parts, around)
        for index, (_, form) in enumerate(sorted(forms, key=lambda choice: choice[0])):
            label = top if not index else f"{top} {form.label}"
            yield _LOOSE, replace(form, label=label, separate=alone and not only_one and not index)
    names = _names(loose)
    for key, forms_of_one in sorted(loose.items(), key=lambda item: names[item[0]]):
        yield from _loose(names[key], forms_of_one, around, alone, only_one)


def _loose(
    label: str, pieces: Sequence[Piece], around: Around, alone: bool, only_one: bool
) -> Iterator[Ranked]:
    """Yield the forms of one model of loose files, the best first and as separate."""
    for index, piece in enumerate(sorted(pieces, key=ranked)):
        sides = around.sides([piece], "") if only_one else around.notes(piece)
        form = " ".join(filter(None, (piece.format, piece.mark)))
        name = (form if only_one else label) if not index else f"{label} {form}"
        note = "" if piece.whole else "incomplete"
        separate = alone and not only_one and not index
        yield (
            _LOOSE + (1 if index else 0),
            Variant(name, _sorted_paths(piece.paths, sides), note, separate),
        )


def _names(loose: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Name each model by its stem, or by its path where two have one stem."""
    counted: dict[str, int] = defaultdict(int)
    keys = list(loose)
    for _, stem in keys:
        counted[stem] += 1
    return {
        (folder, stem): stem if counted[stem] == 1 or not folder else f"{folder}/{stem}"
        for folder, stem in keys
    }


def _distinct(variants: Iterable[Variant]) -> Iterator[Variant]:
    """Leave out what is there twice; tell apart what has one label by the name of a file."""
    labels, kept = set[str](), set[tuple[str, ...]]()
    for variant in variants:
        paths = _sorted_paths(variant.paths)
        if paths in kept:
            continue
        kept.add(paths)
        label = variant.label
        while label in labels:
            label += f" {basename(variant.paths[0])}"
        labels.add(label)
        yield replace(variant, label=label, paths=paths)


def _sorted_paths(*paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({path for some in paths for path in some}))
