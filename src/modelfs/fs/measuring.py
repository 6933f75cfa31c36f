"""How fast files are read through the mount, beside the disk's own cache: ``doctor --speed``.

The disk is no part of it: what is read was read before. Must not run in the mount's own process,
which would ask itself. Its opens are no use of a model.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelfs.catalog import models
from modelfs.catalog.filters import Filter
from modelfs.catalog.records import FileRecord, ModelRecord
from modelfs.errors import Failed, NotFound
from modelfs.fs.desktop import OURSELVES
from modelfs.fs.state import MountState, mount_state
from modelfs.library import Library, describe
from modelfs.units import format_size

LEAST_BYTES = 4 << 20
"""Less is read in so little time that it says nothing."""

_SAMPLE_BYTES = 1 << 30
_PIECE_BYTES = 1 << 20
_WARM_S = 0.7
_NATIVE_S = 0.25
_FIRST_S = 0.8
_CALLS_S = 0.05


@dataclass(frozen=True, slots=True)
class Costs:
    """What three things cost at one path."""

    bytes_per_s: float
    """Reading once more what has just been read."""
    stat_s: float
    open_s: float
    """Opening and closing."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A file, read from the store and through the mount."""

    state: MountState
    model: str
    path: Path
    """In the mount."""
    size_bytes: int
    sample_bytes: int
    """So much of it was read, from its beginning."""
    first_bytes_per_s: float
    """Through the mount, when the kernel has nothing of it in the mount's name."""
    native: Costs
    mount: Costs

    @property
    def first_share(self) -> float:
        """The first read as a share of native."""
        return self.first_bytes_per_s / self.native.bytes_per_s

    @property
    def again_share(self) -> float:
        """Every later read as a share of native."""
        return self.mount.bytes_per_s / self.native.bytes_per_s


def measure(library: Library) -> Measurement:
    """Measure with the largest whole file that the mount shows, in about two seconds.

    Raises Failed when there is no mount, NotFound when no file is large enough.
    """
    state = mount_state(library.paths)
    if not state.mounted or state.mountpoint is None:
        raise Failed(state.problem or "the library is not mounted", "modelfs mount, then again")
    with _as_ourselves():
        for model, file in _largest_first(library):
            path = _path(library, state.mountpoint, model, file)
            if path is not None:
                try:
                    return _compare(library.store.path(file.blob), path, model, state)
                except OSError as error:
                    raise Failed(f"{path} cannot be read: {error}", "modelfs doctor") from error
    raise NotFound(
        f"no file of {format_size(LEAST_BYTES)} or more is here and in the mount",
        "add a model first: modelfs add FILE",
    )


def _largest_first(library: Library) -> list[tuple[ModelRecord, FileRecord]]:
    found = [
        (model, file)
        for model in models.find(library.catalog, Filter())
        for file in model.files
        if file.state == "ok" and file.size_bytes >= LEAST_BYTES
    ]
    return sorted(found, key=lambda each: each[1].size_bytes, reverse=True)


def _path(library: Library, top: Path, model: ModelRecord, file: FileRecord) -> Path | None:
    """Return where the mount shows a file; None when it does not, or not with these bytes."""
    whole = describe.path_for(library, model, None)
    path = top / whole.relative_to(library.mountpoint) / ("" if model.is_single else file.path)
    try:
        sizes = path.stat().st_size, library.store.path(file.blob).stat().st_size
    except OSError:
        return None
    return path if sizes == (file.size_bytes, file.size_bytes) else None


def _compare(blob: Path, path: Path, model: ModelRecord, state: MountState) -> Measurement:
    with _opened(blob) as native, _opened(path) as mounted:
        size = os.fstat(native).st_size
        sample = _read(native, min(size, _SAMPLE_BYTES), _WARM_S)[0]
        same = os.path.samestat(os.fstat(native), os.fstat(mounted))  # with --links
        native_rate = _rate(native, sample, _NATIVE_S)

        def drop() -> None:
            if not same:  # or the blob itself would have to come from the disk
                os.posix_fadvise(mounted, 0, 0, os.POSIX_FADV_DONTNEED)

        drop()
        read, seconds = _read(mounted, sample, _FIRST_S)
        first_rate = read / seconds
        if read == sample and seconds < _NATIVE_S:
            first_rate = _rate(mounted, sample, _NATIVE_S, drop)
        _read(mounted, read, _FIRST_S)
        again_rate = _rate(mounted, read, _NATIVE_S)
    return Measurement(
        state, model.entry_name, path, size, sample, first_rate,
        Costs(native_rate, _stat_s(blob), _open_s(blob)),
        Costs(again_rate, _stat_s(path), _open_s(path)),
    )  # fmt: skip


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _rate(
    fd: int, size_bytes: int, budget_s: float, before: Callable[[], None] = lambda: None
) -> float:
    """Return bytes a second, over as many readings as the time is enough for."""
    done, spent_s = 0, 0.0
    while spent_s < budget_s:
        before()
        read, seconds = _read(fd, size_bytes, budget_s - spent_s)
        done, spent_s = done + read, spent_s + seconds
    return done / spent_s


def _read(fd: int, size_bytes: int, budget_s: float) -> tuple[int, float]:
    """Read from the beginning, until the size or the time is reached; at least one piece."""
    buffer = [memoryview(bytearray(_PIECE_BYTES))]
    began = time.perf_counter()
    done, spent_s = 0, 0.0
    while done < size_bytes and (not done or spent_s < budget_s):
        count = os.preadv(fd, buffer, done)
        if count == 0:
            raise OSError("it ends too early")
        done += count
        spent_s = time.perf_counter() - began
    return done, spent_s


def _stat_s(path: Path) -> float:
    return _seconds_each(lambda: os.stat(path))


def _open_s(path: Path) -> float:
    return _seconds_each(lambda: os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC)))


def _seconds_each(call: Callable[[], object]) -> float:
    """Return what a call costs once it has been made before."""
    call()
    count, began = 0, time.perf_counter()
    while (spent_s := time.perf_counter() - began) < _CALLS_S or not count:
        call()
        count += 1
    return spent_s / count


@contextmanager
def _as_ourselves() -> Iterator[None]:
    """Have this thread named so that the mount does not count what it opens.

    The program is called so when it is started by its name, but not by ``python -m modelfs``.
    """
    name = Path("/proc/thread-self/comm")
    before = name.read_text()
    name.write_text(OURSELVES)
    try:
        yield
    finally:
        name.write_text(before)
