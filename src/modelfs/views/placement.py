"""Where one model appears: a function of that model and what goes with it, and of nothing else.

So a change of a model touches only its own places, and those of its kin that show it too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from modelfs.catalog.records import ModelRecord
from modelfs.names import alternatives, fold
from modelfs.types import FileId, ModelId

BY_CATEGORY = "by-category"
BY_TAG = "by-tag"
BY_TOOL = "by-tool"
INBOX = "inbox"

NO_MODEL = ModelId(0)
"""Whose claims are what a layout itself makes up."""

Part = FileId | bytes | None
"""What an entry shows: one file, a text that is made up, or, with None, the whole model."""

Sharing = Literal["no", "oldest", "newest"]
"""Whether a name says all about its content, so that models share it; and whose is shown."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A model's wish for a name in a folder."""

    model: ModelId
    name: str
    extension: str
    publisher: str | None
    short_id: str
    part: Part = None
    sharing: Sharing = "no"

    @property
    def key(self) -> str:
        """What two names have in common when they clash."""
        return fold(self.name + self.extension)

    @property
    def target(self) -> tuple[ModelId, Part]:
        """What it leads to."""
        return self.model, self.part


@dataclass(frozen=True, slots=True)
class Placement:
    """A claim in one folder of the mount; with None the folder is there, even if empty."""

    folder: tuple[str, ...]
    claim: Claim | None


def general_places(model: ModelRecord) -> list[Placement]:
    """Return a living model's places by category and by tag."""
    claim = whole(model, model.name)
    folders = [(BY_CATEGORY, *model.category.split("/"))]
    folders += [(BY_TAG, tag) for tag in model.tags]
    return [Placement(folder, claim) for folder in folders]


def whole(model: ModelRecord, name: str) -> Claim:
    """Return the claim of a whole model under some name."""
    extension = model.extension if model.is_single else ""
    return Claim(model.id, name, extension, model.publisher, model.short_id)


def settle(
    claims: Mapping[ModelId, Sequence[Claim]], folder_names: Iterable[str]
) -> dict[str, Claim]:
    """Give every claim a name of its own, the same way whatever came first or last.

    Folders keep their names; among models the oldest keeps its name, the others gain their
    publisher, then a short id. What belongs together, the claims of one model, changes together.
    """
    settled: dict[str, Claim] = {}
    folders = frozenset(folder_names)
    taken = {fold(name) for name in folders}
    losers: list[Sequence[Claim]] = []
    for model in sorted(claims):
        own = claims[model]
        if not own:
            continue
        if own[0].sharing != "no":
            _share(own, settled, folders)
        elif any(claim.key in taken for claim in own):
            losers.append(own)
        else:
            taken.update(claim.key for claim in own)
            settled.update((claim.name + claim.extension, claim) for claim in own)
    for own in losers:
        choices = [
            alternatives(claim.name, claim.publisher, claim.short_id, claim.extension)[1:]
            for claim in own
        ]
        for names in zip(*choices, strict=False):
            full = [name + claim.extension for name, claim in zip(names, own, strict=True)]
            if taken.isdisjoint(map(fold, full)):
                break
        taken.update(map(fold, full))
        settled.update(zip(full, own, strict=True))
    return settled


def _share(own: Sequence[Claim], settled: dict[str, Claim], folders: frozenset[str]) -> None:
    for claim in own:
        name = claim.name + claim.extension
        if name not in folders and (claim.sharing == "newest" or name not in settled):
            settled[name] = claim
