"""Looking at models again, after the tables of identification changed: a plan, then doing it.

What a person chose stays: a category set by hand, tags typed, tags taken off.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from modelfs import identify
from modelfs.catalog import changes, edit, kinship, models
from modelfs.catalog.records import ModelRecord, facts_row
from modelfs.identify import Identification
from modelfs.library.gathering import words_of_source
from modelfs.library.library import Library
from modelfs.library.select import renewed
from modelfs.library.told import told_tags, with_told
from modelfs.names import check_tag
from modelfs.progress import Progress, Report, silent
from modelfs.types import BlobId, SourceFile


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What looking at a model again says that its rows do not."""

    model: ModelRecord
    verdict: Identification
    category: str
    auto_tags: Sequence[str]

    @property
    def moves(self) -> bool:
        """Whether its place in the mount changes."""
        return self.category != self.model.category

    @property
    def differences(self) -> list[str]:
        """What changes, in words: ``category``, ``tags`` and the names of facts."""
        old, new = self.model.facts, self.verdict.facts
        found = ["category"] if self.moves else []
        found += ["tags"] if set(self.auto_tags) != set(self.model.auto_tags) else []
        for name in ("format", "architecture", "quant", "parameters", "base_model"):
            found += [name] if getattr(old, name) != getattr(new, name) else []
        names = old.details.keys() | new.details.keys()
        pairs = ((name, old.details.get(name), new.details.get(name)) for name in sorted(names))
        found += [name for name, before, after in pairs if _plain(before) != _plain(after)]
        found += ["reasons"] if list(old.reasons) != list(new.reasons) else []
        found += ["warnings"] if list(old.warnings) != list(new.warnings) else []
        return found + (["family"] if self.model.family != self.verdict.family else [])


def _plain(value: object) -> object:
    """A tuple comes back from the catalogue as a list."""
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class RefreshPlan:
    """What looking again would change."""

    changed: Sequence[Refreshed]
    same: Sequence[ModelRecord]
    unread: Sequence[ModelRecord]
    """Models with files that are damaged, missing or not here."""


def plan_refresh(
    library: Library, chosen: Sequence[ModelRecord], report: Report = silent
) -> RefreshPlan:
    """Say what identification makes of these models now. Reads headers only, changes nothing."""
    changed: list[Refreshed] = []
    same: list[ModelRecord] = []
    unread: list[ModelRecord] = []
    for number, model in enumerate(chosen):
        report(Progress("looking at", model.entry_name, number, len(chosen), "things"))
        try:
            found = _look(library, model)
        except OSError:
            unread.append(model)
            continue
        if found.differences or _misses_starts(library, found):
            changed.append(found)
        else:
            same.append(model)
    return RefreshPlan(changed, same, unread)


def _look(library: Library, model: ModelRecord) -> Refreshed:
    headers = [
        SourceFile(_shown_path(model, file.path), file.size_bytes, _opener(library, file.blob))
        for file in model.files
    ]
    words = " ".join((*words_of_source(model.source), model.name))
    verdict = identify.identify(headers, words, model.name).within(library.taxonomy)
    kept = model.category_by == "user"
    typed = set(model.tags) - set(model.auto_tags)
    unwanted = changes.untagged(library.catalog, model.id) | typed
    told = models.told(library.catalog, model.id)
    verdict = replace(verdict, facts=with_told(verdict.facts, told))
    said = dict.fromkeys([*verdict.auto_tags, *told_tags(told)])
    tags = [tag for tag in said if check_tag(tag) is None and tag not in unwanted]
    return Refreshed(model, verdict, model.category if kept else verdict.category, tags)


def _shown_path(model: ModelRecord, path: str) -> str:
    """A single file may have been renamed since: its entry's name is what people know."""
    return model.entry_name if model.is_single else path


def _opener(library: Library, blob: BlobId) -> Callable[[], BinaryIO]:
    return lambda: os.fdopen(library.store.open(blob), "rb")


def _misses_starts(library: Library, found: Refreshed) -> bool:
    """Say whether the catalogue does not know yet where the tensors of a file begin."""
    starts = found.verdict.data_starts
    files = {f.blob: _shown_path(found.model, f.path) for f in found.model.files}
    unknown = kinship.without_start(library.catalog, files)
    return any(starts.get(files[blob]) for blob in unknown)


def apply_refresh(library: Library, plan: RefreshPlan) -> list[Refreshed]:
    """Write what the plan says in one transaction; return what was written.

    A model that was changed or removed since the plan was made keeps what was said of it.
    """
    done = []
    with library.catalog.write():
        now = {m.id: m for m in renewed(library, [found.model for found in plan.changed])}
        for found in plan.changed:
            model = now.get(found.model.id)
            if model is None or _choices(model) != _choices(found.model):
                continue
            _apply(library, found)
            done.append(found)
    return done


def _choices(model: ModelRecord) -> tuple[object, ...]:
    return model.category, model.category_by, model.name, sorted(model.tags)


def _apply(library: Library, found: Refreshed) -> None:
    if found.differences:
        row = {**facts_row(found.verdict.facts), "family": found.verdict.family}
        row |= {"category": found.category} if found.moves else {}
        edit.refresh(library.catalog, found.model, row, found.auto_tags)
    for file in found.model.files:
        start = found.verdict.data_starts.get(_shown_path(found.model, file.path))
        if start:
            kinship.remember_start(library.catalog, file.blob, start)
