"""Inode numbers: a file's is its catalogue row, a folder's comes from its path.

Rows are never reused, so neither are file inodes, and every place that shows a file shows the
same inode: hard links. Folder inodes have bit 62 set, which no row reaches.
"""

from hashlib import blake2b

from modelfs.types import FileId

ROOT_INODE = 1
_FOLDER_BIT = 1 << 62


def file_inode(file: FileId) -> int:
    """Return the inode of a file; 1 is the root's, so rows are shifted by one."""
    return file + 1


def file_of_inode(inode: int) -> FileId | None:
    """Return the file of an inode, or None when it is a folder's."""
    return FileId(inode - 1) if ROOT_INODE < inode < _FOLDER_BIT else None


def folder_inode(path: tuple[str, ...]) -> int:
    """Return the inode of a folder: the same for the same path over all mounts."""
    if not path:
        return ROOT_INODE
    digest = blake2b("/".join(path).encode(), digest_size=8).digest()
    return _FOLDER_BIT | (int.from_bytes(digest, "big") & (_FOLDER_BIT - 1))
