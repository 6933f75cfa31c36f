"""The whole mounted tree as an immutable value, changed in proportion to what changes.

A folder of the views holds claims; its entries are settled when somebody looks. Inside a model of
several files the tree follows the files' own paths. Sharing makes a new ``Tree`` cheap: only the
folders that a changed model touches are new.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modelfs.catalog.records import ModelRecord
from modelfs.types import BlobId, FileId, ModelId
from modelfs.views.edit import Edit, kin_of
from modelfs.views.folder import Folder
from modelfs.views.nodes import (
    FileNode,
    FolderNode,
    FolderPath,
    Node,
    TextNode,
    TreeDiff,
    with_parents,
)
from modelfs.views.placement import (
    BY_CATEGORY,
    BY_TAG,
    BY_TOOL,
    INBOX,
    NO_MODEL,
    Claim,
)
from modelfs.views.tools import Placer


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in a folder, sorted by name; each node is made when it is asked for."""

    names: Sequence[str]
    _tree: "Tree"
    _folder: FolderNode
    _view: Folder | None
    """The folder of the views that it is; None inside a model."""
    _inside: Mapping[str, FileNode | None]
    """What is there inside a model."""

    def node(self, name: str) -> Node:
        """Return the node of one of the names."""
        path = (*self._folder.path, name)
        if self._view is None:
            found = self._inside[name]
            return found or FolderNode(path, self._folder.mtime_ns, self._folder.model)
        if name in self._view.folders:
            return FolderNode(path, self._tree.views[path].mtime_ns)
        return self._tree.entry_node(self._view.entries[name], path)


@dataclass(frozen=True)
class Tree:
    """All views of a library at one moment."""

    placer: Placer
    models: Mapping[ModelId, ModelRecord]
    files: Mapping[FileId, FileNode]
    """Every file of a living model."""
    views: Mapping[FolderPath, Folder]
    fixed: frozenset[FolderPath]
    """Folders that exist even when empty."""
    unlisted: frozenset[FolderPath]
    """Folders that are found when named and left out of listings."""
    links: Mapping[FileId, int]
    """How many listed places show each file."""
    families: Mapping[str, frozenset[ModelId]]
    """The living models of each family."""
    _combined: dict[FolderPath, "Folder | None"] = field(default_factory=dict, repr=False)
    _insides: dict[ModelId, "_Inside"] = field(default_factory=dict, repr=False)

    @classmethod
    def empty(
        cls,
        placer: Placer,
        mtime_ns: int,
        extra_categories: Iterable[str] = (),
        hidden_categories: Iterable[str] = (),
    ) -> "Tree":
        """Return the tree of a library without models: the folders that always exist."""
        fixed = {(), (BY_CATEGORY,), (BY_TAG,), (BY_TOOL,), (INBOX,)}
        for category in extra_categories:
            fixed.update(with_parents((BY_CATEGORY, *category.split("/"))))
        for layout in placer.layouts:
            rules = (rule.folder for rule in layout.rules)
            for folder in [(), *layout.folders, *(f for f in rules if "{" not in "".join(f))]:
                fixed.update(with_parents((BY_TOOL, layout.tool, *folder)))
        texts: dict[FolderPath, list[Claim]] = {}
        for path, claim in placer.fixed_texts():
            fixed.update(with_parents(path))
            texts.setdefault(path, []).append(claim)
        below: dict[FolderPath, set[str]] = {path: set() for path in fixed}
        for path in fixed - {()}:
            below[path[:-1]].add(path[-1])
        views = {}
        for path, folders in below.items():
            own = {NO_MODEL: tuple(texts[path])} if path in texts else {}
            views[path] = Folder(folders, own, mtime_ns)
        unlisted = frozenset((BY_CATEGORY, *each.split("/")) for each in hidden_categories)
        return cls(placer, {}, {}, views, frozenset(fixed), unlisted, {}, {})

    @classmethod
    def build(
        cls,
        placer: Placer,
        models: Iterable[ModelRecord],
        mtime_ns: int,
        extra_categories: Iterable[str] = (),
        hidden_categories: Iterable[str] = (),
    ) -> "Tree":
        """Return the tree of these models, every folder with the same time."""
        empty = cls.empty(placer, mtime_ns, extra_categories, hidden_categories)
        return empty.changed(models, (), mtime_ns)[0]

    def changed(
        self, models: Iterable[ModelRecord], gone: Iterable[ModelId], mtime_ns: int
    ) -> tuple["Tree", TreeDiff]:
        """Return the tree after some models changed and some went, and what that did to it.

        Touched folders get ``mtime_ns``, or one nanosecond more than they had, so that their
        times always move forward.
        """
        wanted: dict[ModelId, ModelRecord | None] = dict.fromkeys(gone)
        for model in models:
            wanted[model.id] = None if model.trashed_at is not None else model
        edit = Edit(self, mtime_ns)
        edit.carry_out(wanted)
        insides = {m: i for m, i in self._insides.copy().items() if m not in wanted}
        tree = Tree(
            self.placer,
            edit.models,
            edit.files,
            edit.views,
            self.fixed,
            self.unlisted,
            edit.links,
            edit.families,
            _insides=insides,
        )
        return tree, edit.diff(tree)

    def node(self, path: FolderPath) -> Node | None:
        """Return what is at a path, or None."""
        folder = self._folder(path)
        if folder is not None:
            return FolderNode(path, folder.mtime_ns)
        for depth in range(len(path) - 1, 0, -1):
            parent = self._folder(path[:depth])
            if parent is not None:
                claim = parent.entries.get(path[depth])
                return None if claim is None else self._inside(claim, path, depth + 1)
        return None

    def child(self, folder: FolderNode, name: str) -> Node | None:
        """Return one entry of a folder, or None."""
        return self.node((*folder.path, name))

    def unsettled(self, path: FolderPath) -> Folder | None:
        """Return the folder whose many names are to be settled before a path is looked at."""
        for depth in range(len(path), -1, -1):
            folder = self._folder(path[:depth])
            if folder is not None:
                return None if folder.is_settled else folder
        return None

    def listing(self, folder: FolderNode) -> Listing:
        """Return what is in a folder. Combined tags and hidden categories are not listed."""
        view = self._folder(folder.path)
        if view is not None:
            names = view.names
            if self.unlisted and folder.path[:1] == (BY_CATEGORY,):
                path = folder.path
                names = tuple(name for name in names if (*path, name) not in self.unlisted)
            return Listing(names, self, folder, view, {})
        assert folder.model is not None
        inner = folder.path[self._depth_of_model(folder) :]
        inside = self._inside_of(folder.model).get(inner, {})
        return Listing(tuple(inside), self, folder, None, inside)

    def children(self, folder: FolderNode) -> list[tuple[str, Node]]:
        """Return the entries of a folder, sorted by name."""
        listing = self.listing(folder)
        return [(name, listing.node(name)) for name in listing.names]

    def entry_node(self, claim: Claim, path: FolderPath) -> Node:
        """Return what an entry shows: a file, a folder of files, or a text that is made up."""
        model = self.models.get(claim.model)
        added_ns = int(model.added_at * 1e9) if model else _FIXED_TIME_NS
        if isinstance(claim.part, bytes):
            return TextNode(path, claim.part, added_ns, model)
        if claim.part is not None:
            return self.files[claim.part]
        assert model is not None
        return (
            self.files[model.files[0].id] if model.is_single else FolderNode(path, added_ns, model)
        )

    def appearances(self, model: ModelId) -> list[FolderPath]:
        """Return the listed paths of a model; where it is shown file by file, those of the files.

        Costs all folders: for a tree of few models.
        """
        own = {file.id for file in self.models[model].files}
        return [
            (*folder, name)
            for folder, view in sorted(self.views.items())
            for name, claim in view.entries.items()
            if claim.part in own or (claim.model == model and claim.part is None)
        ]

    def unsealed(self, since: "Tree | None" = None) -> list[BlobId]:
        """Return the blobs whose SHA-256 a tool's folder waits for, each once.

        With ``since`` only those of models that are other than they were in that tree, and of
        models beside which one of those is shown.
        """
        before = since.models if since else {}
        changed = {i: model for i, model in self.models.items() if before.get(i) is not model}
        for model in list(changed.values()):
            if model.category in self.placer.companions and model.family:
                changed |= {i: self.models[i] for i in self.families[model.family]}
        found: dict[BlobId, None] = {}
        for model in changed.values():
            for file in self.waits_for(model):
                found[self.files[file].file.blob] = None
        return list(found)

    def waits_for(self, model: ModelRecord) -> dict[FileId, list[str]]:
        """Return the files whose SHA-256 tools wait for before they see a model, with the tools."""
        kin = kin_of(model, self.families, self.models, self.placer.companions)
        return self.placer.waits_for(model, kin)

    def _inside(self, claim: Claim, path: FolderPath, start: int) -> Node | None:
        """Return the node at ``path`` whose parts from ``start`` on are inside a model."""
        inner = path[start:]
        if not inner:
            return self.entry_node(claim, path)
        model = self.models.get(claim.model)
        if claim.part is not None or model is None or model.is_single:
            return None
        inside = self._inside_of(model)
        if inner in inside:
            return FolderNode(path, int(model.added_at * 1e9), model)
        return inside.get(inner[:-1], {}).get(inner[-1])

    def _inside_of(self, model: ModelRecord) -> "_Inside":
        inside = self._insides.get(model.id)
        if inside is None:
            inside = self._insides[model.id] = _index(model, self.files)
        return inside

    def _depth_of_model(self, folder: FolderNode) -> int:
        depth = len(folder.path)
        while self._folder(folder.path[: depth - 1]) is None:
            depth -= 1
        return depth

    def _folder(self, path: FolderPath) -> Folder | None:
        found = self.views.get(path)
        if found is None and len(path) == 2 and path[0] == BY_TAG and "+" in path[1]:
            if len(self._combined) > _COMBINED_KEPT:
                self._combined.clear()
            if path not in self._combined:
                self._combined[path] = self._combine(path[1].split("+"))
            return self._combined[path]
        return found

    def _combine(self, terms: Sequence[str]) -> Folder | None:
        """Return the folder of ``a+b`` (and) and ``a+~b`` (and not); None for an unknown tag."""
        claims: dict[ModelId, Sequence[Claim]] | None = None
        mtime_ns = 0
        for term in sorted(terms, key=lambda term: term.startswith("~")):
            view = self.views.get((BY_TAG, term.removeprefix("~")))
            if view is None:
                return None
            mtime_ns = max(mtime_ns, view.mtime_ns)
            excluded = term.startswith("~")
            if claims is None:
                if excluded:
                    return None
                claims = dict(view.claims)
            else:
                claims = {m: c for m, c in claims.items() if (m in view.claims) != excluded}
        return Folder(frozenset(), claims or {}, mtime_ns)


_COMBINED_KEPT = 256
"""Combined tags are made when named; a tree remembers this many before it starts afresh."""


_Inside = dict[FolderPath, dict[str, FileNode | None]]
"""Folders inside one model, by their path in it: sorted names to files, None for a subfolder."""


def _index(model: ModelRecord, files: Mapping[FileId, FileNode]) -> _Inside:
    inside: _Inside = {(): {}}
    for file in model.files:
        *folders, name = file.path.split("/")
        for depth, folder in enumerate(folders):
            inside.setdefault(tuple(folders[:depth]), {})[folder] = None
        inside.setdefault(tuple(folders), {})[name] = files[file.id]
    return {path: dict(sorted(names.items())) for path, names in inside.items()}


_FIXED_TIME_NS = 1_767_225_600 * 10**9
"""The time of what is made up for no model: it must not move. 1 January 2026."""
