"""Telling the kernel what to forget, straight to the device.

Such a write may block until a pending request is answered, so it is for a thread of its own, never
for the loop; its error is the kernel's (FileNotFoundError: there was nothing cached).
"""

import os

from modelfs.fs.kernel import wire
from modelfs.fs.kernel.device import Device


class Notices:
    """Writes notices to one mount's device."""

    def __init__(self, device: Device) -> None:
        self._device = device.fd

    def forget_name(self, folder: int, name: bytes) -> None:
        """Have a name in a folder looked up again."""
        os.write(self._device, wire.forget_name(folder, name))

    def forget_attributes(self, inode: int) -> None:
        """Have the attributes of an inode asked for again."""
        os.write(self._device, wire.forget_attributes(inode))

    def forget_all_names(self) -> None:
        """Have every name looked up again when it is used next; for a kernel that offers it."""
        os.write(self._device, wire.forget_all_names())
