"""The library as plain dictionaries of bytes: what there is, and what follows from it.

Nothing here comes from the product but the forms of its answers. A blob is known by its bytes;
its id is computed only to compare.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field

import xxhash


class Unable(Exception):
    """What was asked for does not go; says which error a person gets."""


def blob_id(data: bytes) -> str:
    """Return the id under which these bytes are stored."""
    return xxhash.xxh3_128_hexdigest(data)


def folded(name: str) -> str:
    """Return what two names have in common when they clash."""
    return unicodedata.normalize("NFC", name).casefold()


@dataclass
class PlainModel:
    """A model: its files by path, and what is said about it."""

    id: int
    name: str
    extension: str
    files: dict[str, bytes]
    category: str
    category_by: str
    source: str
    format: str
    architecture: str | None
    tags: dict[str, bool]
    """Each tag, and whether somebody typed it."""
    notes: str = ""
    pinned: bool = False
    trashed: bool = False

    @property
    def entry_name(self) -> str:
        return self.name + self.extension

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.files.values()))

    @property
    def short_id(self) -> str:
        """Return six digits of the largest file's id."""
        path = max(self.files, key=lambda path: (len(self.files[path]), path))
        return blob_id(self.files[path])[:6]

    def names(self) -> Iterator[str]:
        """Give the names that it may get, best first."""
        yield self.name
        for end in [f"-{self.short_id}", *(f"-{self.short_id}-{n}" for n in range(2, 99))]:
            room = 255 - len((end + self.extension).encode())
            kept = self.name.encode()[:room].decode(errors="ignore")
            yield kept.rstrip(". ") + end if kept != self.name else kept + end

    def text(self) -> str:
        """Return everything that a search may find."""
        said = [self.entry_name, self.category, self.source, self.format, self.architecture or ""]
        return " ".join([*said, self.notes, *self.tags, *self.files]).lower()


@dataclass
class Line:
    """One line of the change log: what it says that undo needs."""

    action: str
    model: int
    before: dict[str, object] = field(default_factory=dict)
    """What the model had, by attribute; its keys are what the line stands on."""


@dataclass
class PlainLibrary:
    """Everything that a library holds."""

    models: dict[int, PlainModel] = field(default_factory=dict)
    last_id: int = 0
    states: dict[bytes, str] = field(default_factory=dict)
    """What the catalogue thinks of each blob it knows."""
    sealed: set[bytes] = field(default_factory=set)
    disk: dict[bytes, bytes] = field(default_factory=dict)
    """What really lies in the place of a blob: other bytes when it is damaged."""
    set_aside: Counter[tuple[bytes, bytes]] = field(default_factory=Counter)
    """Damaged bytes in the quarantine, by the blob they were to be."""
    loose: set[bytes] = field(default_factory=set)
    """Blobs whose mode lets people write."""
    log: list[Line] = field(default_factory=lambda: [Line("init", 0)])
    categories: set[str] = field(default_factory=set)
    """Those that were added to the shipped ones."""
    stages: "list[PlainLibrary] | None" = field(default=None, compare=False)
    """A copy after each transaction, while somebody wants to know."""

    def committed(self) -> None:
        """Note that what was done so far is durable."""
        if self.stages is not None:
            self.stages.append(self.copy())

    def copy(self) -> "PlainLibrary":
        """Return a library of its own that holds the same."""
        stages, self.stages = self.stages, None
        made = deepcopy(self)
        self.stages = stages
        return made

    def living(self) -> list[PlainModel]:
        """Return the models out of the trash, oldest first."""
        return [self.models[id_] for id_ in sorted(self.models) if not self.models[id_].trashed]

    def trash(self) -> list[PlainModel]:
        """Return the models in the trash, oldest first."""
        return [self.models[id_] for id_ in sorted(self.models) if self.models[id_].trashed]

    def is_taken(self, entry_name: str, but: int = 0) -> bool:
        """Say whether a living model has this name, as disks that ignore case see it."""
        wanted = folded(entry_name)
        return any(folded(m.entry_name) == wanted and m.id != but for m in self.living())

    def holders(self, data: bytes) -> list[int]:
        """Return the models that have these bytes, in the trash or not."""
        return [id_ for id_ in sorted(self.models) if data in self.models[id_].files.values()]

    def named(self) -> set[bytes]:
        """Return all bytes that any model has."""
        return {data for model in self.models.values() for data in model.files.values()}

    def only_in(self, ids: Iterable[int]) -> set[bytes]:
        """Return the bytes that go when these models go."""
        chosen = set(ids)
        theirs = {data for id_ in chosen for data in self.models[id_].files.values()}
        return {data for data in theirs if set(self.holders(data)) <= chosen}

    def state(self, model: PlainModel) -> str:
        """Return the worst state of a model's files."""
        found = {self.states[data] for data in model.files.values()}
        return next(state for state in ("missing", "damaged", "ok") if state in found)

    def set_state(self, data: bytes, state: str) -> None:
        """Note what became of a blob, for every model that has it."""
        if self.states[data] != state:
            action = "heal" if state == "ok" else "damage"
            self.states[data] = state
            self.log += [Line(action, id_, {blob_id(data): ""}) for id_ in self.holders(data)]

    def listed(self, model: PlainModel) -> dict[str, object]:
        """Return what is to be seen of a model, in the words of ``show --json``."""
        sharing = [o for data in model.files.values() for o in self.holders(data)]
        return {
            "id": model.id,
            "name": model.name,
            "entry_name": model.entry_name,
            "category": model.category,
            "category_by": model.category_by,
            "tags": sorted(model.tags),
            "auto_tags": sorted(tag for tag, typed in model.tags.items() if not typed),
            "format": model.format,
            "architecture": model.architecture,
            "size_bytes": model.size_bytes,
            "local_bytes": sum(
                len(data) for data in set(model.files.values()) if self.states[data] == "ok"
            ),
            "files": [(path, *self._seen(model.files[path])) for path in sorted(model.files)],
            "source": model.source,
            "notes": model.notes,
            "pinned": model.pinned,
            "state": "trashed" if model.trashed else self.state(model),
            "siblings": sorted(
                (
                    other.entry_name
                    for other in self.living()
                    if other.id in sharing and other.id != model.id
                ),
                key=folded,
            ),
        }

    def _seen(self, data: bytes) -> tuple[int, str, bool, str]:
        return len(data), blob_id(data), data in self.sealed, self.states[data]

    def numbers(self) -> dict[str, object]:
        """Return the library in numbers, as ``status`` and ``du`` give them."""
        here = {data for data, state in self.states.items() if state != "missing"}
        out_of_sight = self.only_in(model.id for model in self.trash())
        by_category: dict[str, tuple[int, int]] = {}
        for model in self.living():
            number, size_bytes = by_category.get(model.category, (0, 0))
            by_category[model.category] = (number + 1, size_bytes + model.size_bytes)
        return {
            "models": len(self.living()),
            "logical_bytes": sum(model.size_bytes for model in self.living()),
            "physical_bytes": sum(map(len, here)),
            "trash_bytes": sum(len(data) for data in here & out_of_sight),
            "damaged": sum(self.state(model) != "ok" for model in self.living()),
            "by_category": by_category,
        }

    def tag_counts(self) -> list[tuple[str, int, bool]]:
        """Return each tag of living models, how many have it, and whether anybody typed it."""
        found: dict[str, list[bool]] = {}
        for model in self.living():
            for tag, typed in model.tags.items():
                found.setdefault(tag, []).append(typed)
        return [(tag, len(found[tag]), any(found[tag])) for tag in sorted(found)]
