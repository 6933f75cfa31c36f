"""Inode numbers: a file's is its catalogue row, a folder's comes from its path.

Rows are never reused, so neither are file inodes, and every place that shows a file shows the
same inode: hard links. Folder inodes have bit 62 set, which no row reaches; those of texts that
are made up have bit 61, and come from path and content: other content, another inode.
"""

from hashlib import blake2b

from modelfs.types import FileId

ROOT_INODE = 1
_FOLDER_BIT = 1 << 62
_TEXT_BIT = 1 << 61


def file_inode(file: FileId) -> int:
    """Return the inode of a file; 1 is the root's, so rows are shifted by one."""
    return file + 1


def file_of_inode(inode: int) -> FileId | None:
    """Return the file of an inode, or None when it is another thing's."""
    return FileId(inode - 1) if ROOT_INODE < inode < _TEXT_BIT else None


def folder_inode(path: tuple[str, ...]) -> int:
    """Return the inode of a folder: the same for the same path over all mounts."""
    if not path:
        return ROOT_INODE
    return _FOLDER_BIT | (_digest("/".join(path).encode()) & (_FOLDER_BIT - 1))


def text_inode(path: tuple[str, ...], text: bytes) -> int:
    """Return the inode of a text that is made up."""
    return _TEXT_BIT | (_digest("/".join(path).encode() + b"\0" + text) & (_TEXT_BIT - 1))


def _digest(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")
