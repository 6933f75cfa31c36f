"""What the kernel holds references to: lookup counts, and what each inode stands for.

Counted before the reply goes out. An inode that is gone from the tree is kept here until the
kernel forgets it, so that a file that is open goes on having attributes.
"""

from collections.abc import Iterable

from modelfs.views import FileNode, FolderNode, FolderPath, Node, TextNode
from modelfs.views.inodes import ROOT_INODE, file_inode, folder_inode, text_inode


class KnownInodes:
    """Inodes with a lookup count above zero. Lives on the loop; other threads may ask ``holds``."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._folders: dict[int, FolderPath] = {ROOT_INODE: ()}
        self._files: dict[int, FileNode | TextNode] = {}

    def remember(self, node: Node, inode: int) -> None:
        """Count one reference to a node's inode that the kernel is about to get."""
        self._counts[inode] = self._counts.get(inode, 0) + 1
        if isinstance(node, FolderNode):
            self._folders[inode] = node.path
        else:
            self._files[inode] = node

    def forget(self, counts: Iterable[tuple[int, int]]) -> None:
        """Take references back; never raises, whatever the kernel says."""
        for inode, count in counts:
            left = self._counts.get(inode, 0) - count
            if left > 0:
                self._counts[inode] = left
                continue
            self._counts.pop(inode, None)
            self._files.pop(inode, None)
            if inode != ROOT_INODE:
                self._folders.pop(inode, None)

    def folder(self, inode: int) -> FolderPath | None:
        """Return the path of a folder that the kernel knows."""
        return self._folders.get(inode)

    def file(self, inode: int) -> FileNode | TextNode | None:
        """Return a file that the kernel knows, as it was when it was looked up last."""
        return self._files.get(inode)

    def holds(self, inode: int) -> bool:
        """Say whether the kernel has references to an inode; it always has to the root's."""
        return inode == ROOT_INODE or inode in self._counts

    def __len__(self) -> int:
        return len(self._counts)


def inode_of(node: Node) -> int:
    """Return the inode number of a node."""
    match node:
        case FileNode():
            return file_inode(node.file.id)
        case TextNode():
            return text_inode(node.path, node.text)
        case FolderNode():
            return folder_inode(node.path)
