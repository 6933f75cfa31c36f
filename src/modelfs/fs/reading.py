"""Opening what the mount shows: a blob, or a text that is made up.

A blob that does not have all its bytes is damaged: the opener gets EIO, never an early end.
"""

import errno
import os

from modelfs.fs.kernel.reads import OpenFile
from modelfs.store import BlobStore
from modelfs.views import FileNode, TextNode


def open_text(node: TextNode) -> OpenFile:
    """Put a text that is made up where it is read like a blob."""
    name = node.path[-1]
    fd = os.memfd_create(name)
    os.pwrite(fd, node.text, 0)
    return OpenFile(fd, len(node.text), name, may_back=False)


def open_blob(store: BlobStore, node: FileNode) -> OpenFile:
    """Open the blob of a file, for a thread; raise OSError for one that is not whole."""
    file = node.file
    if file.state != "ok":
        raise OSError(errno.EIO, f"blob {file.blob} is known to be {file.state}")
    fd = store.open(file.blob)
    size_bytes = os.fstat(fd).st_size
    if size_bytes != file.size_bytes:
        os.close(fd)
        raise OSError(errno.EIO, f"blob {file.blob} has {size_bytes} bytes")
    # What is read ahead, and dropped again, is for whoever knows what the reader does.
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    return OpenFile(fd, file.size_bytes, f"blob {file.blob}", may_back=True)
