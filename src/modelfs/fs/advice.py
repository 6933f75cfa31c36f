"""What would make reading through the mount faster, and the one command that does it.

``faster`` is a function of facts alone; ``look`` gathers them, and asks nothing of the mount.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from modelfs.fs import mountinfo
from modelfs.fs.permission import PASSTHROUGH_SINCE, kernel_version, may_administer
from modelfs.fs.state import MountState
from modelfs.library import Library
from modelfs.service.machine import own_command

_USUAL_READ_AHEAD_KIB = 128
"""What a mount gets from the kernel (VM_READAHEAD_PAGES) when nobody raises it."""

REMOUNT = "modelfs umount && modelfs mount"
_SYSTEMD = Path("/run/systemd/system")
"""It exists where systemd is what was booted: sd_booted(3)."""
_EVERYBODYS = ("/usr/local/bin", "/usr/bin")
_BDI = Path("/sys/class/bdi")
_RULE = "contrib/udev/99-modelfs-readahead.rules"
_RULE_SINCE = (6, 2)
"""The first kernel that shows what the rule looks for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides how fast a mount can be."""

    read_path: str | None
    """None when nothing is mounted."""
    chosen: str
    """What the setting ``read_path`` says."""
    may_administer: bool
    """Whether the mount's process has CAP_SYS_ADMIN."""
    kernel: tuple[int, int]
    has_systemd: bool
    follows_links: bool
    """Whether who reads the mount can be expected to reach the store by a link."""
    read_ahead_kib: int | None
    """None where it is not known."""
    program: str = "modelfs"
    """How root calls this program, whose PATH may be shorter."""


@dataclass(frozen=True, slots=True)
class Advice:
    """A command, and what is gained by it."""

    command: str
    gain: str


def faster(facts: Facts) -> Advice | None:
    """Return the one command that makes reading faster; None when nothing is left to gain."""
    if facts.read_path != "served":
        return None
    first = "modelfs config read_path=auto && " if facts.chosen == "served" else ""
    native = "reads then go straight to the blob, as fast as the disk itself"
    if facts.kernel >= PASSTHROUGH_SINCE:
        if first and facts.may_administer:
            return Advice(first + REMOUNT, native)
        if facts.has_systemd and not facts.may_administer:
            return Advice(f"{first}sudo {facts.program} service install --system", native)
    if facts.follows_links:
        gain = "files are then links to their blobs, native for programs that follow links"
        return Advice(f"{REMOUNT} --links", gain)
    if _could_read_further_ahead(facts):
        gain = (
            "the kernel then reads further ahead in mounts made from then on; a file of the sources"
        )
        return Advice(f"sudo cp {_RULE} /etc/udev/rules.d/", gain)
    return None


def _could_read_further_ahead(facts: Facts) -> bool:
    usual = facts.read_ahead_kib is not None and facts.read_ahead_kib <= _USUAL_READ_AHEAD_KIB
    return usual and facts.has_systemd and facts.kernel >= _RULE_SINCE  # udev comes with systemd


def look(library: Library, state: MountState) -> Facts:
    """Gather the facts of a library's mount on this machine."""
    return Facts(
        state.read_path if state.mounted else None,
        library.settings.read_path,
        may_administer(state.pid),
        kernel_version(),
        _SYSTEMD.is_dir(),
        not (library.settings.allow_other or mountinfo.lets_others_in(library.mountpoint)),
        _read_ahead_kib(library.mountpoint),
        _program_of_root(),
    )


def _program_of_root() -> str:
    known = any((Path(folder) / "modelfs").exists() for folder in _EVERYBODYS)
    return "modelfs" if known else shlex.join(own_command())


def _read_ahead_kib(mountpoint: Path) -> int | None:
    mounts = mountinfo.mounts_at(mountpoint)
    try:
        return int((_BDI / mounts[-1].device / "read_ahead_kb").read_text()) if mounts else None
    except (OSError, ValueError):
        return None
