"""What adding would do, as a value: which models, of which files, under which names.

Planning reads headers and samples, never whole files, and changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from modelfs.library.told import told_tags, with_told
from modelfs.names import check_tag, fold, legal_name, legal_path, shorten, split_extension
from modelfs.store import Staged, open_source
from modelfs.store.trouble import explained
from modelfs.types import BlobId, Facts, ModelId, SourceFile

_SMALLEST_BYTES = 1024
"""Below this, what no reader knows is taken for no model when it comes in a folder of others."""


_REPOSITORIES = ("hf:", "ms:")
"""Sources with folders in them."""


@dataclass(frozen=True, slots=True)
class AddOptions:
    """What a person may say when adding."""

    name: str | None = None
    category: str | None = None
    tags: Sequence[str] = ()
    move: bool = False
    seal: bool = False
    notes: str = ""
    pinned: bool = False


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
    held: BlobId | None = None
    """The blob that is known to have these bytes."""
    staged: Staged | None = None
    """What is in ``staging/`` already, hashed and durable."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where fetched files are from, and how far they have come. By their paths as found."""

    source: str
    told: Mapping[str, object] = field(default_factory=dict)
    """What the source says of them: ``asked``, ``facts``, ``tags``."""
    held: Mapping[str, BlobId] = field(default_factory=dict)
    staged: Mapping[str, Staged] = field(default_factory=dict)

    def source_of(self, group: Group) -> str:
        """Return the source of one model: a repository's says in which folder it lies."""
        inside = group.folder and self.source.startswith(("hf:", "ms:"))
        return f"{self.source}/{group.folder}" if inside else self.source


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
    told: Mapping[str, object] = field(default_factory=dict)
    """What its source says of it."""
    notes: str = ""
    pinned: bool = False
    replaces: ModelId | None = None
    """The model whose place it takes."""

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
    models: list[PlannedModel] = []
    skipped: list[Skipped] = []
    for source in sources:
        found = look(source, own_folders(library))
        plan = plan_found(library, found, options)
        skipped += plan.skipped
        models += plan.models
    models = list({tuple(f.source for f in model.files): model for model in models}.values())
    if not models:
        raise BadInput(f"there is no model in {', '.join(sources)}", _why_none(skipped))
    if options.name is not None:
        models = [named(library, models, options.name)]
    if options.move:
        _check_movable(models, [paths.absolute(source) for source in sources])
    return AddPlan(tuple(models), tuple(skipped), options.move, options.seal)


def plan_found(
    library: Library, found: Found, options: AddOptions, origin: Origin | None = None
) -> AddPlan:
    """Say which models these files make; none, perhaps. ``origin`` tells of fetched ones.

    Raises as ``plan_add``. Names are those of the files: the name of ``options`` is not applied.
    """
    check_tags(options.tags)
    category = library.taxonomy.resolve(options.category) if options.category else None
    models: list[PlannedModel] = []
    skipped = list(found.skipped)
    groups, left_out = groups_of(found, whole=options.name is not None and origin is None)
    skipped += left_out
    for group in groups:
        alone = len(groups) == 1
        plan = _plan_group(library, found, group, options, category, origin, alone=alone)
        if isinstance(plan, Skipped):
            skipped.append(plan)
        else:
            models.append(plan)
    return AddPlan(tuple(models), tuple(skipped), options.move, options.seal)


def _plan_group(
    library: Library,
    found: Found,
    group: Group,
    options: AddOptions,
    category: str | None,
    origin: Origin | None,
    *,
    alone: bool,
) -> PlannedModel | Skipped:
    """Plan one model; among others, one that cannot be added is left out and not an error."""
    try:
        _check_complete(group)
        model = _plan_model(library, found, group, options, category, origin)
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
    origin: Origin | None,
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
            held = origin.held.get(member) if origin else None
            staged = origin.staged.get(member) if origin else None
            known = bool(held or blobs.candidates(library.catalog, opened.size_bytes, sample))
            size_bytes = opened.size_bytes
            files.append(PlannedFile(source, path, size_bytes, known, held=held, staged=staged))
            headers.append(SourceFile(path, opened.size_bytes, opener(source)))
    verdict = identified(found, group, headers).within(library.taxonomy)
    files = [replace(file, data_start=verdict.data_starts.get(file.path)) for file in files]
    place = found.root / group.folder
    local = f"local:{_shown(place if len(files) > 1 else files[0].source)}"
    told = origin.told if origin else {}
    tags = dict.fromkeys([*verdict.auto_tags, *told_tags(told)])
    extension = split_extension(files[0].path)[1] if len(files) == 1 else ""
    return PlannedModel(
        name=legal_name(suggested_name(found, group)),
        extension=extension,
        name_is_asked=False,
        category=category or verdict.category,
        category_by="user" if category else "guess",
        reason="you said so" if category else verdict.reason,
        confidence="sure" if category else verdict.confidence,
        source=origin.source_of(group) if origin else local,
        files=tuple(files),
        tags=tuple(options.tags),
        auto_tags=tuple(tag for tag in tags if check_tag(tag) is None),
        facts=with_told(verdict.facts, told),
        family=verdict.family,
        told=told,
        notes=options.notes,
        pinned=options.pinned,
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


def named(library: Library, models: Sequence[PlannedModel], name: str) -> PlannedModel:
    """Return the one model that is to have a name; raises BadInput for several, or a taken one."""
    if len(models) > 1:
        raise BadInput(
            f"--name names one model, and these are {len(models)}", "add them one by one"
        )
    model = models[0]
    free = free_name(library, model.extension, name)
    return replace(model, name=free, name_is_asked=True)
