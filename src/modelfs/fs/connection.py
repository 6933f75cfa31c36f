"""The connection to the kernel: which way reads take, and making and ending it.

Passthrough is used wherever it can be had; what stands in its way is said, and reads are served.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyfuse3

from modelfs.errors import Failed
from modelfs.fs.kernel import device as devices
from modelfs.fs.kernel.device import Device
from modelfs.fs.kernel.notices import Notices
from modelfs.fs.kernel.relay import Relay
from modelfs.fs.operations import Operations
from modelfs.fs.requests import take_quickly

log = logging.getLogger(__name__)

ForgetName = Callable[[int, bytes], None]
ForgetAttributes = Callable[[int], None]
ForgetAll = Callable[[], None]
ReadPath = Literal["passthrough", "served", "links"]


@dataclass(frozen=True, slots=True)
class Connection:
    """A mount, from the side of who serves it."""

    read_path: ReadPath
    reason: str
    """Why it is this one, as a clause."""
    relay: Relay
    device: Device

    @property
    def told(self) -> str:
        """Why it is this one, and what came in the way since."""
        trouble = self.relay.trouble
        return f"{self.reason}; but some files are served, as {trouble}" if trouble else self.reason

    def forgetting(self) -> tuple[ForgetName, ForgetAttributes, ForgetAll | None]:
        """Return how the kernel is told to forget; all of it may block, so not for the loop."""
        notices = Notices(self.device)
        everything = notices.forget_all_names if self.device.offer.has_epoch else None
        return notices.forget_name, notices.forget_attributes, everything

    def close(self) -> None:
        """Unmount, and end the connection."""
        self.device.unmount()
        pyfuse3.close(unmount=False)
        log.info("unmounted; files opened and read requests: %s", dict(self.relay.counts))


def connect(
    operations: Operations, mountpoint: Path, wanted: str, *, allow_other: bool
) -> Connection:
    """Mount there, to be read as ``wanted``: ``auto``, ``served`` or ``links``.

    Raises Failed, with nothing mounted.
    """
    ours, theirs = devices.socket_for_libfuse()
    with ExitStack() as undo:
        undo.callback(theirs.close)
        undo.callback(ours.close)
        device = devices.mount(mountpoint, allow_other=allow_other)
        undo.callback(device.unmount)
        obstacle = devices.obstacle(device.offer)
        passthrough = wanted == "auto" and obstacle is None
        relay = Relay(device, ours, operations.opened, operations.drop, passthrough=passthrough)
        take_quickly(relay)
        try:
            # libfuse takes /dev/fd/N for a device that is open, and owns it from then on.
            pyfuse3.init(operations, f"/dev/fd/{theirs.fileno()}", {"default_permissions"})
        except RuntimeError as error:
            raise Failed(f"libfuse does not take a socket for a device: {error}") from error
        theirs.detach()
        undo.pop_all()
    path, reason = _path(wanted, obstacle)
    return Connection(path, reason, relay, device)


def _path(wanted: str, obstacle: str | None) -> tuple[ReadPath, str]:
    if wanted == "links":
        return "links", "every file is a link into the store, so reads do not pass modelfs at all"
    if wanted == "served":
        return "served", "the setting read_path says so"
    if obstacle is not None:
        return "served", obstacle
    return "passthrough", "the kernel reads the blobs itself; nothing passes modelfs"
