"""Saying what files and folders are without adding them; needs no library."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelfs.errors import ModelfsError
from modelfs.identify import Group, Identification
from modelfs.library.finding import Found, Skipped, look
from modelfs.library.gathering import groups_of, headers_of, identified
from modelfs.progress import Progress, Report, silent


@dataclass(frozen=True, slots=True)
class Identified:
    """One model that was found, and what it is."""

    path: str
    """The file, or the folder of several."""
    files: Sequence[str]
    size_bytes: int
    verdict: Identification


def identify_paths(
    sources: Sequence[str], report: Report = silent
) -> Iterator[Identified | Skipped]:
    """Give what each model in these files and folders is, and what was passed over.

    Reads headers only. Raises NotFound, Failed or BadInput for a source that cannot be read; what
    cannot be read below a folder is passed over and said.
    """
    for source in sources:
        found = look(source)
        yield from found.skipped
        groups, left_out = groups_of(found)
        yield from left_out
        for number, group in enumerate(groups):
            report(Progress("looking at", group.members[0], number, len(groups), "things"))
            try:
                yield _identified(found, group)
            except ModelfsError as error:
                if not found.is_folder:
                    raise
                yield Skipped(group.members[0], error.message)


def _identified(found: Found, group: Group) -> Identified:
    headers = headers_of(found, group)
    largest = max(headers, key=lambda header: header.size_bytes)
    place = found.root / group.folder
    return Identified(
        path=str(place if group.is_folder else place / largest.path),
        files=tuple(str(found.files[member]) for member in sorted(group.members)),
        size_bytes=sum(header.size_bytes for header in headers),
        verdict=identified(found, group, headers),
    )
