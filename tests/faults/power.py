"""Power cuts: what a disk holds at one moment, while it is mounted and written to.

The disk under test is a loop device over an image file, and the image lies on an xfs that can
reflink. A cut is a reflink copy of the image: the kernel takes it in one step, while it holds off
writers of the image, so it has every block that had been written to the disk at one moment and
none that had not. What was only in the page cache of the file system under test is gone: a
missing ``fsync``, of a file or of a folder, shows as an empty file or a missing name.

Not proven is what a drive does that loses or reorders what it has acknowledged but not flushed:
the loop device puts each block into the image at once, so no flush can come too late.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SIZES_MIB = {"ext4": 64, "xfs": 320, "btrfs": 160}
"""The least that each makes a file system of, or a little more; the images are sparse."""

_SHELF_MIB = 8192


def _run(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}"


def make_image(image: Path, kind: str, size_mib: int) -> Path:
    """Make a file system in a sparse file."""
    with image.open("wb") as file:
        file.truncate(size_mib << 20)
    _run(f"mkfs.{kind}", "-q", image)
    return image


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    """Mount an image beside itself; give the folder."""
    where = image.with_suffix("")
    where.mkdir(exist_ok=True)
    _run("mount", "-o", "loop", image, where)
    try:
        yield where
    finally:
        _run("umount", where)


@contextmanager
def shelf(folder: Path) -> Iterator[Path]:
    """Give a folder in which images can be copied in one step."""
    with mounted(make_image(folder / "shelf.img", "xfs", _SHELF_MIB)) as where:
        yield where


@dataclass
class Disk:
    """A disk under test."""

    image: Path
    cuts: int = 0

    def cut(self) -> Path:
        """Copy what is on the disk at this moment; mount it only when the disk is unmounted.

        Two file systems of one identity at a time confuse the kernel, btrfs above all.
        """
        self.cuts += 1
        copy = self.image.with_name(f"cut-{self.cuts}.img")
        _run("cp", "--reflink=always", self.image, copy)
        return copy


def make_disk(folder: Path, kind: str) -> Disk:
    """Make an empty disk on a shelf."""
    return Disk(make_image(folder / f"{kind}.img", kind, SIZES_MIB[kind]))
