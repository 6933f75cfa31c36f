"""Libraries, files and small disks for the tests of the core."""

import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from modelfs import config
from modelfs.library import Library, create_library, open_library
from modelfs.library.add import Added, add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.paths import StorePaths

# A busy machine is no failure; the same examples every time, so that a failure is the change's.
settings.register_profile("core", deadline=None, max_examples=60, derandomize=True, database=None)
settings.load_profile("core")

Disk = Callable[[str, int], Path]


def content(seed: object, size_bytes: int = 10_000) -> bytes:
    """Return bytes that look like weights, the same for the same seed."""
    return random.Random(repr(seed)).randbytes(size_bytes)


def write(path: Path, data: bytes) -> Path:
    """Write a file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def make_library(root: Path, reserve: str = "0") -> Library:
    """Create a library that may fill its disk to the last byte."""
    create_library(root / "store", root / "mount").close()
    settings = StorePaths(root / "store").settings
    config.save_settings(settings, config.load_settings(settings).with_value("reserve", reserve))
    return open_library(root / "store")


def bring(library: Library, *sources: Path, **options: object) -> list[Added]:
    """Add sources as ``modelfs add`` does."""
    plan = plan_add(library, [str(path) for path in sources], AddOptions(**options))  # type: ignore[arg-type]
    return list(add(library, plan))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """An empty library."""
    with make_library(tmp_path) as opened:
        yield opened


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Make small disks: ``disk("tmpfs", 8)`` is mounted, has 8 MiB and goes with the test."""
    mounted: list[Path] = []

    def make(kind: str, size_mib: int) -> Path:
        where = tmp_path / f"disk-{len(mounted)}"
        where.mkdir()
        if kind == "tmpfs":
            command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(where)]
        else:
            image = where.with_suffix(".img")
            with image.open("wb") as file:
                file.truncate(size_mib << 20)
            subprocess.run([f"mkfs.{kind}", "-q", str(image)], check=True, capture_output=True)
            command = ["mount", "-o", "loop", str(image), str(where)]
        subprocess.run(command, check=True)
        mounted.append(where)
        return where

    yield make
    for where in reversed(mounted):
        subprocess.run(["umount", "-l", str(where)], check=True)
