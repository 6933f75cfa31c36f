"""Fetching a model again whose bytes were let go: from the very place, the very files."""

import re
from collections.abc import Sequence
from glob import escape

from modelfs.catalog.records import ModelRecord
from modelfs.errors import NotFound
from modelfs.fetch.listing import Wishes
from modelfs.identify.names import is_model_file
from modelfs.library import select
from modelfs.library.library import Library

_REPOSITORY = re.compile(r"((?:hf|ms):[^@]+@[^/]+)(?:/(.*))?", re.DOTALL)
"""A source as the catalogue has it: a repository at a revision, and a folder in it."""


def returning(
    library: Library, names: Sequence[str]
) -> tuple[list[ModelRecord], list[ModelRecord]]:
    """Return which models these names mean in the trash, and which that were evicted.

    Raises NotFound for a name that is neither's.
    """
    trashed, evicted = [], []
    for name in dict.fromkeys(names):
        try:
            trashed.append(select.one(library, name, trashed=True))
        except NotFound:
            found = _evicted(library, name)
            if found is None:
                raise
            evicted.append(found)
    return trashed, evicted


def _evicted(library: Library, name: str) -> ModelRecord | None:
    try:
        found = select.one(library, name)
    except NotFound:
        return None
    return found if found.state == "remote" else None


def wishes_for(model: ModelRecord) -> tuple[str, Wishes]:
    """Return the address that a model came from, and what of it is to be asked for."""
    source, files = fetched_by(model)
    return source, Wishes(include=tuple(map(escape, files)))


def fetched_by(model: ModelRecord) -> tuple[str, tuple[str, ...]]:
    """Return the address, and the paths there, that lead to exactly this model's files."""
    repository, folder = apart(model.source)
    if _REPOSITORY.fullmatch(model.source):
        return repository, tuple(sorted(folder + file.path for file in model.files))
    if re.fullmatch(r"civitai:\d+@\d+", model.source):
        # By the name of its weights the site gives what lies beside them too; notes and pictures
        # change there, so that none of them may be asked for by name.
        weights = max(model.files, key=lambda f: (is_model_file(f.path), f.size_bytes, f.path))
        return f"{model.source}/{escape(weights.path)}", ()
    if model.source.lower().startswith(("http://", "https://")) and model.is_single:
        sha256 = model.files[0].sha256
        return model.source + (f"#sha256={sha256}" if sha256 else ""), ()
    return model.source, ()


def apart(source: str) -> tuple[str, str]:
    """Return a source without its folder, and the folder with a slash behind it, or nothing."""
    found = _REPOSITORY.fullmatch(source)
    if found is None:
        return source, ""
    return found[1], f"{found[2]}/" if found[2] else ""
