"""How bytes come in: held, staged or linked first, then entered under their id.

Nothing is visible before ``enter``, which the caller runs inside ``BlobStore.entering`` and
follows with the catalogue's transaction. Whatever happens before leaves only files in
``staging/`` that nobody holds a lock on, and ``close`` removes these.
"""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from modelfs import durable, hashing, locks
from modelfs.errors import SourceChanged
from modelfs.hashing import Digests, Hasher
from modelfs.progress import Progress, Report
from modelfs.store.blobs import BLOB_MODE, BlobStore
from modelfs.store.source import OpenSource
from modelfs.store.staging import free_name, new_file
from modelfs.store.strays import set_aside
from modelfs.store.trouble import explained
from modelfs.types import BlobId


@dataclass(slots=True)
class Staged:
    """Bytes that are ours to enter: a finished file in ``staging/``, or a source to link."""

    size_bytes: int
    sample: str
    digests: Digests
    fd: int
    path: Path | None
    """The file in ``staging/``; None while the bytes are still only at the source."""
    link_from: OpenSource | None = None
    blob: BlobId | None = None
    """Set by ``enter``."""
    is_new: bool = False
    """Whether ``enter`` brought bytes that the store did not have."""
    data_start: int | None = None
    """From where ``digests.data`` goes."""
    is_kept: bool = False
    """Whether somebody else owns the descriptor, and the file if it is not entered."""
    judged: dict[BlobId, tuple["_Verdict", "_Identity"]] = field(default_factory=dict)
    """What stood in its way when that was compared, and which file that was."""


_Verdict = Literal["same", "other", "broken"]
_Identity = tuple[int, int, int, int]


class Intake:
    """The files of one addition on their way in. Close it, whatever happened."""

    def __init__(self, store: BlobStore, report: Report) -> None:
        self._store = store
        self._report = report
        self._open: list[Staged] = []

    def __enter__(self) -> "Intake":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop what was staged and not entered."""
        for staged in self._open:
            if staged.is_kept:
                continue
            # Safety: only our own staging name; an entered file has been renamed away from it.
            if staged.path is not None:
                with suppress(OSError):  # what stays is collected; why we are here matters more
                    staged.path.unlink(missing_ok=True)
            os.close(staged.fd)
        self._open.clear()

    def can_clone(self, source: OpenSource) -> bool:
        """Say whether this source can be reflinked into the store, by trying."""
        path, fd = new_file(self._store, "add")
        try:
            return durable.clone(source.fd, fd)
        finally:
            os.close(fd)
            path.unlink()

    def copy(
        self, source: OpenSource, sample: str, *, seal: bool, data_start: int | None = None
    ) -> Staged:
        """Copy or reflink a source into staging, hashed and durable; its owner keeps it."""
        with explained(f"{source.path} cannot be copied into {self._store.paths.root}"):
            path, fd = new_file(self._store, "add")
            staged = Staged(source.size_bytes, sample, Digests("", None), fd, path)
            staged.data_start = data_start
            self._open.append(staged)
            staged.digests = self._fill(source, fd, seal=seal, data_start=data_start)
            source.check_unchanged()
            os.fchmod(fd, BLOB_MODE)
            os.fsync(fd)
        return staged

    def take(self, staged: Staged) -> None:
        """Take a file that is in staging already, hashed and durable."""
        assert staged.is_kept
        with explained(f"{staged.path} cannot be entered"):
            os.fchmod(staged.fd, BLOB_MODE)
            os.fsync(staged.fd)
        self._open.append(staged)

    def in_place(
        self, source: OpenSource, sample: str, *, seal: bool, data_start: int | None = None
    ) -> Staged | None:
        """Hash a source where it is, to be linked in by ``enter``; None if that is not safe.

        Safe means that no other name and no open writer could change the bytes afterwards.
        """
        here = os.stat(self._store.paths.staging).st_dev
        alone = source.links == 1 and source.owner == os.geteuid() and source.device == here
        if not alone or source.is_link or locks.open_for_writing_elsewhere(source.fd):
            return None
        if not self._can_link(source):
            return None
        with explained(f"{source.path} cannot be read"):
            digests = self._hash(source.fd, source, seal=seal, data_start=data_start)
            source.check_unchanged()
        staged = Staged(source.size_bytes, sample, digests, os.dup(source.fd), None, source)
        staged.data_start = data_start
        self._open.append(staged)
        return staged

    def enter(self, staged: Staged) -> BlobId:
        """Give staged bytes their place among the blobs and return their id.

        The caller holds ``entering()``. The same bytes under the same hash become one blob after
        a comparison; other bytes get the next free ``~N``. The folder is made durable here.
        What ``judge`` has compared before is not compared again while everybody waits.
        """
        with explained(f"a blob cannot be entered into {self._store.paths.root}"):
            if staged.path is None:
                self._link(staged)
            assert staged.path is not None
            number = 0
            while staged.blob is None:
                self._claim(staged, _numbered(staged, number))
                number += 1
        return staged.blob

    def judge(self, staged: Staged) -> None:
        """Compare staged bytes with what has their hash already: minutes for a large file.

        Before ``entering()``, as a blob never changes; ``enter`` looks if it is still that file.
        """
        number = 0
        verdict: _Verdict = "other"
        with explained(f"a blob cannot be entered into {self._store.paths.root}"):
            while verdict == "other":
                blob = _numbered(staged, number)
                try:
                    identity = _identity(self._store.path(blob))
                    verdict = self._compare(staged, blob)
                except FileNotFoundError:
                    return
                staged.judged[blob] = verdict, identity
                number += 1

    def _compare(self, staged: Staged, blob: BlobId) -> "_Verdict":
        if self._store.has(blob, staged.size_bytes):
            fd = self._store.open(blob)
            try:
                if hashing.same_bytes(fd, staged.fd, staged.size_bytes, lambda _: None):
                    return "same"
            finally:
                os.close(fd)
        return "other" if _is_intact(self._store.path(blob), blob) else "broken"

    def _claim(self, staged: Staged, blob: BlobId) -> None:
        assert staged.path is not None
        target = self._store.path(blob)
        try:
            durable.rename_without_replacing(staged.path, target)
        except FileExistsError:
            verdict, identity = staged.judged.get(blob, ("other", None))
            if identity != _identity(target):  # it came a moment ago, or was not judged
                verdict = self._compare(staged, blob)
            if verdict == "same":
                self._share(staged, blob)
            elif verdict == "broken":
                # Safety: the bytes there are not what their name says; kept for inspection.
                set_aside(self._store, blob)
                self._claim(staged, blob)
            return
        durable.fsync_folder(target.parent)
        staged.blob, staged.is_new, staged.path = blob, True, None

    def _share(self, staged: Staged, blob: BlobId) -> None:
        """Take the blob that has these bytes already, whoever brought it, as if it were entered."""
        assert staged.path is not None
        target = self._store.path(blob)
        status = os.lstat(target)
        if status.st_nlink > 1 or stat.S_IMODE(status.st_mode) != BLOB_MODE:
            # An original that a dead ``--move`` left behind is this very file, or somebody made it
            # writable: our copy replaces it, or the bytes could be changed behind our back.
            os.rename(staged.path, target)
            staged.path = None
        # Whoever entered it may have died between its rename and this.
        durable.fsync_folder(target.parent)
        staged.blob = blob

    def _can_link(self, source: OpenSource) -> bool:
        """Say whether the source can get a second name here, by trying: bind mounts refuse."""
        path = free_name(self._store, "add")
        with self._store.entering():
            try:
                os.link(source.path, path, follow_symlinks=False)
            except OSError:
                return False
            path.unlink()
        return True

    def _link(self, staged: Staged) -> None:
        source = staged.link_from
        assert source is not None
        path = free_name(self._store, "add")
        os.link(source.path, path, follow_symlinks=False)
        staged.path = path
        if not source.is_still_at(path):
            raise SourceChanged(f"{source.path} was replaced while it was being read")
        mode = stat.S_IMODE(os.fstat(staged.fd).st_mode)
        os.fchmod(staged.fd, BLOB_MODE)
        try:
            # Invariant: read-only first, so that nobody opens it for writing after the look.
            _check_ours(source)
            os.fsync(staged.fd)
        except BaseException:
            os.fchmod(staged.fd, mode)
            raise

    def _fill(self, source: OpenSource, fd: int, *, seal: bool, data_start: int | None) -> Digests:
        if durable.clone(source.fd, fd):
            return self._hash(fd, source, seal=seal, data_start=data_start)
        durable.require_space(
            self._store.paths.staging, source.size_bytes, self._store.reserve_bytes
        )
        durable.preallocate(fd, source.size_bytes)
        hasher = Hasher(seal=seal, data_start=data_start)
        return _copy_and_hash(source, fd, hasher, self._advance("copying", source))

    def _hash(self, fd: int, source: OpenSource, *, seal: bool, data_start: int | None) -> Digests:
        try:
            return hashing.hash_descriptor(
                fd,
                source.size_bytes,
                seal=seal,
                advance=self._advance("hashing", source),
                data_start=data_start,
            )
        except EOFError as error:
            raise _shrank(source) from error

    def _advance(self, step: str, source: OpenSource) -> Callable[[int], None]:
        name = source.path.name
        return lambda done: self._report(Progress(step, name, done, source.size_bytes))


def _copy_and_hash(
    source: OpenSource, fd: int, hasher: Hasher, advance: Callable[[int], None]
) -> Digests:
    """Copy through a buffer, which is hashed after it was written: a source may change meanwhile.

    What is hashed is what was written, never a second look at the source, so that the id is true
    whatever the source did. The disk writes behind us, or all of it would wait for the ``fsync``.
    """
    buffer = memoryview(bytearray(min(hashing.CHUNK_BYTES, max(source.size_bytes, 1))))
    os.posix_fadvise(source.fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    begun = 0
    for offset in range(0, source.size_bytes, len(buffer)):
        chunk = buffer[: source.size_bytes - offset]
        if hashing.read_exactly(source.fd, chunk, offset) < len(chunk):
            raise _shrank(source)
        durable.write_at(fd, chunk, offset)
        hasher.update(chunk)
        done = offset + len(chunk)
        if done - begun >= _WRITTEN_AT_ONCE_BYTES or done == source.size_bytes:
            durable.start_writing(fd, begun, done - begun)
            begun = done
        advance(done)
    return hasher.digests()


_WRITTEN_AT_ONCE_BYTES = 16 << 20
"""By 1 MiB the disk gets more and smaller requests: a third to a half slower."""


def _shrank(source: OpenSource) -> SourceChanged:
    return SourceChanged(
        f"{source.path} became shorter while it was being read",
        "nothing was added; wait until it is finished and add it again",
    )


def _check_ours(source: OpenSource) -> None:
    """Raise SourceChanged if a linked source was or could still be changed by somebody else."""
    # Two names: the original's, which goes, and ours.
    if os.fstat(source.fd).st_nlink > 2 or locks.open_for_writing_elsewhere(source.fd):
        raise SourceChanged(
            f"{source.path} is in use by another program",
            "nothing was added; close it and add it again, or add it without --move",
        )
    source.check_unchanged()


def _numbered(staged: Staged, number: int) -> BlobId:
    return BlobId(staged.digests.xxh3 + (f"~{number}" if number else ""))


def _identity(path: Path) -> _Identity:
    """Return what tells whether a file is still the one that was compared, and unwritten since."""
    status = os.lstat(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns


def _is_intact(path: Path, blob: BlobId) -> bool:
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return False
    with open(path, "rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        digests = hashing.hash_descriptor(
            file.fileno(), size_bytes, seal=False, advance=lambda _: None
        )
    return digests.xxh3 == blob.partition("~")[0]
