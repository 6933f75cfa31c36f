"""What programs do with open files beyond reading: as on plain files, or a difference named here.

Each call is made on the mount and on the same tree of plain files, mounted read-only. The
differences below are those that docs/semantics.md lists; one that comes or goes fails the test.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modelfs.library import removal, select

from .conftest import BOTH_WAYS, Home, run_python, wait_for

READ_PATHS = BOTH_WAYS
FILE = "by-category/language/llm/big.gguf"
SIZE = 3_000_001
PAGES = -(-SIZE // mmap.PAGESIZE)

FICLONE = 0x40049409  # _IOW(0x94, 9, int)
FIEMAP = 0xC020660B  # _IOWR('f', 11, struct fiemap)
F_OFD_SETLK = 37
CACHESTAT = 451  # its number on every machine
O_PATH = 0o10000000

libc = ctypes.CDLL(None, use_errno=True)


def _called(done: int) -> int:
    if done < 0:
        raise OSError(ctypes.get_errno(), "")
    return done


Attempt = Callable[[int, Path], object]
"""What is done with an open file, and a file beside the tree that may be written."""


def _direct(offset: int, size: int, shift: int = 0) -> Attempt:
    def attempt(fd: int, _: Path) -> object:
        with mmap.mmap(-1, 1 << 16) as memory, memoryview(memory) as view:
            done = os.preadv(fd, [view[shift : shift + size]], offset)
            return done, bytes(view[shift : shift + done])

    return attempt


def _preadv2(flags: int) -> Attempt:
    def attempt(fd: int, _: Path) -> object:
        os.pread(fd, 8192, 0)
        buffer = bytearray(4096)
        return os.preadv(fd, [buffer], 0, flags), bytes(buffer)

    return attempt


def _sent(fd: int, other: Path) -> object:
    with other.open("wb") as target:
        done = 0
        while count := os.sendfile(target.fileno(), fd, done, 1 << 20):
            done += count
    return other.read_bytes()


def _spliced(fd: int, _: Path) -> object:
    reading, writing = os.pipe()
    try:
        return os.splice(fd, writing, 5000, offset_src=1000), os.read(reading, 5000)
    finally:
        os.close(reading)
        os.close(writing)


def _ranged(fd: int, other: Path) -> object:
    with other.open("wb") as target:
        return os.copy_file_range(fd, target.fileno(), 1 << 20)


def _cloned(fd: int, other: Path) -> object:
    with other.open("wb") as target:
        return fcntl.ioctl(target.fileno(), FICLONE, fd)


def _extents(fd: int, _: Path) -> object:
    asked = bytearray(struct.pack("=QQIIII", 0, 1 << 40, 0, 0, 0, 0))
    return fcntl.ioctl(fd, FIEMAP, asked)


def _advised(advice: int) -> Attempt:
    return lambda fd, _: os.posix_fadvise(fd, 0, 0, advice)


def _read_ahead(fd: int, _: Path) -> object:
    return _called(libc.readahead(fd, ctypes.c_int64(0), ctypes.c_size_t(1 << 20)))


def _map_advised(advice: int) -> Attempt:
    def attempt(fd: int, _: Path) -> object:
        with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as mapped:
            mapped.madvise(advice)
            return mapped[-100:]

    return attempt


def _resident(fd: int, _: Path) -> object:
    """The pages in memory, by mincore(2), as fincore(1) counts them."""
    os.pread(fd, SIZE, 0)
    with mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE) as mapped:
        seen = (ctypes.c_ubyte * PAGES)()
        start = ctypes.c_char.from_buffer(mapped)
        address = ctypes.c_void_p(ctypes.addressof(start))
        _called(libc.mincore(address, ctypes.c_size_t(SIZE), seen))
        del start
    return sum(each & 1 for each in seen)


def _cached(fd: int, _: Path) -> object:
    """The pages in memory, by cachestat(2)."""
    os.pread(fd, SIZE, 0)
    found = (ctypes.c_uint64 * 5)()
    _called(libc.syscall(CACHESTAT, fd, (ctypes.c_uint64 * 2)(0, 0), found, 0))
    return found[0]


def _locked_openly(kind: int) -> Attempt:
    def attempt(fd: int, _: Path) -> object:
        return fcntl.fcntl(fd, F_OFD_SETLK, struct.pack("hhqqi4x", kind, 0, 0, 0, 0))[:2]

    return attempt


def _locked_by_two(fd: int, _: Path) -> None:
    other = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(other)


def _mapped_to_run(fd: int, _: Path) -> object:
    with mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC) as mapped:
        return mapped[:100]


def _read_by_path_descriptor(fd: int, _: Path) -> object:
    return os.pread(fd, 10, 0)


def _status_by_path_descriptor(fd: int, _: Path) -> object:
    return os.fstat(fd).st_size


READ = os.O_RDONLY
OPERATIONS: dict[str, tuple[int, Attempt]] = {
    "O_DIRECT, aligned": (READ | os.O_DIRECT, _direct(4096, 8192)),
    "O_DIRECT, over the end": (READ | os.O_DIRECT, _direct(SIZE // 4096 * 4096, 8192)),
    "O_DIRECT, at an odd offset": (READ | os.O_DIRECT, _direct(1000, 4096)),
    "O_DIRECT, of an odd size": (READ | os.O_DIRECT, _direct(4096, 1000)),
    "O_DIRECT, into odd memory": (READ | os.O_DIRECT, _direct(4096, 4096, 1)),
    "preadv2 with RWF_NOWAIT": (READ, _preadv2(os.RWF_NOWAIT)),
    "preadv2 with RWF_HIPRI": (READ, _preadv2(os.RWF_HIPRI)),
    "sendfile": (READ, _sent),
    "splice to a pipe": (READ, _spliced),
    "copy_file_range to the store's disk": (READ, _ranged),
    "FICLONE to the store's disk": (READ, _cloned),
    "FIEMAP": (READ, _extents),
    "fadvise: sequential": (READ, _advised(os.POSIX_FADV_SEQUENTIAL)),
    "fadvise: random": (READ, _advised(os.POSIX_FADV_RANDOM)),
    "fadvise: will need": (READ, _advised(os.POSIX_FADV_WILLNEED)),
    "fadvise: no need": (READ, _advised(os.POSIX_FADV_DONTNEED)),
    "readahead": (READ, _read_ahead),
    "madvise: will need": (READ, _map_advised(mmap.MADV_WILLNEED)),
    "madvise: sequential": (READ, _map_advised(mmap.MADV_SEQUENTIAL)),
    "madvise: random": (READ, _map_advised(mmap.MADV_RANDOM)),
    "madvise: no need": (READ, _map_advised(mmap.MADV_DONTNEED)),
    "madvise: huge pages": (READ, _map_advised(mmap.MADV_HUGEPAGE)),
    "mincore": (READ, _resident),
    "cachestat": (READ, _cached),
    "O_NOATIME": (READ | os.O_NOATIME, lambda fd, _: os.pread(fd, 10, 0)),
    "O_PATH, then read": (O_PATH, _read_by_path_descriptor),
    "O_PATH, then stat": (O_PATH, _status_by_path_descriptor),
    "O_NONBLOCK": (READ | os.O_NONBLOCK, lambda fd, _: os.pread(fd, 10, 0)),
    "O_SYNC": (READ | os.O_SYNC, lambda fd, _: os.pread(fd, 10, 0)),
    "OFD lock to read": (READ, _locked_openly(fcntl.F_RDLCK)),
    "OFD lock to write": (READ, _locked_openly(fcntl.F_WRLCK)),
    "flock that another has": (READ, _locked_by_two),
    "map to run": (READ, _mapped_to_run),
}


def _outcomes(root: Path, other: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, (flags, attempt) in OPERATIONS.items():
        try:
            fd = os.open(root / FILE, flags)
            try:
                found[name] = attempt(fd, other)
            finally:
                os.close(fd)
        except OSError as error:
            found[name] = errno.errorcode[error.errno or 0]
    return found


def _shortened(outcome: object) -> object:
    return outcome[0] if isinstance(outcome, tuple) else outcome


_ALWAYS = {
    "copy_file_range to the store's disk": "EXDEV",
    "FICLONE to the store's disk": "EXDEV",
    "FIEMAP": "ENOTSUP",
    "preadv2 with RWF_NOWAIT": "ENOTSUP",
}
DIFFERENCES: dict[str, dict[str, object]] = {
    # The pages are the blob's: only mapping the file shows them.
    "auto": {**_ALWAYS, "cachestat": 0},
    # No disk of which the bytes would have to be aligned.
    "served": {
        **_ALWAYS,
        "O_DIRECT, at an odd offset": 4096,
        "O_DIRECT, of an odd size": 1000,
        "O_DIRECT, into odd memory": 4096,
    },
}
"""How calls end here that end otherwise on plain files, on some disks at least."""


def test_calls_on_open_files_end_as_on_plain_files_but_for_some(
    furnished: Home, plain: Path, read_path: str
) -> None:
    other = furnished.library.paths.root.parent / "other"
    ours, theirs = _outcomes(furnished.mountpoint, other), _outcomes(plain, other)
    known = DIFFERENCES[read_path]
    different = {
        name: _shortened(ours[name])
        for name in OPERATIONS
        if name in known or ours[name] != theirs[name]
    }
    assert different == known


def _loaded(name: str) -> Path:
    """A file that this process has mapped to run, as /proc/self/maps has it."""
    found = re.search(rf"(/\S*/{name}[-.\w]*)$", Path("/proc/self/maps").read_text(), re.MULTILINE)
    assert found, name
    return Path(found[1])


def test_a_program_and_a_library_in_the_mount_run_when_they_are_mapped(home: Home) -> None:
    """By the loader, which maps them; to be run directly a file needs a bit that 0444 lacks."""
    home.add_path(_copied(home, Path("/bin/true").resolve(), "true.bin"), "other/unsorted")
    home.add_path(_copied(home, _loaded("libm"), "libm.bin"), "other/unsorted")
    home.mount()
    program, library = (
        home.mountpoint / "by-category/other/unsorted" / name for name in ("true.bin", "libm.bin")
    )
    assert subprocess.run([_loaded("ld-linux"), program], check=False).returncode == 0
    script = "import ctypes, sys; print(ctypes.CDLL(sys.argv[1]).abs(-5))"
    assert run_python(script, str(library)).stdout == "5\n"
    with pytest.raises(PermissionError):
        subprocess.run([program], check=False)


def _copied(home: Home, source: Path, name: str) -> Path:
    target = home.originals / name
    target.write_bytes(source.read_bytes())
    return target


def test_a_mapped_file_reads_on_after_its_model_is_gone_for_good(furnished: Home) -> None:
    place = furnished.mountpoint / FILE
    right = (furnished.originals / "big.gguf").read_bytes()
    # In a process of its own: a page fault holds Python, and a hang would be the tests' own.
    script = (
        "import hashlib, mmap, sys\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "print(mapped[:4].hex(), flush=True)\n"
        "input()\n"
        "print(hashlib.sha256(mapped).hexdigest())\n"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", script, str(place)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert reader.stdout is not None and reader.stdout.readline() == f"{right[:4].hex()}\n"
    plan = removal.plan_removal(furnished.library, [select.one(furnished.library, "big.gguf")])
    removal.remove(furnished.library, plan)
    removal.empty_trash(furnished.library, plan)
    wait_for(lambda: not place.exists(), "gone from the view")
    Path("/proc/sys/vm/drop_caches").write_text("1")
    digest = subprocess.run(
        ["sha256sum", furnished.originals / "big.gguf"], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    assert reader.communicate("\n")[0] == f"{digest}\n"


IN_ACCESS, IN_OPEN, IN_CLOSE_NOWRITE = 0x1, 0x20, 0x10


def _noticed(path: Path) -> set[int]:
    """What inotify tells who watches a file that somebody opens, reads and closes."""
    fd = _called(libc.inotify_init1(os.O_NONBLOCK))
    try:
        _called(libc.inotify_add_watch(fd, os.fsencode(path), 0xFFF))
        path.read_bytes()
        found = os.read(fd, 4096)
    finally:
        os.close(fd)
    return {struct.unpack_from("=iIII", found, at)[1] for at in range(0, len(found), 16)}


def test_who_watches_a_file_is_told_of_readers_on_this_machine(
    furnished: Home, plain: Path
) -> None:
    told = {IN_OPEN, IN_ACCESS, IN_CLOSE_NOWRITE}
    assert _noticed(furnished.mountpoint / FILE) == _noticed(plain / FILE) == told
