"""Where one model appears: a function of that model alone, so that a change touches only it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from modelfs.catalog.records import ModelRecord
from modelfs.names import alternatives, fold
from modelfs.types import ModelId

BY_CATEGORY = "by-category"
BY_TAG = "by-tag"
BY_TOOL = "by-tool"
INBOX = "inbox"


class ToolRule(Protocol):
    """Which models appear in one folder of a tool."""

    @property
    def folder(self) -> tuple[str, ...]:
        """The folder, relative to the tool's."""

    def takes(self, category: str, extension: str, *, is_single: bool) -> bool:
        """Say whether a model belongs into it."""


class ToolLayout(Protocol):
    """What the views need of the description of a tool."""

    @property
    def tool(self) -> str:
        """The name of the tool's folder."""

    @property
    def folders(self) -> Sequence[tuple[str, ...]]:
        """Folders that exist even when empty."""

    @property
    def rules(self) -> Sequence[ToolRule]:
        """What appears where."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A model's wish for a name in a folder."""

    model: ModelId
    name: str
    extension: str
    publisher: str | None
    short_id: str

    @property
    def key(self) -> str:
        """What two names have in common when they clash."""
        return fold(self.name + self.extension)


@dataclass(frozen=True, slots=True)
class Placement:
    """A model's claim in one folder of the mount."""

    folder: tuple[str, ...]
    claim: Claim


def placements(model: ModelRecord, layouts: Sequence[ToolLayout]) -> list[Placement]:
    """Return every listed place of a living model; nothing for one in the trash."""
    if model.trashed_at is not None:
        return []
    claim = Claim(
        model.id,
        model.name,
        model.extension if model.is_single else "",
        model.publisher,
        model.short_id,
    )
    folders = [(BY_CATEGORY, *model.category.split("/"))]
    folders += [(BY_TAG, tag) for tag in model.tags]
    folders += _tool_folders(model, layouts)
    return [Placement(folder, claim) for folder in folders]


def _tool_folders(model: ModelRecord, layouts: Sequence[ToolLayout]) -> list[tuple[str, ...]]:
    found: dict[tuple[str, ...], None] = {}
    for layout in layouts:
        for rule in layout.rules:
            if rule.takes(model.category, model.extension, is_single=model.is_single):
                found[(BY_TOOL, layout.tool, *rule.folder)] = None
    return list(found)


def settle(claims: Iterable[Claim], folder_names: Iterable[str]) -> dict[str, ModelId]:
    """Give every claim a name of its own, the same way whatever came first or last.

    Folders keep their names; among models the oldest keeps its name, the others gain their
    publisher, then a short id.
    """
    settled: dict[str, ModelId] = {}
    taken = {fold(name) for name in folder_names}
    losers: list[Claim] = []
    for claim in sorted(claims, key=lambda claim: claim.model):
        if claim.key in taken:
            losers.append(claim)
        else:
            taken.add(claim.key)
            settled[claim.name + claim.extension] = claim.model
    for claim in losers:
        names = alternatives(claim.name, claim.publisher, claim.short_id, claim.extension)
        name = next(name for name in names[1:] if fold(name + claim.extension) not in taken)
        taken.add(fold(name + claim.extension))
        settled[name + claim.extension] = claim.model
    return settled
