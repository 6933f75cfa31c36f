"""The programs that modelfs is measured against: which are here, and in which version."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

DEBIAN_PACKAGES = {
    "git": "git",
    "git-annex": "git-annex",
    "bindfs": "bindfs",
    "mergerfs": "mergerfs",
    "rclone": "rclone",
    "fio": "fio",
    "mkfs.xfs": "xfsprogs",
    "curl": "curl",
}
_VERSION_OPTIONS = {"git-annex": ["version", "--raw"], "mkfs.xfs": ["-V"]}
_FUSE = Path("/dev/fuse")


class Missing(Exception):
    """Something that a pair needs is not here; the message says what."""


def need(*programs: str) -> None:
    """Raise Missing unless all of these can be run."""
    for program in programs:
        if shutil.which(program) is None:
            raise Missing(f"no {program}: install {DEBIAN_PACKAGES.get(program, program)}")


def need_modules(*names: str) -> None:
    """Raise Missing unless this Python has all of these."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise Missing(f"no {name}: install it beside modelfs")


def need_fuse() -> None:
    """Raise Missing unless file systems can be mounted here."""
    need("fusermount3")
    if not os.access(_FUSE, os.R_OK | os.W_OK):
        raise Missing(f"{_FUSE} cannot be used")


def need_root() -> None:
    """Raise Missing unless loop devices can be mounted."""
    if os.geteuid() != 0:
        raise Missing("a loop device needs root")


def versions() -> dict[str, str]:
    """Return the version of each peer that is here, in its own words."""
    found = {}
    for program in DEBIAN_PACKAGES:
        if shutil.which(program) is not None:
            command = [program, *_VERSION_OPTIONS.get(program, ["--version"])]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            said = (done.stdout or done.stderr).strip().splitlines()
            found[program] = said[0].removeprefix(program).strip(" -") if said else "unknown"
    return found
