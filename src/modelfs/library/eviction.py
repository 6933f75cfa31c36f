"""Evicting: local bytes go that can be fetched again; the model stays listed.

A plan is made from the catalogue, shown, and checked again while nothing can be entered. Nothing
goes that anybody has pinned or open, or of which we could not prove that the same came back.
"""

import os
import re
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from modelfs import locks
from modelfs.catalog import blobs, models
from modelfs.catalog.filters import Filter
from modelfs.catalog.records import ModelRecord
from modelfs.holders import names_in_use
from modelfs.library.collect import unlink
from modelfs.library.library import Library, require_store
from modelfs.store import sweep
from modelfs.types import BlobId, ModelId

EVICTED_ALREADY = "evicted already"
"""The one reason to stay for which nothing would be lost."""

IsOpen = Callable[[ModelRecord], bool]
"""Says whether somebody has one of a model's files open."""

_GIVES_AGAIN = re.compile(r"hf:[^@]+@[0-9a-f]{40}(/.*)?|(ollama|civitai|ms):.+|https?://.+", re.I)


@dataclass(frozen=True, slots=True)
class EvictionPlan:
    """Models whose bytes would go, and those that were asked for and stay."""

    models: Sequence[ModelRecord]
    going: frozenset[BlobId]
    """Blobs that no model needs here which stays."""
    freed_of: Mapping[ModelId, int]
    """What each gives back, in whole blocks of the disk; what two share is with the first."""
    kept: Sequence[tuple[ModelRecord, str]]
    """Each with the reason."""

    @property
    def freed_bytes(self) -> int:
        """What letting all of them go gives back."""
        return sum(self.freed_of.values())

    @property
    def is_refused(self) -> bool:
        """Whether nothing may go although something was asked for."""
        return not self.models and any(why != EVICTED_ALREADY for _, why in self.kept)


def plan_eviction(
    library: Library, chosen: Sequence[ModelRecord], *, is_open: IsOpen
) -> EvictionPlan:
    """Say which of these models may go, all of those, and what that gives back."""
    willing, kept = _asked(chosen, is_open)
    return _Shelf(library, willing).plan(len(willing), kept)


def plan_to_fit(
    library: Library,
    wanted_bytes: int,
    *,
    is_open: IsOpen,
    among: Sequence[ModelRecord] | None = None,
) -> EvictionPlan:
    """Say which models go to free so many bytes, those first that were used longest ago.

    Without the last of them it would not be enough. Frees less when there is no more to free;
    ``kept`` are those that had their turn. Chosen among all living models unless told.
    """
    candidates = sorted(here(library) if among is None else among, key=_turn)
    willing, kept = _asked(candidates, is_open)
    shelf = _Shelf(library, willing)
    # What the first so many give back grows with their number: found by halving.
    count = bisect_left(range(len(willing) + 1), wanted_bytes, key=shelf.freed_by)
    if count > len(willing):
        return shelf.plan(len(willing), kept)
    last = _turn(willing[count - 1]) if count else (0.0, 0)
    return shelf.plan(count, [(model, why) for model, why in kept if _turn(model) < last])


def plan_older_than(library: Library, age_s: float, *, is_open: IsOpen) -> EvictionPlan:
    """Say which models go that were not used for so long, nor added since."""
    return plan_eviction(library, older_than(here(library), age_s), is_open=is_open)


def open_now(library: Library) -> IsOpen:
    """Look once at what programs have open; return what says it of a model.

    A mount has the blobs open for whoever reads through it. One with more rights than we have is
    not to be looked into, nor are other users' programs: of their files the kernel says only that
    they are open, and on some disks not even that.
    """
    used = names_in_use(library.paths.blobs)
    return lambda model: any(
        file.blob in used or _is_open(library, file.blob) for file in model.files
    )


def _is_open(library: Library, blob: BlobId) -> bool:
    try:
        fd = library.store.open(blob)
    except OSError:
        return False
    try:
        return locks.is_open_elsewhere(fd)
    finally:
        os.close(fd)


def evictable_bytes(library: Library) -> int:
    """Return what evicting everything would give back, as far as nobody has it open.

    Cheap: looks at rows only, and takes the disk's blocks for full.
    """
    willing, _ = _asked(here(library), lambda _: False)
    shelf = _Shelf(library, willing)
    sizes = {file.blob: file.size_bytes for model in willing for file in model.files}
    return sum(sizes[blob] for blob in shelf.going(len(willing)))


def surplus_bytes(library: Library, limit_bytes: int) -> int:
    """Return how much must go for all blobs, the trash's too, to take no more than this."""
    return max(0, models.summary(library.catalog).physical_bytes - limit_bytes)


def evict(library: Library, plan: EvictionPlan, *, is_open: IsOpen) -> int:
    """Let go what a plan lets go and what may still go now; return the bytes that came free.

    A crash between commit and unlinking leaves a file whose model is listed as remote; the next
    check lists it as whole again.
    """
    require_store(library.paths)
    with library.store.deleting():
        with library.catalog.write():
            # Safety: somebody may have pinned, opened, shared or removed one since the plan.
            known = models.get(library.catalog, [model.id for model in plan.models])
            now = plan_eviction(library, list(known.values()), is_open=is_open)
            going = sorted(now.going & plan.going)
            blobs.let_go(library.catalog, going)
        withdrawn = [sweep.withdraw(library.store, blob) for blob in going]
    return sum(unlink(path, sweep.disk_bytes) for path in withdrawn if path is not None)


def older_than(chosen: Sequence[ModelRecord], age_s: float) -> list[ModelRecord]:
    """Return those of these models that were not used for so long, nor added since."""
    before = time.time() - age_s
    return [model for model in chosen if used_at(model) < before]


def used_at(model: ModelRecord) -> float:
    """Return when a model was used last; one that never was counts from when it came."""
    return max(model.last_used_at or 0.0, model.added_at)


def _turn(model: ModelRecord) -> tuple[float, int]:
    """Return what puts models in the order in which they go."""
    return used_at(model), model.id


def here(library: Library) -> list[ModelRecord]:
    """Return the living models that have bytes here, or lost some."""
    living = models.find(library.catalog, Filter())
    return [model for model in living if _why_stay(model) != EVICTED_ALREADY]


def _asked(
    chosen: Sequence[ModelRecord], is_open: IsOpen
) -> tuple[list[ModelRecord], list[tuple[ModelRecord, str]]]:
    """Ask each model whether it may go, others aside."""
    willing, kept = [], []
    for model in {model.id: model for model in chosen}.values():
        why = _why_stay(model) or ("it is open" if is_open(model) else None)
        if why is None:
            willing.append(model)
        else:
            kept.append((model, why))
    return willing, kept


def _why_stay(model: ModelRecord) -> str | None:
    """Return why the bytes of a model must stay, others aside; None when they may go."""
    if model.trashed_at is not None:
        return "it is in the trash"
    if model.state == "remote" and not model.local_bytes:
        return EVICTED_ALREADY
    if model.state not in ("ok", "remote"):
        return f"it is {model.state}"
    if model.pinned:
        return "it is pinned"
    if not _GIVES_AGAIN.fullmatch(model.source):
        return _why_not_again(model.source)
    if any(file.sha256 is None for file in model.files):
        return "its SHA-256 is not known yet: modelfs verify --seal"
    return None


def _why_not_again(source: str) -> str:
    if source.startswith("hf:"):
        return "cannot be fetched again for sure: its source names no commit"
    if source.startswith("local:"):
        return "cannot be fetched again: it came from a local file"
    return "cannot be fetched again: its source is not known"


class _Shelf:
    """Models that may go, in their order, and what they share with each other and with the rest."""

    def __init__(self, library: Library, willing: Sequence[ModelRecord]) -> None:
        self._library = library
        self._willing = willing
        self._sizes: dict[BlobId, int] = {}

    @cached_property
    def _needing(self) -> Mapping[BlobId, set[ModelId]]:
        """Who needs a blob here: all who name it but those that are evicted themselves."""
        here = {f.blob for model in self._willing for f in model.files if f.state == "ok"}
        needing: dict[BlobId, set[ModelId]] = defaultdict(set)
        for model in models.with_blobs(self._library.catalog, list(here)):
            is_away = model.state == "remote" and _why_stay(model) in (None, EVICTED_ALREADY)
            for file in model.files:
                if file.blob in here:
                    needing[file.blob] |= set() if is_away else {model.id}
        return needing

    def going(self, count: int) -> set[BlobId]:
        """Return the blobs that go with the first so many models."""
        first = self._willing[:count]
        ids = {model.id for model in first}
        here = {file.blob for model in first for file in model.files if file.state == "ok"}
        return {blob for blob in here if self._needing[blob] <= ids}

    def freed_by(self, count: int) -> int:
        """Return what the first so many models give back."""
        return sum(map(self._disk_bytes, self.going(count)))

    def plan(self, count: int, kept: Sequence[tuple[ModelRecord, str]]) -> EvictionPlan:
        """Return the plan in which the first so many models go that free anything."""
        going = self.going(count)
        gone: list[ModelRecord] = []
        stay = list(kept)
        for model in self._willing[:count]:
            if any(file.blob in going and self._disk_bytes(file.blob) for file in model.files):
                gone.append(model)
            else:
                stay.append((model, self._why_nothing(model, going)))
        freed_of: dict[ModelId, int] = {}
        counted: set[BlobId] = set()
        for model in gone:
            fresh = {file.blob for file in model.files} & going - counted
            freed_of[model.id] = sum(map(self._disk_bytes, fresh))
            counted |= fresh
        return EvictionPlan(tuple(gone), frozenset(counted), freed_of, tuple(stay))

    def _why_nothing(self, model: ModelRecord, going: set[BlobId]) -> str:
        needing = {id_ for file in model.files for id_ in self._needing[file.blob]} - {model.id}
        if any(file.blob in going for file in model.files) or not needing:
            return "it would free nothing on the disk"
        others = models.get(self._library.catalog, needing)
        return f"all its bytes are also those of {', '.join(m.entry_name for m in others.values())}"

    def _disk_bytes(self, blob: BlobId) -> int:
        if blob not in self._sizes:
            try:
                status = os.lstat(self._library.store.path(blob))
                self._sizes[blob] = sweep.disk_bytes(status)
            except OSError:
                self._sizes[blob] = 0
        return self._sizes[blob]
