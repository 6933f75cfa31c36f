"""The Hugging Face hub's cache, made up from the models whose source is a repository of it.

A source ``hf:org/repo@<commit>`` says which repository, and a file's path which file of it: the
paths of a model's files are those of the repository and stay when a model is renamed. Where a
model lies in a folder of the repository, its source ends with that folder: ``…@<commit>/vae``.

Invariants that readers of a cache rely on: everything at the top is a folder of a repository;
below ``snapshots`` are folders of commits alone; each ref is a commit that has one, without a
line's end. There is no ``trees`` and no ``.no_exist``: they would claim to know what else the
repository has.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelfs.catalog.records import FileRecord, ModelRecord
from modelfs.names import legal_path
from modelfs.types import FileId
from modelfs.views.placement import Claim, Part, Placement, Sharing

_CACHE = "hub"
_COMMIT = re.compile("[0-9a-f]{40}")
_LONGEST_ID = 96
_ID = re.compile(r"(?:(?P<org>\w(?:[\w.-]*\w)?)/)?\w(?:[\w.-]*\w)?", re.ASCII)
_IN_NO_ID = ("--", "..")
_OTHER_TYPES = frozenset({"datasets", "spaces", "kernels", "buckets"})
"""What is in the place of an organisation when a repository holds no model."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where in the hub a model is from."""

    repository: str
    """The name of its folder in a cache."""
    revision: str
    folder: tuple[str, ...]
    """Where in the repository the model's files are."""


def places(model: ModelRecord, kin: Sequence[ModelRecord]) -> Iterator[Placement]:
    """Give where the hub's cache has a model: nowhere, when its source names no commit."""
    origin = _origin(model.source)
    if origin is None or not _COMMIT.fullmatch(origin.revision):
        return
    top = (_CACHE, origin.repository)
    # Older clients that are online make both of them, which they cannot here, even for a hit.
    yield Placement((*top, "blobs"), None)
    yield Placement((_CACHE, ".locks", origin.repository), None)
    commit = origin.revision.encode()
    yield Placement((*top, "refs"), _claim(model, "main", commit, "newest"))
    for file in model.files:
        *folders, name = _path(origin, file)
        folder = (*top, "snapshots", origin.revision, *folders)
        yield Placement(folder, _claim(model, name, file.id, "oldest"))


def waits_for(model: ModelRecord, kin: Sequence[ModelRecord]) -> tuple[FileId, ...]:
    """Return no file: readers of the cache go by names, and no name in it is a SHA-256."""
    return ()


def absent_because(model: ModelRecord) -> str | None:
    """Say why a model from the hub is not in the cache; None when it is, or is from elsewhere."""
    origin = _origin(model.source)
    if origin is None or _COMMIT.fullmatch(origin.revision):
        return None
    if not origin.revision:
        return "its source names no revision, and the hub's cache needs the commit"
    return f"its source names '{origin.revision}', and the hub's cache needs the commit it was at"


def _origin(source: str) -> _Origin | None:
    """Read a source; None for one that is no repository of models in the hub."""
    kind, _, rest = source.partition(":")
    repository, _, place = rest.partition("@")
    revision, _, folder = place.partition("/")
    found = _ID.fullmatch(repository)
    if kind != "hf" or found is None or len(repository) > _LONGEST_ID:
        return None
    if found["org"] in _OTHER_TYPES or any(text in repository for text in _IN_NO_ID):
        return None
    parts = tuple(legal_path(folder.split("/")).split("/")) if folder.strip("/.") else ()
    return _Origin("--".join(["models", *repository.split("/")]), revision, parts)


def _path(origin: _Origin, file: FileRecord) -> tuple[str, ...]:
    """Return where in its repository a file is."""
    return (*origin.folder, *file.path.split("/"))


def _claim(model: ModelRecord, name: str, part: Part, sharing: Sharing) -> Claim:
    return Claim(model.id, name, "", None, model.short_id, part, sharing)
