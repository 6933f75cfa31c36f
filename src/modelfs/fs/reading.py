"""Serving bytes of blobs: from the page cache at once, from the disk in a thread.

A blob that cannot give all its bytes is damaged: the reader gets EIO, never an early end. Bytes
come from ``preadv``, not from a memory map: libfuse cannot report a map that fails at some place,
and the reader would see an end of file with no error.
"""

import errno
import logging
import os
from dataclasses import dataclass

import pyfuse3
import trio

from modelfs.store import BlobStore
from modelfs.types import BlobId
from modelfs.views import FileNode, TextNode

log = logging.getLogger(__name__)

_LARGEST_READ_BYTES = 1 << 20
"""More than the kernel asks for at once (FUSE_MAX_MAX_PAGES is 256 pages)."""

_READ_AHEAD_BYTES = 4 << 20
_THREADS = 8


@dataclass(frozen=True, slots=True)
class OpenBlob:
    """A blob that somebody reads through the mount."""

    fd: int
    blob: BlobId | None
    """None for a text that is made up."""
    size_bytes: int


def open_text(node: TextNode) -> OpenBlob:
    """Put a text that is made up where it is read like a blob."""
    fd = os.memfd_create(node.path[-1])
    os.pwrite(fd, node.text, 0)
    return OpenBlob(fd, None, len(node.text))


def open_blob(store: BlobStore, node: FileNode) -> OpenBlob:
    """Open the blob of a file, for a thread; raise OSError for one that is not whole."""
    file = node.file
    if file.state != "ok":
        raise OSError(errno.EIO, f"blob {file.blob} is known to be {file.state}")
    fd = store.open(file.blob)
    size_bytes = os.fstat(fd).st_size
    if size_bytes != file.size_bytes:
        os.close(fd)
        raise OSError(errno.EIO, f"blob {file.blob} has {size_bytes} bytes")
    return OpenBlob(fd, file.blob, file.size_bytes)


class Reader:
    """Answers read requests. Lives on the loop."""

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(_LARGEST_READ_BYTES))
        self._threads = trio.CapacityLimiter(_THREADS)

    async def read(self, file: OpenBlob, offset: int, size_bytes: int) -> memoryview | bytes:
        """Return the bytes asked for, fewer only at the blob's end; raise FUSEError(EIO).

        The result may be the one reused buffer, which is free again after the reply: there is no
        await between here and the reply.
        """
        wanted = min(size_bytes, file.size_bytes - offset)
        if wanted <= 0:
            return b""
        if wanted <= _LARGEST_READ_BYTES:
            view = self._buffer[:wanted]
            try:
                if os.preadv(file.fd, [view], offset, os.RWF_NOWAIT) == wanted:
                    return view
            except OSError as error:
                # EAGAIN: not cached (it may also be said of cached pages). EOPNOTSUPP: not offered.
                if error.errno not in (errno.EAGAIN, errno.EOPNOTSUPP):
                    raise self._failed(file, offset, str(error)) from error
        return await trio.to_thread.run_sync(
            self._read_cold, file, offset, wanted, limiter=self._threads
        )

    def _read_cold(self, file: OpenBlob, offset: int, wanted: int) -> memoryview:
        """Read from the disk, and have it go on with what comes next."""
        view = memoryview(bytearray(wanted))
        done = 0
        try:
            os.posix_fadvise(file.fd, offset + wanted, _READ_AHEAD_BYTES, os.POSIX_FADV_WILLNEED)
            while done < wanted:
                count = os.preadv(file.fd, [view[done:]], offset + done)
                if count == 0:
                    raise self._failed(file, offset + done, "it ends too early")
                done += count
        except OSError as error:
            raise self._failed(file, offset + done, str(error)) from error
        return view

    def _failed(self, file: OpenBlob, offset: int, why: str) -> pyfuse3.FUSEError:
        log.error("blob %s cannot be read at %d: %s", file.blob, offset, why)
        return pyfuse3.FUSEError(errno.EIO)
