"""Blobs that nobody has a name for any more: looked at, and made models again."""

import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelfs import hashing, identify
from modelfs.catalog import edit
from modelfs.catalog.orphans import RECOVERED, UNSORTED
from modelfs.catalog.records import NewFile, NewModel
from modelfs.identify import Identification
from modelfs.library.gathering import opener
from modelfs.library.library import Library
from modelfs.names import alternatives, check_tag, legal_name
from modelfs.paths import StorePaths
from modelfs.progress import Progress, Report
from modelfs.store import BlobStore
from modelfs.store.strays import is_blob_name
from modelfs.types import BlobId, Facts, SourceFile

_REST = "recovered files"
"""The model of all that is no model by its bytes: settings, vocabularies, pictures."""


@dataclass(frozen=True, slots=True)
class Foundling:
    """A blob on disk without a name."""

    blob: BlobId
    size_bytes: int
    mtime_ns: int


def find(paths: StorePaths, named: Collection[object]) -> list[Foundling]:
    """Return the blobs on disk that are not among the named ones."""
    return [
        Foundling(blob, status.st_size, status.st_mtime_ns)
        for blob, status in BlobStore(paths).listed()
        if blob not in named and is_blob_name(blob) and stat.S_ISREG(status.st_mode)
    ]


def adopt(library: Library, foundlings: Sequence[Foundling], report: Report) -> None:
    """Make each a model by what its bytes say; what they do not say goes into one model together.

    Reads headers and samples only. A blob that cannot be read stays where it is, without a name.
    """
    rest = []
    for number, foundling in enumerate(foundlings):
        report(Progress("looking at", foundling.blob, number, len(foundlings), "things"))
        try:
            file = _file(library, foundling)
            verdict = _identify(library, foundling)
        except OSError:
            continue
        if verdict.facts.format == "unknown":
            rest.append(file)
        else:
            _add(library, _name(verdict.facts, foundling.blob), verdict, [file])
    if rest:
        _add(library, _REST, Identification(Facts(), UNSORTED, ""), rest)


def _identify(library: Library, foundling: Foundling) -> Identification:
    path = library.store.path(foundling.blob)
    return identify.identify([SourceFile(foundling.blob, foundling.size_bytes, opener(path))])


def _file(library: Library, foundling: Foundling) -> NewFile:
    fd = library.store.open(foundling.blob)
    with open(fd, "rb") as file:
        sample = hashing.sample_hash(file.fileno(), foundling.size_bytes)
    return NewFile(
        foundling.blob, foundling.blob, foundling.size_bytes, sample, None, foundling.mtime_ns
    )


def _name(facts: Facts, blob: BlobId) -> str:
    own = str(facts.details.get("name") or facts.architecture or facts.format)
    parts = [legal_name(own), facts.quant, blob[:6]]
    return legal_name("-".join(part for part in parts if part))


def _add(library: Library, name: str, verdict: Identification, files: Sequence[NewFile]) -> None:
    single = len(files) == 1 and verdict.facts.format != "unknown"
    extension = identify.usual_extension(verdict.facts.format) if single else ""
    with library.catalog.write():
        names = alternatives(name, None, files[0].blob[:6], extension)
        free = next(n for n in names if not edit.entry_taken(library.catalog, n, extension))
        new = NewModel(
            name=free,
            extension=extension,
            category=verdict.category,
            category_by="guess",
            source=f"local:{Path(library.store.paths.blobs)}",
            facts=verdict.facts,
            files=files,
            tags=(RECOVERED,),
            auto_tags=tuple(tag for tag in verdict.auto_tags if check_tag(tag) is None),
            family=verdict.family,
        )
        edit.add_model(library.catalog, new)
