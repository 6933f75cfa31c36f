"""A file that somebody else owns, opened for reading and watched for changes meanwhile."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelfs.errors import BadInput, SourceChanged
from modelfs.store.trouble import explained

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class OpenSource:
    """An open regular file and what it was like when opened."""

    path: Path
    fd: int
    size_bytes: int
    mtime_ns: int
    device: int
    inode: int
    links: int
    owner: int
    is_link: bool
    """Whether ``path`` itself is a symbolic link to the file."""

    def check_unchanged(self) -> None:
        """Raise SourceChanged if the file was written to since it was opened."""
        now = os.fstat(self.fd)
        if (now.st_size, now.st_mtime_ns) != (self.size_bytes, self.mtime_ns):
            raise SourceChanged(
                f"{self.path} changed while it was being read",
                "nothing was added; wait until it is finished and add it again",
            )

    def is_still_at(self, path: Path) -> bool:
        """Say whether ``path`` names this very file, unwritten since, and no link to it."""
        try:
            now = os.lstat(path)
        except OSError:
            return False
        same_file = (now.st_dev, now.st_ino) == (self.device, self.inode)
        return same_file and (now.st_size, now.st_mtime_ns) == (self.size_bytes, self.mtime_ns)


@contextmanager
def open_source(path: Path) -> Iterator[OpenSource]:
    """Open a regular file for reading; raise BadInput for anything else, without blocking."""
    with explained(f"{path} cannot be read"):
        check_regular(path, os.stat(path))
        # Nonblocking, should a pipe have taken its place meanwhile.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(fd)
        check_regular(path, status)
        yield OpenSource(
            path,
            fd,
            status.st_size,
            status.st_mtime_ns,
            status.st_dev,
            status.st_ino,
            status.st_nlink,
            status.st_uid,
            path.is_symlink(),
        )
    finally:
        os.close(fd)


def check_regular(path: Path, status: os.stat_result) -> None:
    """Raise BadInput unless ``status`` is a regular file's."""
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file")
        raise BadInput(f"{path} is {kind}, not a model file")
