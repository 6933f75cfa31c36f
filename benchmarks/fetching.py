"""Fetching from loopback: a large file, and sixteen small ones."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import peers
from benchmarks.pair import OURS, Bar, Pair, Side
from benchmarks.place import Failure, Place
from benchmarks.weights import write_weights

_HERE = Path(__file__).parent
_SMALL_FILES = 16
_SMALL_SHARE = 256
"""Each small file has so much less than the large one: 16 MB of 4 GB."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    command = [sys.executable, str(_HERE / "file_server.py"), str(folder)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.communicate(timeout=20)


def _fetch(place: Place, base: str, folder: Path) -> float:
    """Fetch everything in a folder into a new library, and take the library away again."""
    for file in folder.iterdir():
        place.lay(file)
    command = [sys.executable, _HERE / "fetch_job.py", place.store, base, folder]
    environment = place.library(place.store)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"fetching failed\n{done.stderr.strip()}")
    shutil.rmtree(place.store)
    return float(json.loads(done.stdout)["seconds"])


def _curl(place: Place, base: str, folder: Path, *options: str, synced: bool = False) -> float:
    names = [file.name for file in sorted(folder.iterdir()) if file.suffix != ".sha256"]
    target = place.root / "curl"
    target.mkdir()
    for name in names:
        place.lay(folder / name)
    urls = [word for name in names for word in ("-o", str(target / name), f"{base}/{name}")]
    sync = 'curl "$@" && sync *' if synced else 'exec curl "$@"'
    command = ["sh", "-c", f'cd "$0" && {sync}', target, "--silent", "--fail", *options, *urls]
    seconds = place.run(command)
    shutil.rmtree(target)
    return seconds


def _sha256(place: Place, file: Path) -> float:
    place.lay(file)
    return place.run([sys.executable, _HERE / "sha256_pass.py", file])


@contextmanager
def _large(place: Place) -> Iterator[Sequence[Side]]:
    peers.need("curl")
    folder = place.root / "large"
    folder.mkdir()
    file = folder / "weights.safetensors"
    write_weights(file, place.size_bytes)
    with _served(folder) as base:
        yield (
            Side(OURS, lambda: _fetch(place, base, folder)),
            Side("curl", lambda: _curl(place, base, folder)),
            Side("curl, synced", lambda: _curl(place, base, folder, synced=True)),
            Side("bare SHA-256 pass", lambda: _sha256(place, file)),
        )
    shutil.rmtree(folder)


@contextmanager
def _small(place: Place) -> Iterator[Sequence[Side]]:
    peers.need("curl")
    folder = place.root / "small"
    folder.mkdir()
    for number in range(_SMALL_FILES):
        name = f"model-{number + 1:05}-of-{_SMALL_FILES:05}.safetensors"
        write_weights(folder / name, place.size_bytes // _SMALL_SHARE)
    with _served(folder) as base:
        yield (
            Side(OURS, lambda: _fetch(place, base, folder)),
            Side("curl --parallel", lambda: _curl(place, base, folder, "--parallel")),
        )
    shutil.rmtree(folder)


PAIRS = [
    Pair(
        "fetch",
        "a fetch from loopback",
        Bar("speed", 0.9, of="slowest"),
        ["curl", "bare SHA-256 pass"],
        _large,
    ),
    Pair(
        "fetch-small",
        "sixteen small files",
        Bar("speed", 1.0),
        ["curl --parallel"],
        _small,
    ),
]
