"""The catalogue's rows as values: what it gives, and what it takes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from modelfs.types import BlobId, ChangeId, Facts, FileId, ModelId

State = Literal["ok", "damaged", "missing", "remote"]
"""Of a copy; ``remote``: let go on purpose, and its source can give it again."""
NOT_HERE: tuple[State, ...] = ("missing", "remote")
"""States of copies that take no space."""
DAMAGE: tuple[State, ...] = ("damaged", "missing")
"""States that nobody wanted."""
Action = Literal[
    "add",
    "tag",
    "untag",
    "set",
    "pin",
    "unpin",
    "rm",
    "restore",
    "empty",
    "damage",
    "heal",
    "evict",
    "update",
    "init",
    "category",
    "move",
    "return",
    "recover",
    "refresh",
    "seal",
]


@dataclass(frozen=True, slots=True)
class BlobRecord:
    """A blob and the state of the store's copy."""

    id: BlobId
    size_bytes: int
    sha256: str | None = None
    state: State = "ok"
    checked_at: float | None = None
    data_start: int | None = None
    """Where its tensors begin, if they are in one piece behind a header."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A path inside a model, bound to one blob."""

    id: FileId
    path: str
    blob: BlobId
    size_bytes: int
    mtime_ns: int
    sha256: str | None = None
    state: State = "ok"


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """Everything about one model. ``tags`` are sorted; ``auto_tags`` is a subset of them."""

    id: ModelId
    name: str
    extension: str
    category: str
    category_by: str
    source: str
    facts: Facts
    notes: str
    pinned: bool
    added_at: float
    changed_at: float
    trashed_at: float | None
    files: Sequence[FileRecord]
    tags: Sequence[str]
    auto_tags: Sequence[str]
    last_used_at: float | None = None
    family: str | None = None
    """What it has in common with its other quantisations, formats and uploads."""

    @property
    def entry_name(self) -> str:
        """The name it has in a folder: with its extension when it is a single file."""
        return self.name + self.extension

    @property
    def is_single(self) -> bool:
        """Whether it is shown as one file and not as a folder."""
        return len(self.files) == 1

    @property
    def size_bytes(self) -> int:
        """Logical size: the sum of its files."""
        return sum(file.size_bytes for file in self.files)

    @property
    def short_id(self) -> str:
        """Six digits of its largest file's content: tells models of one name apart."""
        if not self.files:  # only in a damaged catalogue
            return f"{self.id:06x}"
        return max(self.files, key=lambda file: (file.size_bytes, file.path)).blob[:6]

    @property
    def publisher(self) -> str | None:
        """The organisation in its source, if the source says one."""
        kind, _, rest = self.source.partition(":")
        repository = rest.partition("@")[0]
        return repository.split("/")[0] if kind == "hf" and "/" in repository else None

    @property
    def state(self) -> State:
        """The worst state of its files."""
        states = {file.state for file in self.files} or {"missing"}
        worst_first: tuple[State, ...] = ("missing", "damaged", "remote", "ok")
        return next(state for state in worst_first if state in states)

    @property
    def local_bytes(self) -> int:
        """Bytes of its blobs that are here and whole, a shared blob counted once."""
        return sum(
            {file.blob: file.size_bytes for file in self.files if file.state == "ok"}.values()
        )


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file of a model about to be written."""

    path: str
    blob: BlobId
    size_bytes: int
    sample: str
    sha256: str | None
    mtime_ns: int
    data_start: int | None = None
    """Where its tensors begin, if they are in one piece behind a header."""
    data_hash: str | None = None
    """The XXH3-128 of all bytes from there."""


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model about to be written; its blobs are durable already."""

    name: str
    extension: str
    category: str
    category_by: Literal["guess", "user"]
    source: str
    facts: Facts
    files: Sequence[NewFile]
    tags: Sequence[str] = ()
    auto_tags: Sequence[str] = ()
    family: str | None = None
    told: Mapping[str, object] = field(default_factory=dict)
    """What its source says of it: ``asked``, ``facts``, ``tags``."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the change log."""

    id: ChangeId
    at: float
    action: Action
    model: ModelId
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The library in numbers. Physical counts each blob once, trash included."""

    models: int
    logical_bytes: int
    physical_bytes: int
    trash_bytes: int
    """What emptying the trash would give back."""
    damaged: int
    """Models with damaged or missing files."""
    remote: int
    """Models without damage of which files were let go."""
    by_category: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Category to its number of models and their logical bytes."""


def facts_to_json(facts: Facts) -> str:
    """Write the part of the facts that has no column of its own."""
    content = {
        "details": dict(facts.details),
        "reasons": list(facts.reasons),
        "warnings": list(facts.warnings),
    }
    return json.dumps(content, ensure_ascii=False, sort_keys=True)


def facts_row(facts: Facts) -> dict[str, object]:
    """Return the facts as columns of ``model``."""
    return {
        "format": facts.format,
        "architecture": facts.architecture,
        "quant": facts.quant,
        "parameters": facts.parameters,
        "base_model": facts.base_model,
        "facts": facts_to_json(facts),
    }
