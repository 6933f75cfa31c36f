"""The sides: the ways to the same file, each opened anew for each turn."""

import json
import os
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from benchmarks import peers, processor
from benchmarks.library import Shelved
from benchmarks.mounting import Mounted, mounted
from benchmarks.place import Failure, Place, modelfs

NATIVE = "native"
USUAL_READ_AHEAD_KIB = 128
"""What the kernel gives a mount (VM_READAHEAD_PAGES)."""
_BEST_READ_AHEAD_KIB = 1024
"""For peers at their best: what root may do for any mount. More is not asked for at once."""
_RAISED_WITHIN_S = 5.0


Kind = Literal["safetensors", "gguf"]
"""Which of the two files."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The library, and the files in it that are read."""

    place: Place
    files: dict[Kind, Shelved]


@dataclass(frozen=True, slots=True)
class Opened:
    """Where a side has the files, while it is open."""

    files: dict[Kind, Path]
    mount: Mounted | None = None
    """None when there is no process behind it."""

    @property
    def device(self) -> int:
        """The minor number of the mount's device; 0, which no mount has, for none."""
        return self.mount.device if self.mount else 0

    def processor_s(self) -> float:
        """Return the processor's seconds of the process behind it."""
        return processor.of_process_s(self.mount.pid) if self.mount else 0.0


@dataclass(frozen=True, slots=True)
class Side:
    """One way to the files."""

    name: str
    what: str
    open: Callable[[Shelf], AbstractContextManager[Opened]]
    """Raises Missing where it cannot be had."""


@contextmanager
def _native(shelf: Shelf) -> Iterator[Opened]:
    yield Opened({kind: shelved.blob for kind, shelved in shelf.files.items()})


@contextmanager
def modelfs_mounted(
    place: Place, store: Path, mountpoint: Path, read_path: str
) -> Iterator[Mounted]:
    """Mount a library so that it is read in this way; raises Missing where it cannot be."""
    peers.need_fuse()
    _choose(place, store, "served" if read_path == "served" else "auto")
    command = modelfs("mount", "--foreground", *(["--links"] if read_path == "links" else []))
    with mounted(place, command, mountpoint, store) as mount:
        status = json.loads(place.output(modelfs("status", "--json"), store=store))
        if status["read_path"] != read_path:
            raise peers.Missing(f"no {read_path}: {status['read_path_reason']}")
        yield mount


def _choose(place: Place, store: Path, read_path: str) -> None:
    """Have the setting say this, by the command, which takes longer than to look."""
    settings = store / "config.toml"
    now = tomllib.loads(settings.read_text()) if settings.exists() else {}
    if now.get("read_path", "auto") != read_path:
        place.run(modelfs("config", f"read_path={read_path}"), store=store)


@contextmanager
def _ours(shelf: Shelf, read_path: str, *, raised: bool = True) -> Iterator[Opened]:
    place = shelf.place
    with modelfs_mounted(place, place.store, place.root / "mount", read_path) as mount:
        if read_path == "served":
            _read_ahead(mount, raised=raised)
        yield Opened({kind: shelved.shown for kind, shelved in shelf.files.items()}, mount)


def _read_ahead(mount: Mounted, *, raised: bool) -> None:
    """Wait for the mount to raise its own read-ahead, and take that back unless ``raised``."""
    setting = mount.read_ahead()
    if not os.access(setting, os.W_OK):
        if raised:
            raise peers.Missing("the read-ahead cannot be raised here")
        return
    deadline = time.monotonic() + _RAISED_WITHIN_S
    while int(setting.read_text()) == USUAL_READ_AHEAD_KIB:
        if time.monotonic() > deadline:
            raise Failure("the mount does not raise its read-ahead")
        time.sleep(0.01)
    if not raised:
        setting.write_text(str(USUAL_READ_AHEAD_KIB))


@contextmanager
def _peer(shelf: Shelf, *command: str, best: bool = False) -> Iterator[Opened]:
    """Mount the store's blobs with another program, which stays in the foreground."""
    peers.need_fuse()
    peers.need(command[0])
    place, blobs = shelf.place, shelf.place.store / "blobs"
    mountpoint = place.root / "mount"
    with mounted(place, [*command, blobs, mountpoint], mountpoint) as mount:
        if best and os.access(mount.read_ahead(), os.W_OK):
            mount.read_ahead().write_text(str(_BEST_READ_AHEAD_KIB))
        inside = {kind: shelved.blob.relative_to(blobs) for kind, shelved in shelf.files.items()}
        yield Opened({kind: mountpoint / path for kind, path in inside.items()}, mount)


def _mounted_by(name: str, *command: str, best: bool = False) -> Side:
    what = " ".join(command) + (f", read-ahead {_BEST_READ_AHEAD_KIB} KiB" if best else "")
    return Side(name, what, lambda shelf: _peer(shelf, *command, best=best))


SIDES = (
    Side(NATIVE, "the blob itself", _native),
    Side("passthrough", "modelfs mount", partial(_ours, read_path="passthrough")),
    Side("served", "modelfs, read_path=served", partial(_ours, read_path="served")),
    Side(
        "served-128k",
        "the same, its read-ahead put back to 128 KiB",
        partial(_ours, read_path="served", raised=False),
    ),
    Side("links", "modelfs mount --links", partial(_ours, read_path="links")),
    _mounted_by("bindfs", "bindfs", "-f"),
    _mounted_by("bindfs-best", "bindfs", "-f", "--multithreaded", "-o", "kernel_cache", best=True),
    _mounted_by("mergerfs", "mergerfs", "-f"),
    _mounted_by(
        "mergerfs-best",
        *("mergerfs", "-f", "-o", "cache.files=auto-full,security_capability=false,xattr=nosys"),
        best=True,
    ),
    _mounted_by("rclone", "rclone", "mount", "--read-only"),
)
