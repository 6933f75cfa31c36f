"""What adding would do, as a value: which models, of which files, under which names.

Planning reads headers and samples, never whole files, and changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from modelfs import paths
from modelfs.catalog import blobs
from modelfs.errors import BadInput, ModelfsError, Refused
from modelfs.hashing import sample_hash
from modelfs.identify import Confidence, Group
from modelfs.library.finding import Found, Skipped, look, own_folders
from modelfs.library.gathering import groups_of, identified, opener, suggested_name
from modelfs.library.library import Library
from modelfs.library.organise import check_tags, free_name
from modelfs.names import check_tag, fold, legal_name, legal_path, shorten, split_extension
from modelfs.store import open_source
from modelfs.store.trouble import explained
from modelfs.types import Facts, SourceFile

_SMALLEST_BYTES = 1024
"""Below this, what no reader knows is taken for no model when it comes in a folder of others."""


@dataclass(frozen=True, slots=True)
class AddOptions:
    """What a person may say when adding."""

    name: str | None = None
    category: str | None = None
    tags: Sequence[str] = ()
    move: bool = False
    seal: bool = False


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file to bring in."""

    source: Path
    path: str
    """Its path inside the model."""
    size_bytes: int
    looks_known: bool
    """Size and samples are those of a blob we have: probably no new bytes."""
    data_start: int | None = None
    """Where its tensors begin, if it keeps them in one piece behind a header."""


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """A model to bring in."""

    name: str
    extension: str
    name_is_asked: bool
    """Whether a person gave the name, so that it stands even over bytes we have."""
    category: str
    category_by: Literal["guess", "user"]
    reason: str
    """Why this category."""
    confidence: Confidence
    source: str
    files: Sequence[PlannedFile]
    tags: Sequence[str]
    auto_tags: Sequence[str]
    facts: Facts
    family: str | None

    @property
    def size_bytes(self) -> int:
        """Logical size."""
        return sum(file.size_bytes for file in self.files)

    @property
    def likely_new_bytes(self) -> int:
        """What it will probably add to the store."""
        return sum(file.size_bytes for file in self.files if not file.looks_known)


@dataclass(frozen=True, slots=True)
class AddPlan:
    """Models to bring in, and what is left out."""

    models: Sequence[PlannedModel]
    skipped: Sequence[Skipped]
    move: bool
    seal: bool

    @property
    def size_bytes(self) -> int:
        """Logical size of everything in it."""
        return sum(model.size_bytes for model in self.models)

    @property
    def likely_new_bytes(self) -> int:
        """What it will probably add to the store."""
        return sum(model.likely_new_bytes for model in self.models)


def plan_add(library: Library, sources: Sequence[str], options: AddOptions) -> AddPlan:
    """Say which models adding these files and folders would make.

    Raises BadInput, NotFound or Failed for a source that cannot be added at all, Refused for a
    model of which a part is missing.
    """
    check_tags(options.tags)
    category = library.taxonomy.resolve(options.category) if options.category else None
    models: list[PlannedModel] = []
    skipped: list[Skipped] = []
    for source in sources:
        found = look(source, own_folders(library))
        skipped += found.skipped
        groups, left_out = groups_of(found, whole=options.name is not None)
        skipped += left_out
        for group in groups:
            plan = _plan_group(library, found, group, options, category, alone=len(groups) == 1)
            if isinstance(plan, Skipped):
                skipped.append(plan)
            else:
                models.append(plan)
    models = list({tuple(f.source for f in model.files): model for model in models}.values())
    if not models:
        raise BadInput(f"there is no model in {', '.join(sources)}", _why_none(skipped))
    if options.name is not None:
        if len(models) > 1:
            raise BadInput(
                f"--name names one model, and these are {len(models)}", "add them one by one"
            )
        models = [_named(library, models[0], options.name)]
    if options.move:
        _check_movable(models, [paths.absolute(source) for source in sources])
    return AddPlan(tuple(models), tuple(skipped), options.move, options.seal)


def _plan_group(
    library: Library,
    found: Found,
    group: Group,
    options: AddOptions,
    category: str | None,
    *,
    alone: bool,
) -> PlannedModel | Skipped:
    """Plan one model; among others, one that cannot be added is left out and not an error."""
    try:
        _check_complete(group)
        model = _plan_model(library, found, group, options, category)
    except ModelfsError as error:
        if alone:
            raise
        return Skipped(group.members[0], error.message)
    if not alone and _is_debris(model):
        return Skipped(group.members[0], "no model by its bytes")
    return model


def _is_debris(model: PlannedModel) -> bool:
    """Say whether a small file has the end of a model's name and nothing else of one."""
    return model.facts.format == "unknown" and model.size_bytes < _SMALLEST_BYTES


def _why_none(skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return "the folder is empty"
    first = skipped[0]
    more = f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
    return f"left out: {first.path} ({first.reason}){more}; to add a folder as one model: --name"


def _check_movable(models: Sequence[PlannedModel], roots: Sequence[Path]) -> None:
    files = {file.source for model in models for file in model.files}
    folders = {folder for file in files for folder in file.parents}
    below = {folder for folder in folders if any(paths.is_within(folder, root) for root in roots)}
    for path in sorted(files | below):
        if path.is_symlink():
            raise Refused(
                f"{path} is a link: moving it would take the file from another place",
                "add it without --move, or give what it leads to",
            )


def _check_complete(group: Group) -> None:
    if group.missing:
        raise Refused(
            f"{group.name} is not complete: {', '.join(group.missing[:3])} "
            f"{'is' if len(group.missing) == 1 else 'are'} missing",
            "add it when all its parts are there",
        )


def _plan_model(
    library: Library,
    found: Found,
    group: Group,
    options: AddOptions,
    category: str | None,
) -> PlannedModel:
    base = f"{group.folder}/" if group.folder else ""
    files: list[PlannedFile] = []
    headers: list[SourceFile] = []
    taken: dict[str, bool] = {}
    for member in sorted(group.members):
        path = _free_path(legal_path(member.removeprefix(base).split("/")), taken)
        source = found.files[member]
        with explained(f"{source} cannot be read"), open_source(source) as opened:
            sample = sample_hash(opened.fd, opened.size_bytes)
            known = bool(blobs.candidates(library.catalog, opened.size_bytes, sample))
            files.append(PlannedFile(source, path, opened.size_bytes, known))
            headers.append(SourceFile(path, opened.size_bytes, opener(source)))
    verdict = identified(found, group, headers).within(library.taxonomy)
    files = [replace(file, data_start=verdict.data_starts.get(file.path)) for file in files]
    origin = found.root / group.folder
    extension = split_extension(files[0].path)[1] if len(files) == 1 else ""
    return PlannedModel(
        name=legal_name(suggested_name(found, group)),
        extension=extension,
        name_is_asked=False,
        category=category or verdict.category,
        category_by="user" if category else "guess",
        reason="you said so" if category else verdict.reason,
        confidence="sure" if category else verdict.confidence,
        source=f"local:{_shown(origin if len(files) > 1 else files[0].source)}",
        files=tuple(files),
        tags=tuple(options.tags),
        auto_tags=tuple(tag for tag in verdict.auto_tags if check_tag(tag) is None),
        facts=verdict.facts,
        family=verdict.family,
    )


def _shown(path: Path) -> str:
    """Return a path as text that the catalogue can hold, whatever bytes are in it."""
    return str(path).encode(errors="surrogateescape").decode(errors="replace")


def _free_path(path: str, taken: dict[str, bool]) -> str:
    """Return ``path``, numbered where making names legal let it meet another one.

    ``taken`` holds what there is already, and whether it is a file: folders may be shared.
    """
    *folders, name = path.split("/")
    free = ""
    for folder in folders:
        free = _numbered(free, folder, lambda key: taken.get(key, False))
        taken[fold(free)] = False
        free += "/"
    free = _numbered(free, name, lambda key: key in taken)
    taken[fold(free)] = True
    return free


def _numbered(above: str, name: str, is_taken: Callable[[str], bool]) -> str:
    stem, extension = split_extension(name)
    number, free = 2, above + name
    while is_taken(fold(free)):
        end = f"-{number}{extension}"
        number, free = number + 1, above + shorten(stem, len(end.encode())) + end
    return free


def _named(library: Library, model: PlannedModel, name: str) -> PlannedModel:
    free = free_name(library, model.extension, name)
    return replace(model, name=free, name_is_asked=True)
