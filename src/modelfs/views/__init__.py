"""The trees people see, computed from the catalogue's records. Pure: no disk, no SQL, no FUSE.

``placement`` names what is in one place; ``tools`` says where a model appears by the rules of the
tools' layouts, ``ollama`` and ``hub`` where in the stores that have rules of their own; ``folder``
settles the names of one folder; ``tree`` holds all of that as an immutable value that changes with
the models that change; ``inodes`` numbers it.
"""

from modelfs.views import hub, ollama
from modelfs.views.nodes import FileNode, FolderNode, FolderPath, Node, TextNode, TreeDiff
from modelfs.views.placement import BY_TOOL, NO_MODEL, Placement
from modelfs.views.tools import Placer, ToolStore
from modelfs.views.tree import Listing, Tree

STORES: dict[str, ToolStore] = {
    "huggingface": ToolStore(hub.places, hub.waits_for, hub.absent_because),
    "ollama": ToolStore(ollama.places, ollama.waits_for),
}
"""Stores with rules of their own, by the name that a layout gives them."""

__all__ = [
    "BY_TOOL",
    "NO_MODEL",
    "STORES",
    "FileNode",
    "FolderNode",
    "FolderPath",
    "Listing",
    "Node",
    "Placement",
    "Placer",
    "TextNode",
    "Tree",
    "TreeDiff",
]
