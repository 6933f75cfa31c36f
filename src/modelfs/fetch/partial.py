"""A file that is on its way: its bytes so far, and the journal of those that are right.

``staging/fetch-<key>.part`` has the bytes, each block at its place; ``….done`` a line for each
block that was written, with the hash of what was written. A block counts when its bytes still have
that hash: so nothing needs to be synced on the way, and what a power cut tore is seen.

The holder of the file's lock is the one who fetches it; everybody else waits for it or follows.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import xxhash

from modelfs import durable, locks
from modelfs.errors import NotFound
from modelfs.fetch.journal import Journal, Whole, count_blocks
from modelfs.hashing import read_exactly
from modelfs.store import BlobStore
from modelfs.store.trouble import explained

BLOCK_BYTES = 1 << 20
"""What is lost of each connection when the program is killed."""
_FRESH_BLOCKS = 16
"""So many of them are kept in memory for hashing, where they come in their order."""
_FAR_BLOCKS = 4 * _FRESH_BLOCKS
_MISSING, _CLAIMED, _SAID, _DONE = range(4)
_DISK_BLOCK_BYTES = 512
"""stat(2): of st_blocks, whatever the file system."""
_PREFIX, _PART, _JOURNAL = "fetch-", ".part", ".done"


@dataclass(frozen=True, slots=True)
class PartialFiles:
    """The two files of one transfer; ``key`` names it for everybody who wants the same bytes."""

    folder: Path
    key: str

    @property
    def part(self) -> Path:
        """The bytes."""
        return self.folder / f"{_PREFIX}{self.key}{_PART}"

    @property
    def journal(self) -> Path:
        """Which of them are right."""
        return self.folder / f"{_PREFIX}{self.key}{_JOURNAL}"

    def remove(self) -> None:
        """Remove both; harmless where they are gone."""
        # Safety: unfinished bytes that the caller holds the lock of, or that nobody holds.
        self.part.unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)

    def size_bytes(self) -> int:
        """Return what both take on the disk, which is reserved for all bytes from the start."""
        found = 0
        for path in (self.part, self.journal):
            with suppress(FileNotFoundError):
                found += path.lstat().st_blocks * _DISK_BLOCK_BYTES
        return found

    def said_bytes(self) -> int:
        """Return about how many bytes are here, as the journal says: for those who only watch."""
        with suppress(OSError):
            return count_blocks(self.journal) * BLOCK_BYTES
        return 0


def partials(folder: Path) -> Iterator[PartialFiles]:
    """Give every unfinished transfer in ``staging/``, alive or not."""
    names = {path.stem for path in folder.glob(f"{_PREFIX}*") if path.suffix in (_PART, _JOURNAL)}
    for name in sorted(names):
        yield PartialFiles(folder, name.removeprefix(_PREFIX))


def partial_of(path: Path) -> PartialFiles | None:
    """Return the transfer that a file in ``staging/`` belongs to, if it belongs to one."""
    if path.suffix not in (_PART, _JOURNAL) or not path.name.startswith(_PREFIX):
        return None
    return PartialFiles(path.parent, path.stem.removeprefix(_PREFIX))


def remove_dead(store: BlobStore, files: PartialFiles) -> int:
    """Remove a transfer that nobody is at; return the bytes freed, 0 while somebody is."""
    with store.deleting():  # so that nobody opens it until both files are gone
        if locks.is_held(files.part):
            return 0
        freed = files.size_bytes()
        files.remove()
    return freed


class Partial:
    """An open partial file, ours alone. Its blocks may be written from several threads.

    Invariant: at any moment a block has at most one writer, and none once it has come.
    """

    def __init__(self, files: PartialFiles, fd: int, journal: Journal, size_bytes: int) -> None:
        self.files = files
        self.fd = fd
        self.size_bytes = size_bytes
        self._journal = journal
        self._states = bytearray(-(-size_bytes // BLOCK_BYTES))
        self._changed = threading.Condition()
        self._fresh: dict[int, list[memoryview]] = {}
        """Blocks that came a moment ago and are about to be read: they are not read back."""
        self._reading = 0
        """The block that is read next."""
        self.stopped = False
        self.done_bytes = 0
        """Bytes that are here, those too that only the journal says are right."""

    @classmethod
    def open(
        cls, store: BlobStore, files: PartialFiles, size_bytes: int, validator: str = ""
    ) -> "Partial | None":
        """Open or begin a transfer; None while another process is at it.

        What is there is kept if it is of the same size and ``validator``, which says what version
        of the file it is: a digest, or the server's own mark. Raises NoSpace, Failed.
        """
        with explained(f"{files.part} cannot be written"):
            fd = _locked(store, files.part, os.O_CREAT)
            if fd is None:
                return None
            try:
                partial = cls(files, fd, Journal(files.journal), size_bytes)
            except BaseException:
                os.close(fd)
                raise
            try:
                partial._begin({"size_bytes": size_bytes, "validator": validator})
            except BaseException:
                partial.close()
                raise
        return partial

    @classmethod
    def regain(
        cls, store: BlobStore, files: PartialFiles, identity: "Identity"
    ) -> "Partial | None":
        """Open a file that had arrived and was let go since; None while another process is at it.

        Raises NotFound when it is gone, or is not as it was.
        """
        with explained(f"{files.part} cannot be opened"):
            fd = _locked(store, files.part)
            if fd is None:
                return None
            try:
                if _identity(fd) != identity:
                    raise NotFound(f"{files.part} has changed")
                return cls(files, fd, Journal(files.journal), identity.size_bytes)
            except BaseException:
                os.close(fd)
                raise

    def _begin(self, header: dict[str, object]) -> None:
        is_known = self._journal.begin(header)
        if is_known and os.fstat(self.fd).st_size == self.size_bytes:
            self._trust()
            return
        os.ftruncate(self.fd, 0)
        self._journal.forget_blocks()
        try:
            durable.preallocate(self.fd, self.size_bytes)
        except OSError:
            if self.whole is None:
                self.files.remove()  # Safety: it is ours, and nothing of it has come.
            raise
        os.ftruncate(self.fd, self.size_bytes)  # where nothing could be reserved

    def _trust(self) -> None:
        for index in self._journal.hashes:
            if index < len(self._states):
                self._states[index] = _SAID
                self.done_bytes += self.length(index)

    @property
    def identity(self) -> "Identity":
        """What tells whether the file is still this one, and unwritten since."""
        return _identity(self.fd)

    @property
    def whole(self) -> Whole | None:
        """What the file was when it had come before: it may be a blob by now that nobody named."""
        return self._journal.whole

    def say_whole(self, whole: Whole) -> None:
        """Say that all of it is here, right and durable; raises OSError."""
        self._journal.say_whole(whole)

    def length(self, index: int) -> int:
        """Return how many bytes a block has."""
        return min(BLOCK_BYTES, self.size_bytes - index * BLOCK_BYTES)

    @property
    def blocks(self) -> int:
        """How many blocks the file has."""
        return len(self._states)

    def claim(self, most: int) -> range:
        """Wait for blocks that nobody has or fetches and take the first of them, at most ``most``.

        Empty when stopped, and only then: what is here may still turn out to be wrong.
        """
        with self._changed:
            while not self.stopped and (start := self._states.find(_MISSING)) < 0:
                self._changed.wait()
            if self.stopped:
                return range(0)
            end = start
            while end < min(start + most, len(self._states)) and self._states[end] == _MISSING:
                self._states[end] = _CLAIMED
                end += 1
        return range(start, end)

    def claim_this(self, index: int) -> bool:
        """Take one block, if nobody has or fetches it."""
        with self._changed:
            is_free = self._states[index] == _MISSING
            if is_free:
                self._states[index] = _CLAIMED
        return is_free

    def release(self, claimed: range) -> None:
        """Give back those blocks of a claim that did not come."""
        with self._changed:
            for index in claimed:
                if self._states[index] == _CLAIMED:
                    self._states[index] = _MISSING
            self._changed.notify_all()

    def is_here(self, index: int) -> bool:
        """Say whether a block has come."""
        return index < len(self._states) and self._states[index] in (_SAID, _DONE)

    def write(self, index: int, at: int, piece: memoryview) -> None:
        """Put some bytes of a claimed block at their place; raises OSError."""
        durable.write_at(self.fd, piece, index * BLOCK_BYTES + at)

    def finish(self, index: int, digest: str, pieces: Sequence[memoryview] = ()) -> None:
        """Say that all bytes of a claimed block are written; ``digest`` is their XXH3-64.

        ``pieces`` are these bytes, for the one who reads them next.
        """
        self._journal.add(index, digest)
        with self._changed:
            self._states[index] = _DONE
            self.done_bytes += self.length(index)
            if pieces and 0 <= index - self._reading < _FRESH_BLOCKS:
                self._fresh[index] = list(pieces)
            self._changed.notify_all()

    def read(self, index: int, buffer: memoryview) -> Sequence[memoryview] | None:
        """Wait for a block and return its bytes, perhaps in ``buffer``; None when stopped.

        Blocks are read in their order. One of which only the journal says that it is right is
        checked, and waited for again when it is not.
        """
        block = buffer[: self.length(index)]
        while True:
            with self._changed:
                self._reading = index
                self._changed.notify_all()
                while not self.stopped and not self.is_here(index):
                    self._changed.wait()
                if self.stopped:
                    return None
                is_checked = self._states[index] == _DONE
                fresh = self._fresh.pop(index, None)
            if fresh is not None:
                return fresh
            is_right = read_exactly(self.fd, block, index * BLOCK_BYTES) == len(block)
            if is_right and not is_checked:
                is_right = xxhash.xxh3_64_hexdigest(block) == self._journal.hashes[index]
            with self._changed:
                self._states[index] = _DONE if is_right else _MISSING
                if is_right:
                    return [block]
                self.done_bytes -= len(block)
                self._changed.notify_all()

    def wait_for_reader(self, index: int) -> None:
        """Wait while a block that is to be written is somewhat before the one that is read.

        Not while that one is still to come: nobody else might bring it. Not far before it either:
        what lies between came in an earlier attempt, and is hashed while the rest comes.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self.stopped
                    or not _FRESH_BLOCKS <= index - self._reading < _FAR_BLOCKS
                    or not self.is_here(self._reading)
                )
            )

    def needs_more(self) -> bool:
        """Say whether another connection would help the one who reads.

        He has nothing to read, as the line is slower than hashing; or so much that was here before
        that nobody has to bring it in order.
        """
        with self._changed:
            near = self._states[self._reading : self._reading + _FAR_BLOCKS]
            return not self.is_here(self._reading) or not (_MISSING in near or _CLAIMED in near)

    def wait_until_stopped(self, timeout_s: float) -> None:
        """Wait so long, or until stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopped, timeout_s)

    def forget_all(self) -> None:
        """Begin again from nothing, when nobody can say which of the bytes are wrong.

        Raises OSError. Nobody may be at work on it any more.
        """
        # Invariant: the journal is empty before a byte is overwritten.
        self._journal.forget_all()
        with self._changed:
            self._states = bytearray(len(self._states))
            self._fresh.clear()
            self.done_bytes, self.stopped, self._reading = 0, False, 0

    def stop(self) -> None:
        """Make every wait end."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    def close(self) -> None:
        """Let go of it; what is there stays, to go on with."""
        self._journal.close()
        os.close(self.fd)


@dataclass(frozen=True, slots=True)
class Identity:
    """Which file it is, and when it was last written to."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int


def _identity(fd: int) -> Identity:
    status = os.fstat(fd)
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _locked(store: BlobStore, path: Path, flags: int = 0) -> int | None:
    """Return the locked file at ``path``; None when another process has it, or just removed it."""
    with store.entering():  # so that no sweep sees the file before its lock
        fd = _opened(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | flags)
        if fd is None or (locks.take(fd, exclusive=True) and _is_at(path, fd)):
            return fd
        os.close(fd)
        return None


def _opened(path: Path, flags: int) -> int | None:
    try:
        return os.open(path, flags, 0o600)
    except PermissionError:
        # Made read-only to become a blob, which did not come to be.
        return os.open(path, flags) if _make_writable(path) else None


def _make_writable(path: Path) -> bool:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        # Locked, or it is about to become a blob after all.
        is_ours = locks.take(fd, exclusive=True) and _is_at(path, fd)
        if is_ours:
            os.fchmod(fd, 0o600)
        return is_ours
    finally:
        os.close(fd)


def _is_at(path: Path, fd: int) -> bool:
    """Say whether the file is still there: its last holder may have finished it meanwhile."""
    try:
        here, opened = os.lstat(path), os.fstat(fd)
    except FileNotFoundError:
        return False
    return (here.st_dev, here.st_ino) == (opened.st_dev, opened.st_ino)
