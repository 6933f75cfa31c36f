"""Lists of models: one written for this library, and one taken in by it.

A list that was taken in once may be taken in again: what is here is not asked for, and no name
that a model got from it stands in that model's own way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from modelfs import paths
from modelfs.catalog import models
from modelfs.catalog.filters import Condition, Filter
from modelfs.catalog.records import ModelRecord
from modelfs.errors import BadInput
from modelfs.fetch.endpoints import Endpoints
from modelfs.fetch.finding import is_address
from modelfs.fetch.hub_address import is_hub_address, parse_address
from modelfs.identify import load_taxonomy
from modelfs.library import categories
from modelfs.library.addition import AddOptions
from modelfs.library.again import apart, fetched_by
from modelfs.library.library import Library
from modelfs.library.list_text import NotListed, Wanted, read_list, write_list
from modelfs.names import fold
from modelfs.store.trouble import explained
from modelfs.views.ollama_names import registry_name

if TYPE_CHECKING:  # it would load all that fetches
    from modelfs.library.fetch_plan import Offer

__all__ = [
    "ListDocument",
    "NotListed",
    "Wanted",
    "export_list",
    "followed",
    "is_here",
    "make_category",
    "options_for",
    "read_list",
    "wanted_from",
]

_MAX_BYTES = 16 << 20
"""More than any list: a model that was given in its place is not read to its end."""
_VERSION = re.compile(r"(civitai:\d+@\d+)/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ListDocument:
    """A list of what is in a library."""

    wanted: Sequence[Wanted]
    not_listed: Sequence[NotListed]

    @property
    def text(self) -> str:
        """The list as a file, in TOML; the same for the same models."""
        return write_list(self.wanted, self.not_listed)


def wanted_from(path: Path) -> list[Wanted]:
    """Read a list from a file.

    Raises BadInput that names file and line, NotFound or Failed for a file that cannot be read.
    """
    path = paths.absolute(path)
    with explained(f"the list {path}"), path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no list: it is not UTF-8", "one source a line") from error
    if len(content) > _MAX_BYTES or "\0" in text:
        raise BadInput(f"{path} is no list", "one source a line; a model is added without --from")
    return read_list(text, path)


def export_list(library: Library, chosen: Sequence[ModelRecord]) -> ListDocument:
    """Return the list that brings these models to another library, in the order of their names."""
    wanted: list[Wanted] = []
    not_listed: list[NotListed] = []
    for model in sorted(chosen, key=lambda each: (fold(each.entry_name), each.source)):
        reason = _why_not(model)
        if reason:
            not_listed.append(NotListed(model.entry_name, model.source, reason))
        else:
            wanted.append(_entry(library, model))
    return ListDocument(tuple(wanted), tuple(not_listed))


def is_here(library: Library, wanted: Wanted) -> bool:
    """Say whether a list's entry needs nothing; asks nobody, and only for what is certain.

    That is: living models with exactly this pinned source have whole what the entry names.
    """
    if wanted.variants or wanted.include or wanted.exclude or not is_address(wanted.source):
        return False
    version = _VERSION.fullmatch(wanted.source)
    if version is not None:
        names = (file.path for m in _whole(library, version[1]) for file in m.files)
        return any(fnmatchcase(name, version[2]) for name in names)
    if wanted.files:
        return set(wanted.files) <= set(_whole_files(library, wanted.source))
    source, _, digest = wanted.source.partition("#sha256=")
    whole = _whole(library, source)
    return any(not digest or m.files[0].sha256 == digest.lower() for m in whole)


def options_for(library: Library, wanted: Wanted, given: AddOptions | None = None) -> AddOptions:
    """Return how to add an entry: under no name where what has it came from the same place.

    Then what is fetched is found to be there, or gets a name of its own if it is something else.
    """
    options = wanted.options(given)
    held = models.named(library.catalog, options.name) if options.name else []
    if any(_place(model.source) == _place(wanted.source) for model in held):
        return replace(options, name=None)
    return options


def followed(offer: Offer, wanted: Wanted) -> Offer:
    """Return an offer whose model will be compared with the branch that the list names."""
    if wanted.follows is None:
        return offer
    return replace(offer, listing=replace(offer.listing, asked=wanted.follows))


def make_category(library: Library, wanted: Wanted) -> None:
    """Make the category of an entry if it is somebody's own and not here yet."""
    if wanted.category and wanted.category_title and wanted.category not in library.taxonomy:
        categories.add(library, wanted.category, wanted.category_title)


def _why_not(model: ModelRecord) -> str:
    if not model.files:
        return "it has no files any more"
    if model.source.startswith("local:"):
        return "it was added from a file or folder, so no address is known"
    return "" if is_address(model.source) else "no address is known"


def _entry(library: Library, model: ModelRecord) -> Wanted:
    source, files = fetched_by(model)
    own = model.category not in load_taxonomy()
    titles = {each.id: each.title for each in library.taxonomy.categories}
    asked = models.told(library.catalog, model.id).get("asked")
    is_said = not isinstance(asked, str) or source.endswith((f"@{asked}", f":{asked}"))
    return Wanted(
        source,
        name=model.entry_name,
        category=model.category if own or model.category_by == "user" else None,
        category_title=titles.get(model.category) if own else None,
        tags=tuple(tag for tag in model.tags if tag not in model.auto_tags),
        files=files,
        follows=None if is_said else asked or None,
        notes=model.notes,
        pinned=model.pinned,
    )


def _whole(library: Library, source: str) -> list[ModelRecord]:
    """Return the living models with exactly this source of which nothing is missing."""
    found = models.find(library.catalog, Filter([Condition("source", source)]))
    return [model for model in found if model.source == source and model.state == "ok"]


def _whole_files(library: Library, repository: str) -> Iterator[str]:
    """Yield the paths in a repository of all files from there that are whole."""
    anywhere = Condition("source", (repository, f"{repository}/*"))
    for model in models.find(library.catalog, Filter([anywhere])):
        origin, folder = apart(model.source)
        if origin == repository:
            yield from (folder + file.path for file in model.files if file.state == "ok")


def _place(source: str) -> str:
    """Return what of an address stays whichever revision and files of it are meant."""
    endpoint = Endpoints.configured().hub
    if is_hub_address(source, endpoint):
        try:
            return f"hf:{parse_address(source, endpoint).repository}"
        except BadInput:
            return source
    kind, _, name = source.partition(":")
    if kind.lower() == "ollama":
        return f"ollama:{registry_name(name)}"
    return source.partition("#")[0].partition("@")[0]
