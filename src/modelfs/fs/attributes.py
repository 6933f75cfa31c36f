"""A node's attributes as the kernel wants them."""

import os
import stat

import pyfuse3

from modelfs.fs.known import inode_of
from modelfs.views import FileNode, FolderPath, Node, TextNode
from modelfs.views.placement import BY_TAG

LONG_S = 86400.0
"""For what changes only with an invalidation."""

SHORT_S = 1.0
"""For combined tags and what is in them."""

_FILE_MODE = stat.S_IFREG | 0o444
_FOLDER_MODE = stat.S_IFDIR | 0o555
_LINK_MODE = stat.S_IFLNK | 0o777
_BLOCK_BYTES = 128 << 10
_UID, _GID = os.getuid(), os.getgid()


def is_combined(path: FolderPath) -> bool:
    """Say whether a path is that of a combined tag: made when named, so nobody is told of it."""
    return len(path) == 2 and path[0] == BY_TAG and "+" in path[1]


def attributes(node: Node, links: int, target: str | None = None) -> pyfuse3.EntryAttributes:
    """Describe a node. ``links`` is a file's number of places; ``target`` makes it a symlink."""
    entry = pyfuse3.EntryAttributes()
    entry.st_ino = inode_of(node)
    entry.st_uid, entry.st_gid = _UID, _GID
    entry.st_blksize = _BLOCK_BYTES
    if isinstance(node, FileNode):
        file = node.file
        entry.st_mode = _FILE_MODE if target is None else _LINK_MODE
        entry.st_nlink = links
        entry.st_size = file.size_bytes if target is None else len(os.fsencode(target))
        here = target is None and file.state != "remote"
        entry.st_blocks = (file.size_bytes + 511) // 512 if here else 0
        mtime_ns = file.mtime_ns
        ctime_ns = int(node.model.added_at * 1e9)
        entry.entry_timeout = entry.attr_timeout = LONG_S
    elif isinstance(node, TextNode):
        entry.st_mode = _FILE_MODE
        entry.st_nlink = 1
        entry.st_size = len(node.text)
        entry.st_blocks = (entry.st_size + 511) // 512
        mtime_ns = ctime_ns = node.mtime_ns
        entry.entry_timeout = entry.attr_timeout = LONG_S
    else:
        entry.st_mode = _FOLDER_MODE
        entry.st_nlink = 1  # find(1) then makes no guess about subfolders
        entry.st_size = 0
        mtime_ns = ctime_ns = node.mtime_ns
        entry.entry_timeout = LONG_S
        entry.attr_timeout = SHORT_S if is_combined(node.path) else LONG_S
    entry.st_mtime_ns = entry.st_atime_ns = mtime_ns
    entry.st_ctime_ns = ctime_ns
    return entry


def absent(seconds: float) -> pyfuse3.EntryAttributes:
    """Say "no such name", and that the kernel may remember it for a while."""
    entry = pyfuse3.EntryAttributes()
    entry.st_ino = 0
    entry.entry_timeout = seconds
    return entry
