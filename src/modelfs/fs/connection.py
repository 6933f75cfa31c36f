"""The connection to the kernel: which way reads take, and making and ending it.

Passthrough is used wherever it can be had; what stands in its way is said, and the served way is
taken, which is libfuse's own mount.
"""

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import pyfuse3

from modelfs.errors import Failed
from modelfs.fs.operations import Operations
from modelfs.fs.passthrough import device as kernel
from modelfs.fs.passthrough.device import Device, NotOffered
from modelfs.fs.passthrough.notices import Notices
from modelfs.fs.passthrough.relay import Relay
from modelfs.fs.requests import take_quickly

log = logging.getLogger(__name__)

ForgetName = Callable[[int, bytes], None]
ForgetAttributes = Callable[[int], None]
ForgetAll = Callable[[], None]
ReadPath = Literal["passthrough", "served", "links"]

_BACKED = "the kernel reads the blobs itself; nothing passes modelfs"
_LINKED = "every file is a link into the store, so reads do not pass modelfs at all"


@dataclass(frozen=True, slots=True)
class Connection:
    """A mount, from the side of who serves it."""

    read_path: ReadPath
    reason: str
    """Why it is this one, as a clause."""
    relay: Relay | None = None
    device: Device | None = None

    @property
    def told(self) -> str:
        """Why it is this one, and what came in the way since."""
        trouble = self.relay.trouble if self.relay else ""
        return f"{self.reason}; but some files are served, as {trouble}" if trouble else self.reason

    def forgetting(self) -> tuple[ForgetName, ForgetAttributes, ForgetAll | None]:
        """Return how the kernel is told to forget; all of it may block, so not for the loop."""
        if self.device is None:
            attributes = partial(pyfuse3.invalidate_inode, attr_only=True)
            return pyfuse3.invalidate_entry, attributes, None
        notices = Notices(self.device)
        everything = notices.forget_all_names if self.device.offer.has_epoch else None
        return notices.forget_name, notices.forget_attributes, everything

    def close(self) -> None:
        """Unmount, and end the connection."""
        if self.device is not None:
            self.device.unmount()
        pyfuse3.close(unmount=self.device is None)


def connect(
    operations: Operations, mountpoint: Path, wanted: str, *, allow_other: bool, log_file: Path
) -> Connection:
    """Mount there, in the way that is ``wanted`` (``auto``, ``served``, ``links``) and to be had.

    Raises Failed, with nothing mounted.
    """
    if wanted == "auto":
        try:
            return _relayed(operations, mountpoint, allow_other)
        except NotOffered as obstacle:
            reason = str(obstacle)
            log.info("no passthrough: %s", reason)
    else:
        reason = _LINKED if wanted == "links" else "the setting read_path says so"
    take_quickly()
    options = {"default_permissions", "ro", "fsname=modelfs", "subtype=modelfs"}
    if allow_other:
        options.add("allow_other")
    try:
        pyfuse3.init(operations, str(mountpoint), options)
    except RuntimeError as error:
        raise Failed(
            f"FUSE does not mount {mountpoint}: {error}", f"its own words are in {log_file}"
        ) from error
    return Connection("links" if wanted == "links" else "served", reason)


def _relayed(operations: Operations, mountpoint: Path, allow_other: bool) -> Connection:
    """Mount with a relay between the kernel and libfuse; raises NotOffered."""
    if (obstacle := kernel.obstacle()) is not None:
        raise NotOffered(obstacle)
    ours, theirs = kernel.socket_for_libfuse()
    try:
        device = kernel.mount(mountpoint, allow_other=allow_other)
    except BaseException:
        ours.close()
        theirs.close()
        raise
    relay = Relay(device, ours)
    relay.backing_of, relay.lost = operations.descriptor, operations.drop
    take_quickly(relay)
    _give_to_libfuse(operations, theirs, device.unmount)
    return Connection("passthrough", _BACKED, relay, device)


def _give_to_libfuse(
    operations: Operations, end: socket.socket, take_back: Callable[[], None]
) -> None:
    # From here on the descriptor is libfuse's, which takes /dev/fd/N for a device that is open.
    fd = end.detach()
    try:
        pyfuse3.init(operations, f"/dev/fd/{fd}", {"default_permissions"})
    except RuntimeError as error:
        take_back()
        raise NotOffered(f"libfuse does not take a socket: {error}") from error
