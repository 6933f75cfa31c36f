"""Making the next tree out of one and what changes: only what is touched is new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelfs.catalog.records import ModelRecord
from modelfs.types import FileId, ModelId
from modelfs.views.folder import Folder
from modelfs.views.nodes import FileNode, FolderPath, TreeDiff, with_parents
from modelfs.views.placement import Claim, Placement

if TYPE_CHECKING:
    from modelfs.views.tree import Tree


class Edit:
    """The next tree while it is being made: copies of only what is touched."""

    def __init__(self, old: Tree, mtime_ns: int) -> None:
        self.models = dict(old.models)
        self.files = dict(old.files)
        self.views = dict(old.views)
        self.links = dict(old.links)
        self.families = dict(old.families)
        self._old = old
        self._mtime_ns = mtime_ns
        self._touched: set[FolderPath] = set()
        self._touched_files: set[FileId] = set()
        self._opened: dict[FolderPath, _Open] = {}
        self._shared: set[FolderPath] = set()
        """Touched folders where other names that models share may be shown now."""

    def carry_out(self, wanted: Mapping[ModelId, ModelRecord | None]) -> None:
        """Put, replace or remove models; only folders where something comes or goes are touched."""
        for model_id, model in wanted.items():
            self._replace(model_id, model)
        for model_id in dict.fromkeys([*wanted, *self._showing(wanted)]):
            before, now = self._old.models.get(model_id), self.models.get(model_id)
            old = self._places(before, self._old.families, self._old.models)
            new = self._places(now, self.families, self.models)
            self._place(model_id, old, new)
        for folder in self._shared:
            self._count_shown(self._old.views.get(folder), -1)
            self._count_shown(self.views.get(folder), +1)

    def _replace(self, model_id: ModelId, model: ModelRecord | None) -> None:
        before = self.models.pop(model_id, None)
        for file in before.files if before else ():
            del self.files[file.id]
            self._touched_files.add(file.id)
        if before is not None and before.family:
            self.families[before.family] -= {model_id}
        if model is not None:
            self.models[model_id] = model
            self.files.update((file.id, FileNode(file, model)) for file in model.files)
            if model.family:
                kin = self.families.get(model.family, frozenset())
                self.families[model.family] = kin | {model_id}

    def _showing(self, wanted: Mapping[ModelId, ModelRecord | None]) -> Iterator[ModelId]:
        """Give the models beside which those that change are shown."""
        companions = self._old.placer.companions
        for model_id, model in wanted.items():
            for each in (self._old.models.get(model_id), model):
                if each is not None and each.family and each.category in companions:
                    yield from self.families.get(each.family, ())

    def _places(
        self,
        model: ModelRecord | None,
        families: Mapping[str, frozenset[ModelId]],
        models: Mapping[ModelId, ModelRecord],
    ) -> list[Placement]:
        if model is None:
            return []
        placer = self._old.placer
        kin = kin_of(model, families, models, placer.companions)
        return placer.places(model, kin)

    def _place(self, model_id: ModelId, old: Sequence[Placement], new: Sequence[Placement]) -> None:
        self._count(old, self._old.models, -1)
        self._count(new, self.models, +1)
        if old == new:
            return
        before, now = _by_folder(old), _by_folder(new)
        for folder, claims in now.items():
            if before.get(folder) != claims:
                self._make(folder)
                opened = self._open(folder)
                opened.claims[model_id] = claims
                opened.changed.add(model_id)
        for folder in before.keys() - now.keys():
            opened = self._open(folder)
            del opened.claims[model_id]
            opened.changed.add(model_id)
            self._drop_if_empty(folder)

    def _count(
        self, places: Sequence[Placement], models: Mapping[ModelId, ModelRecord], by: int
    ) -> None:
        for place in places:
            if place.claim is None or not self._is_listed(place.folder):
                continue
            if place.claim.sharing != "no":
                self._shared.add(place.folder)
                continue
            part = place.claim.part
            if isinstance(part, bytes):
                continue
            shown = (
                [file.id for file in models[place.claim.model].files] if part is None else [part]
            )
            for file in shown:
                self._link(file, by)

    def _count_shown(self, folder: Folder | None, by: int) -> None:
        """Count what a folder shows of names that models share: one model's file, not another's."""
        for claim in folder.entries.values() if folder else ():
            if claim.sharing != "no" and isinstance(claim.part, int):
                self._link(claim.part, by)

    def _link(self, file: FileId, by: int) -> None:
        left = self.links.get(file, 0) + by
        self.links[file] = left
        self._touched_files.add(file)
        if not left:
            del self.links[file]

    def _is_listed(self, folder: FolderPath) -> bool:
        hidden = self._old.unlisted
        return not hidden or not any(path in hidden for path in with_parents(folder))

    def diff(self, new: Tree) -> TreeDiff:
        """Return what the edit did."""
        names: set[tuple[FolderPath, str]] = set()
        for path in self._touched:
            before, after = self._old.views.get(path), new.views.get(path)
            if before is None:
                continue
            gone = before.entries if after is None else after.gone_since(before)
            names.update((path, name) for name in gone)
            if after is not None:
                after.settle()
            kept = after.folders if after else frozenset()
            names.update((path, name) for name in before.folders - kept)
        return TreeDiff(frozenset(names), frozenset(self._touched), frozenset(self._touched_files))

    def _open(self, path: FolderPath) -> _Open:
        """Return what of a folder may be changed."""
        opened = self._opened.get(path)
        if opened is None:
            now, before = self.views.get(path), self._old.views.get(path)
            opened = _Open(set(now.folders), dict(now.claims)) if now else _Open(set(), {})
            mtime_ns = max(self._mtime_ns, before.mtime_ns + 1 if before else 0)
            folder = Folder(opened.folders, opened.claims, mtime_ns, now, opened.changed)
            self.views[path] = folder
            self._opened[path] = opened
            self._touched.add(path)
        return opened

    def _make(self, path: FolderPath) -> None:
        if path in self.views:
            return
        self._make(path[:-1])
        self._open(path[:-1]).folders.add(path[-1])
        self._shared.add(path[:-1])
        self._open(path)

    def _drop_if_empty(self, path: FolderPath) -> None:
        folder = self.views[path]
        if path in self._old.fixed or folder.folders or folder.claims:
            return
        del self.views[path]
        self._opened.pop(path, None)
        self._open(path[:-1]).folders.discard(path[-1])
        self._shared.add(path[:-1])
        self._drop_if_empty(path[:-1])


@dataclass(slots=True)
class _Open:
    """A touched folder of the next tree, whose parts still change: it has them by reference."""

    folders: set[str]
    claims: dict[ModelId, Sequence[Claim]]
    changed: set[ModelId] = field(default_factory=set)


def kin_of(
    model: ModelRecord,
    families: Mapping[str, frozenset[ModelId]],
    models: Mapping[ModelId, ModelRecord],
    companions: frozenset[str],
) -> list[ModelRecord]:
    """Return the models of these categories that may be shown beside one, oldest first."""
    ids = sorted(families.get(model.family or "", ()))
    return [models[i] for i in ids if i != model.id and models[i].category in companions]


def _by_folder(places: Iterable[Placement]) -> dict[FolderPath, tuple[Claim, ...]]:
    found: dict[FolderPath, list[Claim]] = {}
    for place in places:
        claims = found.setdefault(place.folder, [])
        if place.claim is not None:
            claims.append(place.claim)
    return {folder: tuple(claims) for folder, claims in found.items()}
