"""A mount that is made without libfuse: the device, and the kernel's first request.

libfuse of Debian 12 does not ask for passthrough, and no libfuse lets others see its messages. So
the device is ours, by mount(2) or from fusermount3, and libfuse gets a socket in its place.
"""

import ctypes
import logging
import os
import platform
import select
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from modelfs.errors import Failed
from modelfs.fs import mountinfo
from modelfs.fs.kernel import wire
from modelfs.fs.permission import (
    PASSTHROUGH_SINCE,
    PERMIT,
    kernel_version,
    may_administer,
    permits_others,
)

log = logging.getLogger(__name__)

_DEVICE = "/dev/fuse"
_EVERYBODY = 0xFFFFFFFF
_INIT_TIMEOUT_S = 10

# sys/mount.h
_MS_RDONLY, _MS_NOSUID, _MS_NODEV = 1, 2, 4

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Device:
    """A mount of ours."""

    fd: int
    mountpoint: Path
    first: bytearray
    """The kernel's FUSE_INIT, which is still to be answered."""
    offer: wire.Offer

    def unmount(self) -> None:
        """Take the mount out of the tree, unless somebody else has, and end the connection."""
        if not _is_gone(self.fd) or _is_left_behind(self.mountpoint):
            try:
                mountinfo.unmount(self.mountpoint, lazy=True)
            except Failed as error:
                log.warning("%s", error.message)
        os.close(self.fd)


def obstacle(offer: wire.Offer) -> str | None:
    """Return what stands in the way of passthrough, as a clause; None when nothing does."""
    if kernel_version() < PASSTHROUGH_SINCE:
        since = ".".join(map(str, PASSTHROUGH_SINCE))
        return f"kernel {platform.release()} has no passthrough, which came with {since}"
    if not may_administer():
        return "this process lacks the capability CAP_SYS_ADMIN"
    if _is_in_user_namespace():
        return "a user namespace, as of a rootless container, gives no right to it"
    if not offer.passes_through:
        return f"this kernel was built without it (protocol 7.{offer.minor})"
    return None


def _is_in_user_namespace() -> bool:
    # user_namespaces(7): only the first one maps all ids to themselves.
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", str(_EVERYBODY)]


def mount(mountpoint: Path, *, allow_other: bool) -> Device:
    """Mount there, and read what the kernel offers; raises Failed, with nothing mounted."""
    fd = (_mounted if may_administer() else _asked_for)(mountpoint, allow_other)
    os.set_blocking(fd, False)
    first = _first_request(fd)
    device = Device(fd, mountpoint, first, wire.offer(first))
    if not first:
        device.unmount()
        raise Failed(f"the kernel mounts {mountpoint}, but asks nothing", "see dmesg")
    return device


def _mounted(mountpoint: Path, allow_other: bool) -> int:
    """Mount by mount(2), which needs CAP_SYS_ADMIN."""
    fd = os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    options = [
        f"fd={fd}",
        "rootmode=40000",
        f"user_id={os.getuid()}",
        f"group_id={os.getgid()}",
        *_options(allow_other),
    ]
    done = _libc.mount(
        b"modelfs",
        os.fsencode(mountpoint),
        mountinfo.FILE_SYSTEM_TYPE.encode(),
        ctypes.c_ulong(_MS_RDONLY | _MS_NOSUID | _MS_NODEV),
        ",".join(options).encode(),
    )
    if done != 0:
        number = ctypes.get_errno()
        os.close(fd)
        raise Failed(f"the kernel does not mount {mountpoint}: {os.strerror(number)}")
    return fd


def _options(allow_other: bool) -> list[str]:
    usual = ["default_permissions", f"max_read={wire.MAX_READ_BYTES}"]
    return [*usual, "allow_other"] if allow_other else usual


def _asked_for(mountpoint: Path, allow_other: bool) -> int:
    """Have fusermount3 mount, and take the descriptor that it sends as libfuse would."""
    program = shutil.which("fusermount3")
    if program is None:
        raise Failed(
            f"{mountpoint} cannot be mounted without fusermount3",
            "install fuse3 (Debian, Fedora and Arch call it so)",
        )
    if allow_other and not permits_others():
        raise Failed("no ordinary user of this machine may let others in", PERMIT)
    options = ["ro", "nosuid", "nodev", "fsname=modelfs", "subtype=modelfs", *_options(allow_other)]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        done = subprocess.run(
            [program, "-o", ",".join(options), "--", str(mountpoint)],
            env={**os.environ, "_FUSE_COMMFD": str(theirs.fileno())},
            pass_fds=[theirs.fileno()],
            capture_output=True,
            text=True,
            check=False,
        )
        theirs.close()
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    if done.returncode != 0 or not descriptors:
        said = (done.stderr.strip() or f"exit {done.returncode}").splitlines()[-1]
        raise Failed(f"{mountpoint} is not mounted: {said}")
    os.set_inheritable(descriptors[0], False)
    return descriptors[0]


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
    """Say whether the kernel has ended the connection: it was unmounted, or aborted."""
    poll = select.poll()
    poll.register(fd, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _is_left_behind(mountpoint: Path) -> bool:
    """Say whether a mount is there that nobody answers for: an aborted one stays in the tree."""
    mounts = mountinfo.mounts_at(mountpoint)
    is_ours = bool(mounts) and mounts[-1].kind == mountinfo.FILE_SYSTEM_TYPE
    return is_ours and mountinfo.answers(mountpoint) == "dead"


def socket_for_libfuse() -> tuple[socket.socket, socket.socket]:
    """Return our end and libfuse's of what carries one message a packet.

    Raises Failed where the system's limits do not let a whole message through.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * wire.BUFFER_BYTES)
        if end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) < 2 * wire.BUFFER_BYTES:
            ours.close()
            theirs.close()
            raise Failed("net.core.wmem_max is too small for FUSE's messages", "set it to 212992")
    return ours, theirs
