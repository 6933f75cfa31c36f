"""What became of a model's files at their source: the same, others, new or gone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelfs.catalog.records import ModelRecord
from modelfs.fetch.listing import Listing, RemoteFile
from modelfs.library.library import Library
from modelfs.library.sameness import is_same
from modelfs.library.upstream import Place, revision_of
from modelfs.names import legal_path, split_extension
from modelfs.progress import Report, silent


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a model's files."""

    wanted: Mapping[str, RemoteFile] | None
    """What makes the model now, by path in it; None for whatever its source would choose."""
    changed: Sequence[str]
    """Paths in the model: of others, new ones and those that are gone."""
    same: frozenset[str] = frozenset()


def compare(
    library: Library, model: ModelRecord, place: Place, listing: Listing, report: Report = silent
) -> Change | None:
    """Compare a model with what its source has now; None when its weights are not there."""
    if place.kind == "civitai" and place.revision != revision_of(listing):
        return Change(None, [listing.title])
    offered = _offered(listing, place)
    own = {file.path: file for file in model.files}
    wanted = _wanted(model, listing, offered)
    if wanted is None:
        return None
    compared = dict(wanted)
    if place.kind == "civitai":  # the notes and the picture beside a version change all the time
        compared = {path: file for path, file in wanted.items() if file.access}
    same = {
        path
        for path, remote in compared.items()
        if path in own and is_same(library, own[path], remote, report)
    }
    gone = [] if place.kind == "civitai" else [path for path in own if path not in wanted]
    return Change(wanted, sorted({*compared} - same | {*gone}), frozenset(same))


def lost_paths(model: ModelRecord, place: Place, listing: Listing) -> list[str]:
    """Return those of a model's files that its source has no more."""
    return sorted({file.path for file in model.files} - _offered(listing, place).keys())


def _offered(listing: Listing, place: Place) -> dict[str, RemoteFile]:
    """Return what lies in the model's folder, by the paths that it has or would have in it."""
    start = f"{place.folder}/" if place.folder else ""
    paths = ((legal_path(file.path.split("/")), file) for file in listing.files)
    return {path.removeprefix(start): file for path, file in paths if path.startswith(start)}


def _wanted(
    model: ModelRecord, listing: Listing, offered: Mapping[str, RemoteFile]
) -> dict[str, RemoteFile] | None:
    """Return the files that make the model now, by path; None where there are none.

    They are its own. Where some of these are gone, as when weights are cut into other shards, it
    is the variant that has most of the rest.
    """
    own = [file.path for file in model.files]
    there = {path: offered[path] for path in own if path in offered}
    largest = max(model.files, key=lambda file: (file.size_bytes, file.path)).path
    if len(there) == len(own):
        return there
    alike = _alike(listing, offered, split_extension(largest)[1])
    best = max(alike, key=lambda files: len(files.keys() & {*own}), default={})
    if best.keys() & {*own}:
        return best
    return there if largest in there else None


def _alike(
    listing: Listing, offered: Mapping[str, RemoteFile], extension: str
) -> Iterator[dict[str, RemoteFile]]:
    """Give each variant with weights of this extension, as far as it lies in the folder."""
    for variant in listing.variants:
        paths = set(variant.paths)
        found = {path: file for path, file in offered.items() if file.path in paths}
        if any(split_extension(path)[1] == extension for path in found):
            yield found
