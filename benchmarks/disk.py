"""A small disk of its own in a file: for what only one kind of file system can do."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers import Missing
from benchmarks.place import Place

_LEAST_BYTES = 512 << 20
"""mkfs.xfs takes no less than 300 MB."""


@contextmanager
def xfs(place: Place) -> Iterator[Path]:
    """Mount a new xfs with room for the source twice; unmount and remove it at the end."""
    image, folder = place.root / "xfs.image", place.root / "xfs"
    with open(image, "wb") as file:
        file.truncate(_LEAST_BYTES + 2 * place.size_bytes)
    folder.mkdir()
    place.run(["mkfs.xfs", "-q", "-m", "reflink=1", image])
    _mount(image, folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()
        image.unlink()


def _mount(image: Path, folder: Path) -> None:
    done = subprocess.run(
        ["mount", "-o", "loop", image, folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Missing(f"xfs cannot be mounted here: {done.stderr.strip()}")
