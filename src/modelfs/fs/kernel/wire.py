"""The kernel's FUSE messages, as far as the relay reads or changes them.

Names, numbers and layouts are those of Linux's include/uapi/linux/fuse.h, protocol 7.40 (Linux
6.9, the first with passthrough) and later; the kernel only ever appends to them. All are in the
machine's byte order. Everything here is pure: bytes in, values or changed bytes out.
"""

import errno
import os
import struct
from dataclasses import dataclass
from typing import Final

KERNEL_VERSION: Final = 7
"""FUSE_KERNEL_VERSION."""
PASSTHROUGH_MINOR: Final = 40
"""The first minor with fuse_open_out.backing_id and fuse_init_out.max_stack_depth."""
EPOCH_MINOR: Final = 44
"""The first minor with FUSE_NOTIFY_INC_EPOCH."""

GONE: Final = (errno.ENODEV, errno.ECONNABORTED)
"""What the device says once the mount is gone."""
UNWANTED: Final = (errno.ENOENT, *GONE)
"""What it says to a message that nobody waits for any more: who asked was killed, the kernel has
dropped the inode, or the mount is gone."""

# enum fuse_opcode
OPEN: Final = 14
READ: Final = 15
RELEASE: Final = 18
INIT: Final = 26
READDIR: Final = 28
INTERRUPT: Final = 36
READDIRPLUS: Final = 44

# enum fuse_notify_code
_NOTIFY_INVAL_INODE: Final = 2
_NOTIFY_INVAL_ENTRY: Final = 3
_NOTIFY_INC_EPOCH: Final = 8

# Flags of FUSE_INIT; those from bit 32 on are in flags2.
_SPLICE: Final = 1 << 7 | 1 << 8 | 1 << 9  # FUSE_SPLICE_WRITE, _MOVE, _READ
_INIT_EXT: Final = 1 << 30
_PASSTHROUGH: Final = 1 << (37 - 32)

# Flags of fuse_open_out.open_flags.
_FOPEN_KEEP_CACHE: Final = 1 << 1
_FOPEN_PASSTHROUGH: Final = 1 << 7

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STACK_DEPTH: Final = 1
"""fuse_init_out.max_stack_depth: a blob's disk may be no stacked file system itself."""

MAX_READ_BYTES: Final = 512 << 10
"""The most that the kernel asks for at once. With 1 MiB, a reply and its header would not fit the
1 MiB that a pipe may hold (fs.pipe-max-size)."""

MAX_MESSAGE_BYTES: Final = 128 << 10
"""The most that a write or a listing carries, so that each message fits the socket that ordinary
systems allow (net.core.wmem_max, 208 KiB). Reads do not pass the socket."""

BUFFER_BYTES: Final = MAX_MESSAGE_BYTES + 4096
"""For any message with its headers. The kernel fills what a reader offers, with forgets above all,
and asks for room for fuse_in_header, fuse_write_in and max_write."""

_IN_HEADER: Final = struct.Struct("=IIQQIIIHH")  # len opcode unique nodeid uid gid pid extlen pad
_OUT_HEADER: Final = struct.Struct("=IiQ")  # len error unique
HEADER_BYTES: Final = _OUT_HEADER.size
_INIT_IN: Final = struct.Struct("=IIIII")  # major minor max_readahead flags flags2
_INIT_OUT: Final = struct.Struct("=IIIIHHIIHHII")
"""major minor max_readahead flags max_background congestion_threshold max_write time_gran
max_pages map_alignment flags2 max_stack_depth; reserved fields follow."""
_INIT_OUT_BYTES: Final = 64
_OPEN_OUT: Final = struct.Struct("=QIi")  # fh open_flags backing_id
_READ_IN: Final = struct.Struct("=QQI")  # fh offset size; flags follow. Also of a listing
_RELEASE_IN: Final = struct.Struct("=Q")  # fh; flags follow
_INVAL_ENTRY_OUT: Final = struct.Struct("=QII")  # parent namelen flags
_INVAL_INODE_OUT: Final = struct.Struct("=Qqq")  # ino off len

Buffer = bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Request:
    """The header of what the kernel asks."""

    opcode: int
    unique: int
    inode: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What the kernel says of itself in its first request."""

    minor: int
    passes_through: bool
    """Whether this kernel was built with passthrough, in a protocol that we know."""
    has_epoch: bool


def request(message: Buffer) -> Request:
    """Read the header of a request; raises struct.error for what is shorter than one."""
    _, opcode, unique, inode, *_ = _IN_HEADER.unpack_from(message)
    return Request(opcode, unique, inode)


def offer(message: Buffer) -> Offer:
    """Read the kernel's FUSE_INIT request."""
    if request(message).opcode != INIT or len(message) < _IN_HEADER.size + _INIT_IN.size:
        return Offer(0, False, False)  # a kernel before 7.36 does not say flags2
    major, minor, _, _, flags2 = _INIT_IN.unpack_from(message, _IN_HEADER.size)
    known = major == KERNEL_VERSION
    return Offer(
        minor,
        known and minor >= PASSTHROUGH_MINOR and bool(flags2 & _PASSTHROUGH),
        known and minor >= EPOCH_MINOR,
    )


def without_splice(message: Buffer) -> None:
    """Take the splice flags out of FUSE_INIT, so that libfuse reads and writes plainly."""
    at = _IN_HEADER.size
    major, minor, readahead, flags, flags2 = _INIT_IN.unpack_from(message, at)
    _INIT_IN.pack_into(message, at, major, minor, readahead, flags & ~_SPLICE, flags2)


def accept(reply: Buffer, *, passthrough: bool) -> bool:
    """Ask for messages that fit in the reply to FUSE_INIT, and for passthrough if it is wanted.

    False, and nothing changed, for a reply that is not as we know it.
    """
    size, error, _ = _OUT_HEADER.unpack_from(reply)
    if error or len(reply) != size or size != _OUT_HEADER.size + _INIT_OUT_BYTES:
        return False
    values = list(_INIT_OUT.unpack_from(reply, _OUT_HEADER.size))
    if values[0] != KERNEL_VERSION:
        return False
    # The kernel takes the smaller of this and its own: 128 KiB, or what a udev rule has set by now.
    values[2] = max(values[2], MAX_READ_BYTES)
    values[6] = min(values[6], MAX_MESSAGE_BYTES)
    values[8] = MAX_READ_BYTES // PAGE_BYTES
    if passthrough:
        values[3] |= _INIT_EXT
        values[10] |= _PASSTHROUGH
        values[11] = _STACK_DEPTH
    _INIT_OUT.pack_into(reply, _OUT_HEADER.size, *values)
    return True


def reply_unique(reply: Buffer) -> int:
    """Return which request a reply is to."""
    unique: int = _OUT_HEADER.unpack_from(reply)[2]
    return unique


def opened(reply: Buffer) -> int | None:
    """Return the handle that a reply to FUSE_OPEN gives; None when it is an error."""
    size, error, _ = _OUT_HEADER.unpack_from(reply)
    if error or len(reply) != size or size != _OUT_HEADER.size + _OPEN_OUT.size:
        return None
    handle: int = _OPEN_OUT.unpack_from(reply, _OUT_HEADER.size)[0]
    return handle


def back(reply: Buffer, backing: int) -> None:
    """Have the kernel read from a backing file, in the reply to FUSE_OPEN."""
    handle, flags, _ = _OPEN_OUT.unpack_from(reply, _OUT_HEADER.size)
    flags = flags & ~_FOPEN_KEEP_CACHE | _FOPEN_PASSTHROUGH
    _OPEN_OUT.pack_into(reply, _OUT_HEADER.size, handle, flags, backing)


def renew(reply: Buffer) -> None:
    """Have the kernel drop the pages that it has of a file, in the reply to FUSE_OPEN."""
    handle, flags, backing = _OPEN_OUT.unpack_from(reply, _OUT_HEADER.size)
    _OPEN_OUT.pack_into(reply, _OUT_HEADER.size, handle, flags & ~_FOPEN_KEEP_CACHE, backing)


def read(message: Buffer) -> tuple[int, int, int]:
    """Return handle, offset and size in bytes of what FUSE_READ asks for."""
    handle, offset, size = _READ_IN.unpack_from(message, _IN_HEADER.size)
    return handle, offset, size


def name_folder(message: Buffer) -> None:
    """Put the folder's inode where FUSE_READDIR has a handle, and ask for what fits a message.

    Folders are not opened (the kernel may do without since 7.29), so the handle says nothing.
    """
    inode = request(message).inode
    _, offset, size = _READ_IN.unpack_from(message, _IN_HEADER.size)
    _READ_IN.pack_into(message, _IN_HEADER.size, inode, offset, min(size, MAX_MESSAGE_BYTES))


def header(unique: int, size_bytes: int) -> bytes:
    """Return what stands before so many bytes of a reply."""
    return _OUT_HEADER.pack(HEADER_BYTES + size_bytes, 0, unique)


def failure(unique: int, number: int) -> bytes:
    """Return the reply that says an errno."""
    return _OUT_HEADER.pack(HEADER_BYTES, -number, unique)


def released(message: Buffer) -> int:
    """Return the handle that FUSE_RELEASE gives up."""
    handle: int = _RELEASE_IN.unpack_from(message, _IN_HEADER.size)[0]
    return handle


def forget_name(folder: int, name: bytes) -> bytes:
    """Say that a name in a folder is to be looked up again."""
    body = _INVAL_ENTRY_OUT.pack(folder, len(name), 0) + name + b"\0"
    return _notice(_NOTIFY_INVAL_ENTRY, body)


def forget_attributes(inode: int) -> bytes:
    """Say that the attributes of an inode are to be asked for again; its pages stay."""
    return _notice(_NOTIFY_INVAL_INODE, _INVAL_INODE_OUT.pack(inode, -1, 0))


def forget_all_names() -> bytes:
    """Say that every name is to be looked up again when it is used next."""
    return _notice(_NOTIFY_INC_EPOCH, b"")


def _notice(code: int, body: bytes) -> bytes:
    # A notice is a reply to no request: unique 0, and its code where an error would be.
    return _OUT_HEADER.pack(_OUT_HEADER.size + len(body), code, 0) + body


# What is pushed into the kernel's page cache before it is asked for.

_NOTIFY_STORE: Final = 4
_STORE_OUT: Final = struct.Struct("=QQII")  # nodeid offset size padding
STORING_BYTES: Final = _OUT_HEADER.size + _STORE_OUT.size
"""What stands before the bytes."""


def storing(inode: int, offset: int, size_bytes: int) -> bytes:
    """Return what stands before so many bytes that the kernel is to have in its page cache.

    They must be whole pages, or go to the end of the file, and not beyond: the kernel would take
    the file to be longer.
    """
    head = _OUT_HEADER.pack(STORING_BYTES + size_bytes, _NOTIFY_STORE, 0)
    return head + _STORE_OUT.pack(inode, offset, size_bytes, 0)
