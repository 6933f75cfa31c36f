"""The whole mounted tree as an immutable value, changed in proportion to what changes.

A folder of the views holds claims; its entries are settled when somebody looks. Inside a model of
several files the tree follows the files' own paths. Sharing makes a new ``Tree`` cheap: only the
folders that a changed model touches are new.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from modelfs.catalog.records import FileRecord, ModelRecord
from modelfs.types import FileId, ModelId
from modelfs.views.folder import Folder
from modelfs.views.placement import (
    BY_CATEGORY,
    BY_TAG,
    BY_TOOL,
    INBOX,
    Claim,
    ToolLayout,
    placements,
)

FolderPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FolderNode:
    """A folder of the tree; with its model when it is inside one."""

    path: FolderPath
    mtime_ns: int
    model: ModelRecord | None = None


@dataclass(frozen=True, slots=True)
class FileNode:
    """A file of the tree and the model it belongs to."""

    file: FileRecord
    model: ModelRecord


Node = FolderNode | FileNode


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
        return self._tree.model_node(self._view.entries[name], path)


@dataclass(frozen=True, slots=True)
class TreeDiff:
    """What somebody who cached the old tree must forget."""

    names: frozenset[tuple[FolderPath, str]]
    """Entries that are gone or lead elsewhere now."""
    folders: frozenset[FolderPath]
    """Folders whose times changed."""
    files: frozenset[FileId]
    """Files whose number of links may have changed."""


@dataclass(frozen=True)
class Tree:
    """All views of a library at one moment."""

    layouts: Sequence[ToolLayout]
    models: Mapping[ModelId, ModelRecord]
    files: Mapping[FileId, FileNode]
    """Every file of a living model."""
    views: Mapping[FolderPath, Folder]
    fixed: frozenset[FolderPath]
    """Folders that exist even when empty."""
    unlisted: frozenset[FolderPath]
    """Folders that are found when named and left out of listings."""
    links: Mapping[ModelId, int]
    """How many listed places show each model, and so each of its files."""
    _combined: dict[FolderPath, "Folder | None"] = field(default_factory=dict, repr=False)
    _insides: dict[ModelId, "_Inside"] = field(default_factory=dict, repr=False)

    @classmethod
    def empty(
        cls,
        layouts: Sequence[ToolLayout],
        mtime_ns: int,
        extra_categories: Iterable[str] = (),
        hidden_categories: Iterable[str] = (),
    ) -> "Tree":
        """Return the tree of a library without models: the folders that always exist."""
        fixed = {(), (BY_CATEGORY,), (BY_TAG,), (BY_TOOL,), (INBOX,)}
        for category in extra_categories:
            fixed.update(_with_parents((BY_CATEGORY, *category.split("/"))))
        for layout in layouts:
            for folder in [(), *layout.folders, *(rule.folder for rule in layout.rules)]:
                fixed.update(_with_parents((BY_TOOL, layout.tool, *folder)))
        views = {
            path: Folder(frozenset(p[-1] for p in fixed if p and p[:-1] == path), {}, mtime_ns)
            for path in fixed
        }
        unlisted = frozenset((BY_CATEGORY, *each.split("/")) for each in hidden_categories)
        return cls(layouts, {}, {}, views, frozenset(fixed), unlisted, {})

    @classmethod
    def build(
        cls,
        layouts: Sequence[ToolLayout],
        models: Iterable[ModelRecord],
        mtime_ns: int,
        extra_categories: Iterable[str] = (),
        hidden_categories: Iterable[str] = (),
    ) -> "Tree":
        """Return the tree of these models, every folder with the same time."""
        empty = cls.empty(layouts, mtime_ns, extra_categories, hidden_categories)
        return empty.changed(models, (), mtime_ns)[0]

    def changed(
        self, models: Iterable[ModelRecord], gone: Iterable[ModelId], mtime_ns: int
    ) -> tuple["Tree", TreeDiff]:
        """Return the tree after some models changed and some went, and what that did to it.

        Touched folders get ``mtime_ns``, or one nanosecond more than they had, so that their
        times always move forward.
        """
        edit = _Edit(self, mtime_ns)
        for model_id in gone:
            edit.set(model_id, None)
        for model in models:
            edit.set(model.id, None if model.trashed_at is not None else model)
        insides = {m: i for m, i in self._insides.copy().items() if m not in edit.seen}
        tree = Tree(
            self.layouts,
            edit.models,
            edit.files,
            edit.views,
            self.fixed,
            self.unlisted,
            edit.links,
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
                model = parent.entries.get(path[depth])
                return None if model is None else self._inside(model, path, depth + 1)
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

    def model_node(self, model_id: ModelId, path: FolderPath) -> Node:
        """Return what a model is at one of its places: a file, or a folder of files."""
        model = self.models[model_id]
        if model.is_single:
            return self.files[model.files[0].id]
        return FolderNode(path, int(model.added_at * 1e9), model)

    def appearances(self, model: ModelId) -> list[FolderPath]:
        """Return the listed paths of a model."""
        found = []
        for place in placements(self.models[model], self.layouts):
            entries = self.views[place.folder].entries
            name = next(name for name, owner in entries.items() if owner == model)
            found.append((*place.folder, name))
        return found

    def _inside(self, model_id: ModelId, path: FolderPath, start: int) -> Node | None:
        """Return the node at ``path`` whose parts from ``start`` on are inside a model."""
        inner = path[start:]
        if not inner:
            return self.model_node(model_id, path)
        model = self.models[model_id]
        if model.is_single:
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
        claims: dict[ModelId, Claim] | None = None
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


def _with_parents(path: FolderPath) -> Iterator[FolderPath]:
    for depth in range(1, len(path) + 1):
        yield path[:depth]


class _Edit:
    """The next tree while it is being made: copies of only what is touched."""

    def __init__(self, old: Tree, mtime_ns: int) -> None:
        self.models = dict(old.models)
        self.files = dict(old.files)
        self.views = dict(old.views)
        self.links = dict(old.links)
        self.seen: set[ModelId] = set()
        self._old = old
        self._mtime_ns = mtime_ns
        self._touched: set[FolderPath] = set()
        self._touched_files: set[FileId] = set()
        self._claims: dict[FolderPath, dict[ModelId, Claim]] = {}
        """The claims of touched folders, still open to change."""

    def set(self, model_id: ModelId, model: ModelRecord | None) -> None:
        """Put, replace or remove one model; only folders where it comes or goes are touched."""
        self.seen.add(model_id)
        before = self.models.pop(model_id, None)
        old = placements(before, self._old.layouts) if before else []
        new = placements(model, self._old.layouts) if model else []
        for file in before.files if before else ():
            del self.files[file.id]
            self._touched_files.add(file.id)
        self.links.pop(model_id, None)
        if model is not None:
            self.models[model_id] = model
            self.links[model_id] = sum(self._is_listed(place.folder) for place in new)
            self.files.update((file.id, FileNode(file, model)) for file in model.files)
        for place in set(new) - set(old) if old else new:
            self._make(place.folder)
            self._open(place.folder)[model_id] = place.claim
        remaining = {place.folder for place in new} if old else ()
        for place in set(old) - set(new) if old else ():
            if place.folder not in remaining:
                del self._open(place.folder)[model_id]
                self._drop_if_empty(place.folder)

    def _is_listed(self, folder: FolderPath) -> bool:
        hidden = self._old.unlisted
        return not hidden or not any(path in hidden for path in _with_parents(folder))

    def diff(self, new: Tree) -> TreeDiff:
        """Return what the edit did."""
        names: set[tuple[FolderPath, str]] = set()
        for path in self._touched:
            before, after = self._old.views.get(path), new.views.get(path)
            if before is None:
                continue
            if after is not None:
                after.settle()
            now = after.entries if after else {}
            names.update((path, n) for n, owner in before.entries.items() if now.get(n) != owner)
            kept = after.folders if after else frozenset()
            names.update((path, name) for name in before.folders - kept)
        return TreeDiff(frozenset(names), frozenset(self._touched), frozenset(self._touched_files))

    def _open(self, path: FolderPath) -> dict[ModelId, Claim]:
        if path not in self._claims:
            self._claims[path] = dict(self.views[path].claims)
            self._renew(path, self.views[path].folders)
        return self._claims[path]

    def _renew(self, path: FolderPath, folders: frozenset[str]) -> None:
        before = self._old.views.get(path)
        mtime_ns = max(self._mtime_ns, before.mtime_ns + 1 if before else 0)
        unchanged = self.views[path].claims if path in self.views else {}
        self.views[path] = Folder(folders, self._claims.get(path, unchanged), mtime_ns)
        self._touched.add(path)

    def _make(self, path: FolderPath) -> None:
        if path in self.views:
            return
        self._make(path[:-1])
        self._renew(path[:-1], self.views[path[:-1]].folders | {path[-1]})
        self._claims[path] = {}
        self._renew(path, frozenset())

    def _drop_if_empty(self, path: FolderPath) -> None:
        folder = self.views[path]
        if path in self._old.fixed or folder.folders or folder.claims:
            return
        del self.views[path]
        self._claims.pop(path, None)
        self._renew(path[:-1], self.views[path[:-1]].folders - {path[-1]})
        self._drop_if_empty(path[:-1])
