"""A mount that is made without libfuse: the device, mount(2), and the kernel's first request.

libfuse of Debian 12 does not ask for passthrough, and no libfuse lets others see its messages. So
the device is ours, and libfuse gets a socket in its place.
"""

import ctypes
import os
import platform
import re
import select
import socket
from dataclasses import dataclass
from pathlib import Path

from modelfs.errors import Failed
from modelfs.fs.mountinfo import FILE_SYSTEM_TYPE
from modelfs.fs.passthrough import wire

_DEVICE = "/dev/fuse"
_FIRST_KERNEL = (6, 9)
_CAP_SYS_ADMIN = 21  # linux/capability.h
_EVERYBODY = 0xFFFFFFFF
_INIT_TIMEOUT_S = 10

# sys/mount.h
_MS_RDONLY, _MS_NOSUID, _MS_NODEV = 1, 2, 4
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


class NotOffered(Exception):
    """Passthrough cannot be had here; the message is a clause that says why."""


@dataclass(frozen=True, slots=True)
class Device:
    """A mount of ours whose kernel offers passthrough."""

    fd: int
    mountpoint: Path
    first: bytearray
    """The kernel's FUSE_INIT, which is still to be answered."""
    offer: wire.Offer

    def unmount(self) -> None:
        """Take the mount out of the tree, unless somebody else has, and end the connection."""
        if not _is_gone(self.fd):
            _libc.umount2(os.fsencode(self.mountpoint), _MNT_DETACH)
        os.close(self.fd)


def obstacle() -> str | None:
    """Return why this process cannot have passthrough, as a clause; None when it is to be tried."""
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    if release is None or (int(release[1]), int(release[2])) < _FIRST_KERNEL:
        return f"kernel {platform.release()} has no passthrough, which came with 6.9"
    if not _has_sys_admin():
        return "this process lacks the capability CAP_SYS_ADMIN"
    if _is_in_user_namespace():
        return "a user namespace, as of a rootless container, gives no right to it"
    return None


def _has_sys_admin() -> bool:
    status = Path("/proc/self/status").read_text()
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return effective is not None and bool(int(effective[1], 16) >> _CAP_SYS_ADMIN & 1)


def _is_in_user_namespace() -> bool:
    # user_namespaces(7): only the first one maps all ids to themselves.
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", str(_EVERYBODY)]


def mount(mountpoint: Path, *, allow_other: bool) -> Device:
    """Mount there, and read what the kernel offers.

    Raises NotOffered, with nothing mounted, when that is not passthrough, and Failed when the
    kernel does not mount at all.
    """
    fd = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _mount(fd, mountpoint, allow_other)
    except BaseException:
        os.close(fd)
        raise
    first = _first_request(fd)
    device = Device(
        fd, mountpoint, first, wire.offer(first) if first else wire.Offer(0, False, False)
    )
    if device.offer.passes_through:
        return device
    device.unmount()
    if not first:
        raise NotOffered("the kernel did not begin to speak")
    raise NotOffered(f"this kernel was built without it (protocol 7.{device.offer.minor})")


def _mount(fd: int, mountpoint: Path, allow_other: bool) -> None:
    options = [
        f"fd={fd}",
        "rootmode=40000",
        f"user_id={os.getuid()}",
        f"group_id={os.getgid()}",
        "default_permissions",
        f"max_read={wire.MAX_MESSAGE_BYTES}",
    ]
    if allow_other:
        options.append("allow_other")
    done = _libc.mount(
        b"modelfs",
        os.fsencode(mountpoint),
        FILE_SYSTEM_TYPE.encode(),
        ctypes.c_ulong(_MS_RDONLY | _MS_NOSUID | _MS_NODEV),
        ",".join(options).encode(),
    )
    if done != 0:
        reason = os.strerror(ctypes.get_errno())
        raise Failed(f"the kernel does not mount {mountpoint}: {reason}")


def _first_request(fd: int) -> bytearray:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if not poll.poll(_INIT_TIMEOUT_S * 1000):
        return bytearray()
    try:
        return bytearray(os.read(fd, wire.BUFFER_BYTES))
    except OSError:
        return bytearray()


def _is_gone(fd: int) -> bool:
    """Say whether the kernel has ended the connection, because it was unmounted."""
    poll = select.poll()
    poll.register(fd, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def socket_for_libfuse() -> tuple[socket.socket, socket.socket]:
    """Return our end and libfuse's of what carries one message a packet.

    Raises NotOffered where the system's limits do not let a whole message through.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * wire.BUFFER_BYTES)
        if end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) < 2 * wire.BUFFER_BYTES:
            ours.close()
            theirs.close()
            raise NotOffered("net.core.wmem_max is too small for its messages")
    return ours, theirs
