"""What a tree is made of: files, folders, and texts that are made up."""

from collections.abc import Iterator
from dataclasses import dataclass

from modelfs.catalog.records import FileRecord, ModelRecord
from modelfs.types import FileId

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


@dataclass(frozen=True, slots=True)
class TextNode:
    """A small file that is made up; with the model that it is made for."""

    path: FolderPath
    text: bytes
    mtime_ns: int
    model: ModelRecord | None


Node = FolderNode | FileNode | TextNode


@dataclass(frozen=True, slots=True)
class TreeDiff:
    """What somebody who cached the old tree must forget."""

    names: frozenset[tuple[FolderPath, str]]
    """Entries that are gone or lead elsewhere now."""
    folders: frozenset[FolderPath]
    """Folders whose times changed."""
    files: frozenset[FileId]
    """Files whose number of links may have changed."""


def with_parents(path: FolderPath) -> Iterator[FolderPath]:
    """Give a path and all above it but the root, the topmost first."""
    for depth in range(1, len(path) + 1):
        yield path[:depth]
