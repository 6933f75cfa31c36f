"""The one place for durable writes: what survives a power cut, in which order.

The rule (shared by every caller): bytes, then mode, then ``fsync`` of the file, then its final
name without replacing, then ``fsync`` of the folder, and only then a pointer to it. A failed
``fsync`` is final: the kernel may have dropped the dirty pages, so the file is thrown away.
"""

import ctypes
import errno
import fcntl
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelfs.errors import NoSpace
from modelfs.units import format_size

FICLONE = 0x40049409
"""ioctl of linux/fs.h: share the extents of a whole file, copy on write."""

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
"""linux/fs.h, renameat2(2)."""
_SYNC_FILE_RANGE_WRITE = 2
"""linux/fs.h, sync_file_range(2): start, do not wait."""

_NO_CLONE = {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM}
_NO_KERNEL_COPY = {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}
_COPY_BUFFER_BYTES = 1 << 20


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable. Raises OSError, except where folders cannot be synced."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network and FUSE file systems have no fsync for folders and say EINVAL.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(fd)


def make_folder(path: Path) -> None:
    """Create a folder and its parents, each made durable in the folder that names it."""
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        try:
            folder.mkdir(mode=0o755)
        except FileExistsError:
            continue
        fsync_folder(folder.parent)


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a small file atomically: after a power cut it has the old bytes or the new ones."""
    beside = path.with_name(f".{path.name}.tmp")
    with draft(beside, mode) as fd:
        write_all(fd, content)
        os.fsync(fd)
        os.rename(beside, path)
    fsync_folder(path.parent)


@contextmanager
def draft(path: Path, mode: int) -> Iterator[int]:
    """Give the descriptor of an empty file at ``path`` that nobody else writes meanwhile.

    The caller renames it to where it belongs; when the block fails the file is removed. Give the
    same name each time: what a killed writer left there is then taken over, not left for ever.
    """
    fd = _open_alone(path, mode)
    try:
        yield fd
    except BaseException:
        # Safety: under our lock this name can only be our draft, or nothing.
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)


def _open_alone(path: Path, mode: int) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_only_name(path, fd):
                os.ftruncate(fd, 0)
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _is_only_name(path: Path, fd: int) -> bool:
    """Say whether an open file is still at ``path`` and nowhere else; drop the name if it is."""
    try:
        here, opened = os.lstat(path), os.fstat(fd)
    except FileNotFoundError:
        return False
    if (here.st_dev, here.st_ino) != (opened.st_dev, opened.st_ino):
        return False  # whoever we waited for has renamed it to where it belongs
    if opened.st_nlink > 1:
        # Killed between link and unlink: these are the finished file's bytes, not a draft's.
        path.unlink()
        return False
    return True


def write_all(fd: int, content: bytes | memoryview) -> None:
    """Write every byte at the descriptor's position; raises OSError."""
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def write_at(fd: int, content: memoryview, offset: int) -> None:
    """Write every byte at ``offset``; raises OSError."""
    while content:
        count = os.pwritev(fd, [content], offset)
        content, offset = content[count:], offset + count


def start_writing(fd: int, offset: int, size_bytes: int) -> None:
    """Have the disk begin with these bytes now, so that a later ``fsync`` finds less to do.

    A hint and no more: it waits for nothing and promises nothing. Errors are the ``fsync``'s.
    """
    function = _sync_file_range()
    if function is not None:
        function(fd, offset, size_bytes, _SYNC_FILE_RANGE_WRITE)


@functools.cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    function = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if function is None:
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    function.restype = ctypes.c_int
    return function  # type: ignore[no-any-return]  # a ctypes function


@functools.cache
def _renameat2() -> Callable[[int, bytes, int, bytes, int], int] | None:
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return None
    function.argtypes = [
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_uint,
    ]
    function.restype = ctypes.c_int
    return function  # type: ignore[no-any-return]  # a ctypes function


def rename_without_replacing(source: Path, target: Path) -> None:
    """Rename, raising FileExistsError when the new name is taken. Not yet durable.

    Where the C library or the file system has no RENAME_NOREPLACE, a hard link does the same.
    """
    function = _renameat2()
    if function is not None:
        names = os.fsencode(source), os.fsencode(target)
        number = errno.EINTR
        while number == errno.EINTR:  # Python's own calls go on by themselves, this one does not
            if function(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_NOREPLACE) == 0:
                return
            number = ctypes.get_errno()
        if number not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(number, os.strerror(number), str(source), None, str(target))
    os.link(source, target)
    os.unlink(source)


def clone(source_fd: int, target_fd: int) -> bool:
    """Reflink a whole file onto an empty one; False where the file systems cannot."""
    try:
        fcntl.ioctl(target_fd, FICLONE, source_fd)
    except OSError as error:
        if error.errno in _NO_CLONE:
            return False
        raise
    return True


def preallocate(fd: int, size_bytes: int) -> None:
    """Reserve the blocks of a file so that a full disk shows before the bytes do; raises OSError.

    ENOSPC is raised; a file system without fallocate is left as it is.
    """
    if size_bytes == 0:
        return
    try:
        os.posix_fallocate(fd, 0, size_bytes)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


def copy_range(source_fd: int, target_fd: int, offset: int, size_bytes: int) -> int:
    """Copy bytes to the same offset of another file, in the kernel where it can.

    Returns the bytes copied: fewer than asked only when the source ends early.
    """
    done = 0
    while done < size_bytes:
        count = _copy_some(source_fd, target_fd, offset + done, size_bytes - done)
        if count == 0:
            break
        done += count
    return done


def _copy_some(source_fd: int, target_fd: int, offset: int, size_bytes: int) -> int:
    try:
        count = os.copy_file_range(source_fd, target_fd, size_bytes, offset, offset)
        if count:
            return count
        # 0 is the end of the file, but some kernels also say it for files of /proc and FUSE.
    except OSError as error:
        if error.errno not in _NO_KERNEL_COPY:
            raise
    content = os.pread(source_fd, min(size_bytes, _COPY_BUFFER_BYTES), offset)
    write_at(target_fd, memoryview(content), offset)
    return len(content)


def free_bytes(folder: Path) -> int:
    """Return what an ordinary user may still write on the disk of ``folder``."""
    stats = os.statvfs(folder)
    return stats.f_bavail * stats.f_frsize


def require_space(folder: Path, needed_bytes: int, reserve_bytes: int) -> None:
    """Raise NoSpace unless ``needed_bytes`` fit on the disk and leave the reserve free."""
    free = free_bytes(folder)
    if needed_bytes + reserve_bytes <= free:
        return
    raise NoSpace(
        f"{format_size(needed_bytes)} are needed, {format_size(free)} are free on the disk of "
        f"{folder}, and {format_size(reserve_bytes)} of that are kept in reserve",
        "free some space (modelfs trash empty, modelfs gc) or lower the reserve "
        "(modelfs config reserve=1GB)",
    )
