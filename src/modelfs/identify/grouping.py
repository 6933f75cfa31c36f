"""Sort the files below a folder into models, from their paths, and the links that headers tell.

A folder with a marker is one model with everything below it; any other folder is a collection, in
which shards and pairs join and each remaining model file stands alone. Every path ends in exactly
one group, or is skipped with a reason.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname

from modelfs.identify.names import (
    is_junk,
    is_model_file,
    is_unfinished,
    matches_path,
    model_suffix_rank,
    shard_of,
)
from modelfs.identify.tables import load_table

UNFINISHED = "unfinished download"
JUNK = "not part of a model"
NOT_A_MODEL = "not a model file"


@dataclass(frozen=True, slots=True)
class Group:
    """The files of one model."""

    name: str
    """A suggestion; empty for the whole of an unnamed folder."""
    folder: str
    """The folder that the members' paths are to be taken relative to; empty for the top."""
    members: tuple[str, ...]
    """Paths as they were given, sorted."""
    because: str
    missing: tuple[str, ...] = ()
    """Paths of shards that should be there and are not."""
    is_folder: bool = False
    """Whether the whole of ``folder`` is the model."""

    @property
    def single(self) -> bool:
        return len(self.members) == 1


@dataclass(frozen=True, slots=True)
class Skip:
    """A file that becomes part of no model."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Grouping:
    """What a folder holds."""

    models: tuple[Group, ...]
    skipped: tuple[Skip, ...]


Links = Mapping[str, Sequence[str]]
"""By the path of a file, the paths of files that hold a part of its weights."""


def group(paths: Sequence[str], root_name: str = "", links: Links | None = None) -> Grouping:
    """Sort relative ``/``-separated paths of regular files into models and files to skip.

    ``root_name`` names a model that is the whole folder. The order of ``paths`` does not matter.
    """
    links = links or {}
    owners = {part: path for path, parts in links.items() for part in parts}
    skipped: list[Skip] = []
    kept: list[str] = []
    for path in sorted(set(paths)):
        reason = UNFINISHED if is_unfinished(path) else JUNK if is_junk(path) else ""
        if reason:
            skipped.append(Skip(path, reason))
        else:
            kept.append(path)
    models: list[Group] = []
    loose: dict[str, list[str]] = defaultdict(list)
    for top, because, members in _by_marked_folder(kept):
        if because:
            name = basename(top) or root_name
            missing = _missing_shards(members)
            models.append(Group(name, top, tuple(members), because, missing, is_folder=True))
        else:
            for path in members:
                loose[dirname(owners.get(path, path))].append(path)
    for folder, names in loose.items():
        groups, rest = _collection(folder, names, links)
        models += groups
        skipped += (Skip(path, NOT_A_MODEL) for path in rest)
    return Grouping(
        tuple(sorted(models, key=lambda model: model.members[0])),
        tuple(sorted(skipped, key=lambda skip: skip.path)),
    )


def companions(path: str, siblings: Iterable[str], links: Links | None = None) -> tuple[str, ...]:
    """Return which of ``siblings`` (paths in the same folder) a program needs with ``path``.

    Shards and their index, ``X.onnx.json``, external data, the other half of a pair; not the
    previews and notes that lie beside a model. The result is sorted and never holds ``path``.
    """
    present, links = set(siblings) | {path}, links or {}
    shard = shard_of(path)
    if shard is not None:
        found = present & {*shard.names, shard.index}
    else:
        mains = tuple(_mains_of(path, present, links))
        found = set(mains).union(*(_paired(main, present, links, needed=True) for main in mains))
    return tuple(sorted(found - {path}))


def _mains_of(path: str, present: set[str], links: Links) -> Iterator[str]:
    """Yield the files that ``path`` is a needed part of, itself included."""
    yield path
    for other in present - {path}:
        if path in _paired(other, present, links, needed=True):
            yield other


def _by_marked_folder(paths: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield folder, reason and paths: a marked folder whole, any other file alone and without."""
    below: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        for folder in _folders_of(path):
            below[folder].append(path)
    marked: dict[str, str] = {}
    for folder in sorted(below):
        if not any(above in marked for above in _folders_of(folder + "/") if above != folder):
            because = _marker(folder, below[folder])
            if because:
                marked[folder] = because
    for folder, because in marked.items():
        yield folder, because, below[folder]
    for path in paths:
        if not any(folder in marked for folder in _folders_of(path)):
            yield dirname(path), "", [path]


def _folders_of(path: str) -> Iterator[str]:
    """Yield every folder above a path, the top (an empty string) first."""
    yield ""
    end = path.find("/")
    while end >= 0:
        if end:
            yield path[:end]
        end = path.find("/", end + 1)


def _marker(folder: str, paths: Sequence[str]) -> str:
    """Return why a folder is one model, or an empty string when it is not."""
    start = len(folder) + 1 if folder else 0
    below = [path[start:] for path in paths]
    here = [path for path in below if "/" not in path]
    near = {path for path in below if path.count("/") <= 2}
    for row in load_table("grouping")["marker"]:
        ends = tuple(row.get("weights", ()))
        if ends and not any(path.endswith(ends) for path in here):
            continue
        if all(_holds(near, pattern) for pattern in row["has"]):
            return str(row["because"])
    return ""


def _holds(paths: set[str], pattern: str) -> bool:
    return pattern in paths or (
        "*" in pattern and any(matches_path(path, pattern) for path in paths)
    )


def _collection(folder: str, paths: Sequence[str], links: Links) -> tuple[list[Group], list[str]]:
    """Return the models among the loose files of one folder, and the files that are none."""
    free = set(paths)
    groups: list[Group] = []
    for path in sorted(paths, key=lambda path: (path not in links, *_join_order(path))):
        if path not in free or not (is_model_file(path) or _is_pair_main(path, free, links)):
            continue
        members, missing = _joined(path, free, links)
        free -= members
        shard = shard_of(path)
        name = shard.stem if shard else basename(_stem(path))
        because = "its name" if len(members) == 1 else "names that belong together"
        groups.append(Group(name, folder, tuple(sorted(members)), because, missing))
    return groups, sorted(free)


def _joined(path: str, free: set[str], links: Links) -> tuple[set[str], tuple[str, ...]]:
    shard = shard_of(path)
    if shard is None:
        return {path} | _paired(path, free, links), ()
    members = free & {*shard.names, shard.index}
    return members, tuple(name for name in shard.names if name not in free)


def _missing_shards(members: Sequence[str]) -> tuple[str, ...]:
    present = set(members)
    sets = {shard.names for path in members if (shard := shard_of(path)) is not None}
    return tuple(sorted(name for names in sets for name in names if name not in present))


def _join_order(path: str) -> tuple[int, int, str]:
    """Mains of needed pairs choose first, a ``.vae.pt`` after the checkpoint it lies beside."""
    rank = model_suffix_rank(path)
    return basename(path).count("."), -1 if rank is None else rank, path


def _is_pair_main(path: str, present: set[str], links: Links) -> bool:
    """``X.xml`` is a model only because ``X.bin`` lies beside it."""
    return bool(_paired(path, present, links, needed=True))


def _paired(path: str, present: set[str], links: Links, needed: bool = False) -> set[str]:
    """Return the files of ``present`` that go with ``path``; only those it needs, if so asked."""
    found = set(links.get(path, ()))
    for row in load_table("names")["pair"]:
        if needed and not row["needed"]:
            continue
        if not row["needed"] and model_suffix_rank(path) is None:
            continue
        for main in row["main"]:
            if main == "*" or path.lower().endswith(main):
                stem = _stem(path) if main == "*" else path[: -len(main)]
                found.update(stem + end for end in row["also"])
    return (found & present) - {path}


def _stem(path: str) -> str:
    """Return the path without its model suffix, or without its last suffix."""
    folder, slash, last = path.rpartition("/")
    rank = model_suffix_rank(path)
    if rank is None:
        return folder + slash + (last.rpartition(".")[0] or last)
    return path[: -len(load_table("names")["model_suffixes"][rank])]
