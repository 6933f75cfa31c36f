"""The tree of any catalogue: legal distinct names, the same whatever the order, and true diffs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import EXTRA_CATEGORIES, SHELVES, STEPS, Shelf, Step, apply_round
from core.views.cache import Looks, root, walk
from faults.tally import count
from modelfs.catalog.records import ModelRecord
from modelfs.layouts import fill, load_layouts
from modelfs.names import MAX_BYTES, fold
from modelfs.types import FileId
from modelfs.views import STORES, FileNode, FolderNode, FolderPath, Node, Placer, TextNode, Tree
from modelfs.views.inodes import ROOT_INODE, file_inode, file_of_inode, folder_inode, text_inode

# Of each kind one: plain folders, files one by one with texts and companions, stores.
_KINDS = ("comfyui", "llama.cpp", "localai", "ollama", "huggingface", "whisper")
LAYOUTS = [layout for layout in load_layouts() if layout.tool in _KINDS]
PLACER = Placer(LAYOUTS, fill, STORES, "/models")
START_NS = 1000


def build(shelf: Shelf, mtime_ns: int = START_NS) -> Tree:
    return Tree.build(PLACER, shelf.models.values(), mtime_ns, EXTRA_CATEGORIES)


def shape(tree: Tree) -> dict[FolderPath, Any]:
    """Return the whole tree as plain values, times left out."""
    return {
        path: node.file if isinstance(node, FileNode) else leads_to(node)
        for path, node in walk(tree)
    }


def leads_to(node: Node) -> Any:
    """Return which inode a node is, whatever is known of it meanwhile."""
    match node:
        case FileNode():
            return node.file.id
        case TextNode():
            return node.text
        case FolderNode():
            return node.model and node.model.id


def targets(tree: Tree) -> dict[FolderPath, Any]:
    return {path: leads_to(node) for path, node in walk(tree)}


def folder_times(tree: Tree) -> dict[FolderPath, int]:
    """Return the times of the folders of the views, those inside models left out."""
    found = {path: n for path, n in walk(tree) if isinstance(n, FolderNode) and n.model is None}
    return {(): root(tree).mtime_ns} | {path: node.mtime_ns for path, node in found.items()}


def entries(tree: Tree, path: FolderPath) -> dict[str, Any]:
    node = tree.node(path)
    if not isinstance(node, FolderNode):
        return {}
    return {name: leads_to(child) for name, child in tree.children(node)}


def living(shelf: Shelf) -> list[ModelRecord]:
    return [model for model in shelf.models.values() if model.trashed_at is None]


@given(SHELVES)
def test_no_folder_has_an_illegal_name_or_one_twice(shelf: Shelf) -> None:
    tree = build(shelf)
    for path, node in [((), root(tree)), *walk(tree)]:
        if not isinstance(node, FolderNode):
            continue
        listed = [name for name, _ in tree.children(node)]
        assert len(listed) == len(set(listed))
        if path[:1] != ("by-tag",) and node.model is None:
            assert len({fold(name) for name in listed}) == len(listed), listed
        for name in listed:
            assert 1 <= len(name.encode()) <= MAX_BYTES
            assert name not in (".", "..")
            assert not set(name) & set("/\0\n")


@given(SHELVES)
def test_every_listed_node_is_found_by_its_path_and_as_a_child(shelf: Shelf) -> None:
    tree = build(shelf)
    for path, node in walk(tree):
        assert tree.node(path) == node
        parent = tree.node(path[:-1])
        assert isinstance(parent, FolderNode)
        assert tree.child(parent, path[-1]) == node
        assert tree.child(parent, path[-1] + "x") is None or path[-1] + "x" in entries(
            tree, path[:-1]
        )


@given(SHELVES, st.randoms())
def test_the_order_of_insertion_does_not_matter(shelf: Shelf, chance: Any) -> None:
    models = list(shelf.models.values())
    shuffled = chance.sample(models, len(models))
    for order in (models[::-1], shuffled):
        tree = Tree.build(PLACER, order, START_NS, EXTRA_CATEGORIES)
        assert shape(tree) == shape(build(shelf))


@given(SHELVES, STEPS)
def test_a_changed_tree_is_the_one_built_from_scratch(
    shelf: Shelf, rounds: list[list[Step]]
) -> None:
    tree = build(shelf)
    for number, steps in enumerate(rounds, 1):
        shape(tree)  # so that what is remembered of the old tree could do harm
        changed, gone = apply_round(shelf, steps)
        tree, _ = tree.changed(changed.values(), gone, START_NS + number)
        fresh = build(shelf)
        assert shape(tree) == shape(fresh)
        assert dict(tree.models) == dict(fresh.models)
        assert dict(tree.files) == dict(fresh.files)
        assert set(tree.views) == set(fresh.views)


@given(SHELVES, STEPS, st.integers(-5, 5))
def test_a_diff_names_what_vanished_or_leads_elsewhere(
    shelf: Shelf, rounds: list[list[Step]], drift: int
) -> None:
    tree = build(shelf)
    for number, steps in enumerate(rounds, 1):
        changed, gone = apply_round(shelf, steps)
        after, diff = tree.changed(changed.values(), gone, START_NS + number * drift)
        before_shape, after_shape = targets(tree), targets(after)
        outside = set(folder_times(tree))
        for path, what in before_shape.items():
            if path[:-1] in outside and (path not in after_shape or after_shape[path] != what):
                assert (path[:-1], path[-1]) in diff.names
        for folder, name in diff.names:
            path = (*folder, name)
            assert path in before_shape
            assert path not in after_shape or before_shape[path] != after_shape[path]
        before_times, after_times = folder_times(tree), folder_times(after)
        for path in set(before_times) & set(after_times):
            if entries(tree, path) != entries(after, path):
                assert after_times[path] > before_times[path], "its entries moved, its time not"
                assert path in diff.folders
            elif path not in diff.folders:
                assert after_times[path] == before_times[path]
        for file in tree.files:
            if link_count(tree, file) != link_count(after, file):
                assert file in diff.files
        tree = after


@given(SHELVES, STEPS, st.integers(-5, 5))
def test_who_forgets_just_what_the_diffs_say_sees_the_tree_of_now(
    shelf: Shelf, rounds: list[list[Step]], drift: int
) -> None:
    tree = build(shelf)
    cache = Looks(tree)
    for number, steps in enumerate(rounds, 1):
        changed, gone = apply_round(shelf, steps)
        tree, diff = tree.changed(changed.values(), gone, START_NS + number * drift)
        cache.forget(diff)
        cache.look_again(tree)
        fresh = Looks(tree)
        assert cache.names == fresh.names
        assert cache.times == fresh.times
        assert cache.links == fresh.links
        count("operation", "views: change", len(steps))


@given(SHELVES, STEPS)
def test_history_leaves_no_trace_in_names(shelf: Shelf, rounds: list[list[Step]]) -> None:
    tree = build(shelf)
    everything = tree
    for steps in rounds:
        before = dict(shelf.models)
        changed, gone = apply_round(shelf, steps)
        everything, _ = everything.changed(changed.values(), gone, START_NS)
        # There and back again: whoever comes and goes leaves others' names as they were.
        detour, _ = everything.changed((), list(shelf.models), START_NS)
        assert shape(detour) == shape(build(Shelf()))
        back, _ = detour.changed(shelf.models.values(), (), START_NS)
        assert shape(back) == shape(everything) == shape(build(shelf))
        undone, _ = everything.changed(before.values(), shelf.models.keys() - before, START_NS)
        assert shape(undone) == shape(tree)
        tree = everything


def link_count(tree: Tree, file: FileId) -> int:
    return tree.links.get(file, 0)


@given(SHELVES)
def test_what_changes_nothing_moves_no_time(shelf: Shelf) -> None:
    tree = build(shelf)
    after, diff = tree.changed(shelf.models.values(), (), START_NS + 1)
    assert folder_times(after) == folder_times(tree)
    assert (diff.names, diff.folders) == (frozenset(), frozenset())


@given(SHELVES)
def test_a_file_has_one_inode_and_as_many_links_as_places(shelf: Shelf) -> None:
    tree = build(shelf)
    places: dict[FileId, int] = {}
    inodes: dict[int, object] = {ROOT_INODE: ()}
    for path, node in walk(tree):
        if isinstance(node, FileNode):
            places[node.file.id] = places.get(node.file.id, 0) + 1
            inode, what = file_inode(node.file.id), node.file.id
            assert file_of_inode(inode) == node.file.id
        else:
            is_text = isinstance(node, TextNode)
            inode = (
                text_inode(path, node.text) if isinstance(node, TextNode) else folder_inode(path)
            )
            what = path, is_text
            assert file_of_inode(inode) is None
        assert inodes.setdefault(inode, what) == what
    assert places == dict(tree.links)
    assert set(tree.files) == {file.id for model in living(shelf) for file in model.files}


@given(SHELVES)
def test_appearances_are_where_walking_finds_a_model(shelf: Shelf) -> None:
    tree = build(shelf)
    found: dict[int, set[FolderPath]] = {}
    for path, node in walk(tree):
        parent = tree.node(path[:-1])
        assert isinstance(parent, FolderNode)
        if isinstance(node, TextNode):
            continue
        if node is not None and getattr(node, "model", None) is not None and not parent.model:
            assert node.model is not None
            found.setdefault(node.model.id, set()).add(path)
    assert found == {model.id: set(tree.appearances(model.id)) for model in living(shelf)}


@given(SHELVES)
def test_a_model_in_the_trash_appears_nowhere(shelf: Shelf) -> None:
    tree = build(shelf)
    trashed = {file.id for m in shelf.models.values() if m.trashed_at for file in m.files}
    assert not trashed & {n.file.id for _, n in walk(tree) if isinstance(n, FileNode)}


@given(SHELVES)
def test_combined_tags_are_and_and_and_not(shelf: Shelf) -> None:
    tree = build(shelf)
    used = {tag for model in living(shelf) for tag in model.tags}
    for one in used:
        for other in used:
            both = {m.id for m in living(shelf) if {one, other} <= set(m.tags)}
            only = {m.id for m in living(shelf) if one in m.tags and other not in m.tags}
            assert models_in(tree, f"{one}+{other}") == both
            assert models_in(tree, f"{one}+~{other}") == only
            assert models_in(tree, f"~{other}+{one}") == only
        assert tree.node(("by-tag", f"{one}+no such tag")) is None
        assert tree.node(("by-tag", f"~{one}")) is None
        assert tree.node(("by-tag", f"~{one}+~{one}")) is None
    listed = {name for name, _ in tree.children(FolderNode(("by-tag",), 0))}
    assert listed == used, "combinations are not listed"


def models_in(tree: Tree, tags: str) -> set[int]:
    node = tree.node(("by-tag", tags))
    assert isinstance(node, FolderNode)
    found = set()
    for name, child in tree.children(node):
        assert child.model is not None if isinstance(child, FolderNode) else True
        assert tree.child(node, name) == child
        found.add(child.model.id if child.model else 0)
    return found


@given(SHELVES)
def test_a_multi_file_model_shows_its_files_by_their_own_paths(shelf: Shelf) -> None:
    tree = build(shelf)
    for model in living(shelf):
        for place in tree.appearances(model.id):
            node = tree.node(place)
            if isinstance(node, FileNode):
                assert node.file in model.files
                assert tree.node((*place, "below")) is None
                continue
            assert not model.is_single
            for file in model.files:
                node = tree.node((*place, *file.path.split("/")))
                assert isinstance(node, FileNode) and node.file == file


@given(SHELVES)
def test_the_oldest_keeps_its_name(shelf: Shelf) -> None:
    tree = build(shelf)
    for model in living(shelf):
        folder = ("by-category", *model.category.split("/"))
        same = [
            other
            for other in living(shelf)
            if other.category == model.category and fold(other.entry_name) == fold(model.entry_name)
        ]
        subfolders = {fold(path[-1]) for path in tree.views if path and path[:-1] == folder}
        if model is min(same, key=lambda m: m.id) and fold(model.entry_name) not in subfolders:
            assert (*folder, model.entry_name) in tree.appearances(model.id)


def test_an_empty_library_has_the_folders_that_tools_expect() -> None:
    tree = build(Shelf())
    paths = {path for path, _ in walk(tree)}
    assert {("by-category",), ("by-tag",), ("by-tool",), ("inbox",)} <= paths
    for layout in PLACER.layouts:
        for folder in layout.folders:
            assert ("by-tool", layout.tool, *folder) in paths
    for category in EXTRA_CATEGORIES:
        assert ("by-category", *category.split("/")) in paths


@pytest.mark.parametrize(
    "path",
    [("nothing",), ("by-tag", "none"), ("by-tag", "a+b"), ("by-tag", "+"), ("by-tag", ""), ("",)],
)
def test_what_is_not_there_is_none(path: FolderPath) -> None:
    assert build(Shelf()).node(path) is None
