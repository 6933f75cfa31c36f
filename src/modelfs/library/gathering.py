"""Which of the files that were found make a model together, and what it is by its bytes.

Used before anything is added, and to look at files that never will be.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from modelfs import identify
from modelfs.errors import BadInput
from modelfs.identify import Group, Identification
from modelfs.library.finding import Found, Skipped
from modelfs.names import legal_path, split_extension
from modelfs.store.trouble import explained
from modelfs.types import SourceFile

_FOLDERS_ASKED = 2
"""Folders around a model whose names may say what the model's own does not."""


def groups_of(found: Found, *, whole: bool = False) -> tuple[list[Group], list[Skipped]]:
    """Sort the found files into models; with ``whole`` a folder is one, whatever is in it.

    A single given file brings the side files that it needs into ``found``.
    """
    if not found.is_folder:
        return [_single(found)], []
    grouping = identify.group(list(found.files), found.root.name, _links(found.files))
    groups = list(grouping.models)
    left_out = [Skipped(skip.path, skip.reason) for skip in grouping.skipped]
    if whole and len(groups) > 1:
        kept = tuple(path for path in found.files if not identify.is_unfinished(path))
        return [Group(found.root.name, "", kept, "you said so")], []
    return groups, left_out


def _single(found: Found) -> Group:
    """Return the model that a single given file is, with the side files that it needs."""
    (name,) = found.files
    if identify.is_unfinished(name):
        raise BadInput(f"{name} is an unfinished download", "add it when it is complete")
    siblings = {each: found.root / each for each in _siblings(found.root)}
    needed = _needed(name, found.root / name)
    siblings |= {each: found.root / each for each in needed if (found.root / each).is_file()}
    links = _links(siblings | found.files)
    members = (name, *identify.companions(name, siblings, links))
    found.files.update((each, found.root / each) for each in members)
    grouping = identify.group(members, links=links)
    if len(grouping.models) != 1 or grouping.models[0].members != tuple(sorted(members)):
        return Group(split_extension(name)[0], "", members, "given by name")
    return grouping.models[0]


def _siblings(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir() if entry.is_file()]
    except OSError:  # one may be allowed to read a file and not to list its folder
        return []


def _links(files: Mapping[str, Path]) -> dict[str, tuple[str, ...]]:
    """Return what files say in their headers of others that hold a part of their weights."""
    needed = {path: _needed(path, source) for path, source in files.items()}
    links = {path: tuple(name for name in names if name in files) for path, names in needed.items()}
    return {path: names for path, names in links.items() if names}


def _needed(path: str, source: Path) -> Sequence[str]:
    if not identify.may_need_others(path):
        return ()
    try:
        return identify.needs(header(path, source))
    except OSError:
        return ()  # told when it is identified


def identified(found: Found, group: Group, headers: Sequence[SourceFile]) -> Identification:
    """Identify one group; raises Failed for a file that cannot be read.

    ``headers`` are its files as they are called inside the model.
    """
    origin = found.root / group.folder
    with explained(f"{origin} cannot be read"):
        words = " ".join((*around(origin), suggested_name(found, group)))
        beside = [] if found.is_folder else _sidecars(found.root, headers)
        return identify.identify(headers, words, suggested_name(found, group), beside)


def _sidecars(folder: Path, headers: Sequence[SourceFile]) -> list[SourceFile]:
    """Return what lies beside a single given file and says something of it."""
    present = {header.path for header in headers}
    names = [name for name in _siblings(folder) if name not in present]
    told = identify.sidecars(headers[0].path, names)
    return [header(name, folder / name) for name in told]


def headers_of(found: Found, group: Group) -> list[SourceFile]:
    """Return the files of a group to be identified, under their paths inside the model."""
    base = f"{group.folder}/" if group.folder else ""
    return [
        header(legal_path(member.removeprefix(base).split("/")), found.files[member])
        for member in sorted(group.members)
    ]


def header(path: str, source: Path) -> SourceFile:
    """Return a file to be identified; raises OSError when it is gone."""
    return SourceFile(path, source.stat().st_size, opener(source))


def opener(path: Path) -> Callable[[], BinaryIO]:
    """Return what opens a file for reading."""
    return lambda: open(path, "rb")


def suggested_name(found: Found, group: Group) -> str:
    """Return what a model would be called: its own name, or its folder's if that says more."""
    origin = found.root / group.folder
    single = len(group.members) == 1
    return identify.telling_name(
        group.name or found.root.name, around(origin if single else origin.parent)
    )


def around(folder: Path) -> tuple[str, ...]:
    """Return the names of the folders that may say what a model in this one is."""
    home = Path.home()
    names = folder.relative_to(home).parts if folder.is_relative_to(home) else folder.parts[1:]
    return names[-_FOLDERS_ASKED:]


def words_of_source(source: str) -> tuple[str, ...]:
    """Return the words in a model's source that may say what it is."""
    kind, _, rest = source.partition(":")
    return around(Path(rest).parent) if kind == "local" else (rest,)
