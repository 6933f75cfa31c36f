"""How bytes come in: held, staged or linked first, then entered under their id.

Nothing is visible before ``enter``, which the caller runs inside ``BlobStore.entering`` and
follows with the catalogue's transaction. Whatever happens before leaves only files in
``staging/`` that nobody holds a lock on, and ``close`` removes these.
"""

import os
import stat
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from modelfs import durable, hashing, locks
from modelfs.errors import Failed, SourceChanged
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
            # Safety: only our own staging name; an entered file has been renamed away from it.
            if staged.path is not None:
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

    def copy(self, source: OpenSource, sample: str, *, seal: bool) -> Staged:
        """Copy or reflink a source into staging, hashed and durable; its owner keeps it."""
        with explained(f"{source.path} cannot be copied into {self._store.paths.root}"):
            path, fd = new_file(self._store, "add")
            staged = Staged(source.size_bytes, sample, Digests("", None), fd, path)
            self._open.append(staged)
            staged.digests = self._fill(source, fd, seal=seal)
            source.check_unchanged()
            os.fchmod(fd, BLOB_MODE)
            os.fsync(fd)
        return staged

    def in_place(self, source: OpenSource, sample: str, *, seal: bool) -> Staged | None:
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
            digests = self._hash(source.fd, source, seal=seal)
            source.check_unchanged()
        staged = Staged(source.size_bytes, sample, digests, os.dup(source.fd), None, source)
        self._open.append(staged)
        return staged

    def enter(self, staged: Staged) -> BlobId:
        """Give staged bytes their place among the blobs and return their id.

        The caller holds ``entering()``. The same bytes under the same hash become one blob after
        a comparison; other bytes get the next free ``~N``. The folder is made durable here.
        """
        with explained(f"a blob cannot be entered into {self._store.paths.root}"):
            if staged.path is None:
                self._link(staged)
            assert staged.path is not None
            number = 0
            while staged.blob is None:
                name = staged.digests.xxh3 + (f"~{number}" if number else "")
                self._claim(staged, BlobId(name))
                number += 1
        return staged.blob

    def _claim(self, staged: Staged, blob: BlobId) -> None:
        assert staged.path is not None
        target = self._store.path(blob)
        try:
            durable.rename_without_replacing(staged.path, target)
        except FileExistsError:
            if self._is_same(staged, blob):
                self._share(staged, blob)
            elif not _is_intact(target, blob):
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
        if os.lstat(target).st_nlink > 1:
            # An original that a dead ``--move`` left behind is this very file: our copy replaces
            # it, or the bytes could be changed through the other name.
            os.rename(staged.path, target)
            staged.path = None
        # Whoever entered it may have died between its rename and this.
        durable.fsync_folder(target.parent)
        staged.blob = blob

    def _is_same(self, staged: Staged, blob: BlobId) -> bool:
        if not self._store.has(blob, staged.size_bytes):
            return False
        fd = self._store.open(blob)
        try:
            return hashing.same_bytes(fd, staged.fd, staged.size_bytes, lambda _: None)
        finally:
            os.close(fd)

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

    def _fill(self, source: OpenSource, fd: int, *, seal: bool) -> Digests:
        if durable.clone(source.fd, fd):
            return self._hash(fd, source, seal=seal)
        durable.require_space(
            self._store.paths.staging, source.size_bytes, self._store.reserve_bytes
        )
        durable.preallocate(fd, source.size_bytes)
        advance = self._advance("copying", source)
        with ThreadPoolExecutor(1) as pool:
            return _copy_and_hash(source, fd, Hasher(seal=seal), pool, advance)

    def _hash(self, fd: int, source: OpenSource, *, seal: bool) -> Digests:
        try:
            return hashing.hash_descriptor(
                fd, source.size_bytes, seal=seal, advance=self._advance("hashing", source)
            )
        except EOFError as error:
            raise _shrank(source) from error

    def _advance(self, step: str, source: OpenSource) -> Callable[[int], None]:
        name = source.path.name
        return lambda done: self._report(Progress(step, name, done, source.size_bytes))


def _copy_and_hash(
    source: OpenSource,
    fd: int,
    hasher: Hasher,
    pool: ThreadPoolExecutor,
    advance: Callable[[int], None],
) -> Digests:
    """Copy in the kernel while a second thread hashes, from the copy, the chunk before.

    Hashing what was written, not what was read, makes the id true whatever the source did.
    """
    pending: Future[None] | None = None
    for offset in range(0, source.size_bytes, hashing.CHUNK_BYTES):
        length = min(hashing.CHUNK_BYTES, source.size_bytes - offset)
        if durable.copy_range(source.fd, fd, offset, length) < length:
            raise _shrank(source)
        if pending is not None:
            pending.result()
        pending = pool.submit(_hash_chunk, hasher, fd, offset, length)
        advance(offset + length)
    if pending is not None:
        pending.result()
    return hasher.digests()


def _hash_chunk(hasher: Hasher, fd: int, offset: int, length: int) -> None:
    chunk = memoryview(bytearray(length))
    if hashing.read_exactly(fd, chunk, offset) < length:
        raise Failed("what was just written cannot be read back")
    hasher.update(chunk)


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


def _is_intact(path: Path, blob: BlobId) -> bool:
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return False
    with open(path, "rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        digests = hashing.hash_descriptor(
            file.fileno(), size_bytes, seal=False, advance=lambda _: None
        )
    return digests.xxh3 == blob.partition("~")[0]
