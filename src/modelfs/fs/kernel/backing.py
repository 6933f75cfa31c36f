"""The kernel's backing ids: one for each inode that is open, released with its last open file.

The kernel refuses an open that does not agree with those that live (fs/fuse/iomode.c): an inode
is read either through its backing file or through the mount's own pages, never both, and all
opens of it must name the same id. So what the first decided holds until the last is closed, and
a blob that was healed meanwhile cannot be opened before: its inode still stands for the damage.
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
    RENEWED = "as cached, but what the pages hold is another file's"
    REFUSED = "not before those who have another file open under this inode close it"


_Identity = tuple[int, int]
"""Device and inode of a blob."""


@dataclass(slots=True)
class _Inode:
    """What is open of one inode."""

    backing: int | None
    """None when the first open could not be backed: then all are served."""
    file: _Identity | None
    """None for what is made up, which is the same bytes whenever it is opened."""
    handles: set[int] = field(default_factory=set)


Opened = tuple[Mode, int]


class Backings:
    """The backing ids of one mount. Lives on the loop."""

    def __init__(self, device: int) -> None:
        self._device = device
        self._inodes: dict[int, _Inode] = {}
        self._pages: dict[int, tuple[int, int, int] | None] = {}
        """What the mount's pages of an inode were filled from, open or not."""
        self._told: set[int] = set()
        self.unbacked = ""
        """Why a file that should have been read directly is served, the last time that was so."""

    def open(self, inode: int, handle: int, fd: int, *, is_blob: bool, back: bool) -> Opened:
        """Say how a file is read that is just being opened, and its backing id if it has one.

        ``fd`` is the file to read from; ``back`` has the kernel read it, if nobody who has the
        inode open reads otherwise. One that is refused counts as never opened.
        """
        status = os.fstat(fd)
        file = (status.st_dev, status.st_ino) if is_blob else None
        use = self._inodes.get(inode)
        if use is None:
            use = self._inodes[inode] = _Inode(self._back(fd) if back else None, file)
        elif use.file != file:
            return Mode.REFUSED, 0
        use.handles.add(handle)
        if use.backing is not None:
            return Mode.BACKED, use.backing
        # With the time, for a disk gives the inode of what was deleted to the next file.
        filled = (*file, status.st_ctime_ns) if file else None
        renewed = self._pages.get(inode, filled) != filled
        self._pages[inode] = filled
        return Mode.RENEWED if renewed else Mode.CACHED, 0

    def release(self, inode: int, handle: int) -> None:
        """Take note that an open file is closed; with the last one its id goes."""
        use = self._inodes.get(inode)
        if use is None:
            return
        use.handles.discard(handle)
        if not use.handles:
            del self._inodes[inode]
            self._let_go(use)

    def distrust(self, inode: int) -> None:
        """Have the pages of an inode dropped when it is opened next, whatever they hold."""
        self._pages[inode] = None

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
