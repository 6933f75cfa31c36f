"""A stand-in for the kernel: it caches what it looked at, and forgets only what it is told to."""

from collections.abc import Iterator

from modelfs.types import FileId
from modelfs.views import FileNode, FolderNode, FolderPath, Node, Tree, TreeDiff

Seen = FileId | FolderPath
"""What a name leads to: a file, the same wherever it is shown, or a folder, by its path."""


def walk(tree: Tree, folder: FolderNode | None = None) -> Iterator[tuple[FolderPath, Node]]:
    """Give every listed node with its path, by way of ``children`` alone."""
    folder = folder or root(tree)
    for name, node in tree.children(folder):
        path = (*folder.path, name)
        yield path, node
        if isinstance(node, FolderNode):
            yield from walk(tree, node)


def root(tree: Tree) -> FolderNode:
    """Return the node of the whole tree."""
    node = tree.node(())
    assert isinstance(node, FolderNode)
    return node


class Looks:
    """Everything that somebody who walks through a tree learns and may keep."""

    def __init__(self, tree: Tree) -> None:
        self.nodes: dict[FolderPath, Node] = {(): root(tree)} | dict(walk(tree))
        self.names: dict[FolderPath, Seen] = {}
        self.times: dict[FolderPath, int] = {}
        self.links: dict[FileId, int] = {}
        for path, node in self.nodes.items():
            if isinstance(node, FileNode):
                self.names[path] = node.file.id
                self.links[node.file.id] = tree.links[node.file.id]
            else:
                self.names[path] = path
                self.times[path] = node.mtime_ns

    def forget(self, diff: TreeDiff) -> None:
        """Drop what a diff names, and with a name everything below it."""
        gone = {(*folder, name) for folder, name in diff.names}
        for path in list(self.names):
            if any(path[:depth] in gone for depth in range(1, len(path) + 1)):
                del self.names[path]
                self.times.pop(path, None)
        for folder in diff.folders:
            self.times.pop(folder, None)
        for file in diff.files:
            self.links.pop(file, None)

    def look_again(self, tree: Tree) -> None:
        """Look at what is not known, and believe the rest, as a kernel that caches does."""
        now = Looks(tree)
        self.nodes = now.nodes
        self.names = now.names | self.names
        self.times = now.times | self.times
        self.links = now.links | self.links
