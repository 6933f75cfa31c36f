"""The trees people see, computed from the catalogue's records. Pure: no disk, no SQL, no FUSE.

``placement`` says where one model appears; ``folder`` names what is in one place; ``tree`` holds
all of that as an immutable value that changes with the models that change; ``inodes`` numbers it.
"""

from modelfs.views.placement import Placement, placements
from modelfs.views.tree import FileNode, FolderNode, FolderPath, Listing, Node, Tree, TreeDiff

__all__ = [
    "FileNode",
    "FolderNode",
    "FolderPath",
    "Listing",
    "Node",
    "Placement",
    "Tree",
    "TreeDiff",
    "placements",
]
