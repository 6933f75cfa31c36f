"""The kernel's backing ids: one for each inode that is open, released with its last open file.

The kernel refuses an open that does not agree with those that live (fs/fuse/iomode.c): an inode
is read either through its backing file or through the mount's own pages, never both, and all
opens of it must name the same id. So what the first decided holds until the last is closed.
"""

import errno
import fcntl
import logging
import os
import struct
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

log = logging.getLogger(__name__)

# _IOW(229, 1, struct fuse_backing_map {s32 fd; u32 flags; u64 padding}) and _IOW(229, 2, u32).
_BACKING_OPEN: Final = 0x4010E501
_BACKING_CLOSE: Final = 0x4004E502
_BACKING_MAP: Final = struct.Struct("=iIQ")
_BACKING_ID: Final = struct.Struct("=I")


class Mode(Enum):
    """How an open file is read."""

    BACKED = "by the kernel from its backing file"
    CACHED = "through us into the mount's pages"
    DIRECT = "through us, each read anew"


@dataclass(slots=True)
class _Inode:
    """What is open of one inode."""

    backing: int | None
    """None when the first open could not be backed: then all are served."""
    file: tuple[int, int]
    """Device and inode of the blob."""
    handles: set[int] = field(default_factory=set)


class Backings:
    """The backing ids of one mount. Lives on the loop."""

    def __init__(self, device: int) -> None:
        self._device = device
        self._inodes: dict[int, _Inode] = {}
        self._told: set[int] = set()
        self.unbacked = ""
        """Why a file that should have been read directly is served, the last time that was so."""

    def open(self, inode: int, handle: int, fd: int | None) -> tuple[Mode, int]:
        """Say how a file is read that is just being opened, and its backing id if it has one.

        ``fd`` is the file to read from, None for one that is made up and always served.
        """
        file = _identity(fd) if fd is not None else (0, 0)
        use = self._inodes.get(inode)
        if use is None:
            use = _Inode(self._back(fd) if fd is not None else None, file)
            self._inodes[inode] = use
        if use.backing is None:
            use.handles.add(handle)
            return Mode.CACHED, 0
        if use.file != file:
            # Healed while somebody has the damaged bytes open: the kernel allows no second id.
            return Mode.DIRECT, 0
        use.handles.add(handle)
        return Mode.BACKED, use.backing

    def release(self, inode: int, handle: int) -> None:
        """Take note that an open file is closed; with the last one its id goes."""
        use = self._inodes.get(inode)
        if use is None:
            return
        use.handles.discard(handle)
        if not use.handles:
            del self._inodes[inode]
            self._let_go(use)

    def __len__(self) -> int:
        return len(self._inodes)

    def _back(self, fd: int) -> int | None:
        # Into what is mutable, for then fcntl.ioctl returns the kernel's answer, which is the id.
        asked = bytearray(_BACKING_MAP.pack(fd, 0, 0))
        try:
            backing: int = fcntl.ioctl(self._device, _BACKING_OPEN, asked)
        except OSError as error:
            self._say_once(error)
            return None
        return backing

    def _let_go(self, use: _Inode) -> None:
        if use.backing is None:
            return
        try:
            fcntl.ioctl(self._device, _BACKING_CLOSE, _BACKING_ID.pack(use.backing))
        except OSError as error:
            log.warning("backing id %d is not released: %s", use.backing, error.strerror)

    def _say_once(self, error: OSError) -> None:
        number = error.errno or 0
        self.unbacked = _REASONS.get(number, f"the kernel says: {os.strerror(number)}")
        if number not in self._told:
            self._told.add(number)
            log.warning("files are served that should be read directly: %s", self.unbacked)


_REASONS = {
    errno.ELOOP: "the store is on a stacked file system, such as an overlay or another FUSE mount",
    errno.EPERM: "the kernel wants CAP_SYS_ADMIN outside of any container for it",
    errno.EOPNOTSUPP: "the store's file system cannot be read from directly",
}


def _identity(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino
