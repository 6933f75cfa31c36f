"""Removing in two steps: to the trash, which frees nothing, and out of it, which does.

A plan says what would go and what that gives back before anything happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelfs.catalog import blobs, edit
from modelfs.catalog.records import NOT_HERE, ModelRecord
from modelfs.errors import Refused
from modelfs.library.collect import delete_blobs
from modelfs.library.library import Library
from modelfs.library.select import renewed
from modelfs.names import alternatives
from modelfs.types import BlobId


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """Models to remove, and what removing them for good gives back."""

    models: Sequence[ModelRecord]
    going: frozenset[BlobId]
    """Blobs that nothing else names."""
    freed_bytes: int
    """Their bytes, as far as they are there; freed when the models leave the trash."""
    shared_bytes: int
    """Bytes that stay because other models have them too."""

    @property
    def pinned(self) -> list[ModelRecord]:
        """The pinned ones, which are named before they go."""
        return [model for model in self.models if model.pinned]

    @property
    def irreplaceable(self) -> list[ModelRecord]:
        """Those that lose bytes which cannot be fetched again: from no hub and no address."""
        return [
            model
            for model in self.models
            if model.source.startswith("local:")
            and any(file.blob in self.going for file in model.files)
        ]


def plan_removal(library: Library, chosen: Sequence[ModelRecord]) -> RemovalPlan:
    """Say what removing these models, together, would give back."""
    if not chosen:
        return RemovalPlan((), frozenset(), 0, 0)
    freed = blobs.only_in(library.catalog, [model.id for model in chosen])
    files = (file for model in chosen for file in model.files)
    everything = {file.blob: file.size_bytes for file in files if file.state not in NOT_HERE}
    freed_bytes = sum(blob.size_bytes for blob in freed if blob.state not in NOT_HERE)
    going = frozenset(blob.id for blob in freed)
    shared = sum(size for blob, size in everything.items() if blob not in going)
    return RemovalPlan(tuple(chosen), going, freed_bytes, shared)


def check_removable(plan: RemovalPlan, *, pinned_too: bool) -> None:
    """Raise Refused when a plan has pinned models and nobody asked for these too."""
    if plan.pinned and not pinned_too:
        names = ", ".join(model.entry_name for model in plan.pinned)
        raise Refused(f"pinned: {names}", "modelfs unpin them first, or give --pinned-too")


def remove(library: Library, plan: RemovalPlan, *, pinned_too: bool = False) -> None:
    """Move a plan's models to the trash. Raises Refused for pinned ones unless asked for."""
    with library.catalog.write():
        # Safety: somebody may have pinned one since the plan.
        going = renewed(library, plan.models, trashed=False)
        check_removable(replace(plan, models=going), pinned_too=pinned_too)
        for model in going:
            edit.trash(library.catalog, model)


def restore(library: Library, chosen: Sequence[ModelRecord]) -> list[tuple[ModelRecord, str]]:
    """Bring models back from the trash; return each with the entry name it has now.

    A name that was taken meanwhile gains what a new model of that name would gain.
    """
    restored = []
    with library.catalog.write():
        for model in renewed(library, chosen, trashed=True):
            names = alternatives(model.name, model.publisher, model.short_id, model.extension)
            name = next(
                name
                for name in names
                if not edit.entry_taken(library.catalog, name, model.extension)
            )
            edit.restore(library.catalog, model, name)
            restored.append((model, name + model.extension))
    return restored


def empty_trash(library: Library, plan: RemovalPlan) -> int:
    """Delete a plan's models for good, with the blobs that nothing else names.

    Returns the bytes that came free. Interrupted, it leaves blobs for ``gc``, never a model
    without its bytes.
    """
    with library.catalog.write():
        # Safety: only what is in the trash still; somebody may have restored one since the plan.
        going = renewed(library, plan.models, trashed=True)
        candidates = blobs.only_in(library.catalog, [model.id for model in going])
        for model in going:
            edit.forget(library.catalog, model)
    return delete_blobs(library, [blob.id for blob in candidates])
