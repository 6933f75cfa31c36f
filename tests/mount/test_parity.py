"""The mounted tree behaves as the same tree of plain files, mounted read-only.

The plain tree is made of copies and hard links in a folder, and bound read-only: what a person
would get without modelfs. Every operation is tried on both, and must end alike.
"""

import errno
import fcntl
import mmap
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelfs.library import settings

from .conftest import BOTH_WAYS, Home

READ_PATHS = BOTH_WAYS

FILE = "by-category/language/llm/big.gguf"
FOLDER = "by-category/language/llm"
DEEP = "by-category/image/checkpoint/pipeline/unet/config.json"


def test_the_trees_have_the_same_files_with_the_same_bytes(furnished: Home, plain: Path) -> None:
    done = subprocess.run(
        ["diff", "-r", "--no-dereference", str(plain), str(furnished.mountpoint)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


def test_attributes_are_alike(furnished: Home, plain: Path) -> None:
    for root, folders, files in os.walk(plain):
        relative = Path(root).relative_to(plain)
        for name in files:
            ours = (furnished.mountpoint / relative / name).lstat()
            theirs = (plain / relative / name).lstat()
            for field in ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_mtime_ns"):
                assert getattr(ours, field) == getattr(theirs, field), (relative, name, field)
        for name in folders:
            ours = (furnished.mountpoint / relative / name).lstat()
            theirs = (plain / relative / name).lstat()
            assert (ours.st_mode, ours.st_uid) == (theirs.st_mode, theirs.st_uid)
        assert sorted(os.listdir(furnished.mountpoint / relative)) == sorted(files + folders)


def _open(flags: int, path: str = FILE) -> Callable[[Path], object]:
    def attempt(root: Path) -> object:
        os.close(os.open(root / path, flags, 0o600))
        return "opened"

    return attempt


def _on_file(action: Callable[[int], object], flags: int = os.O_RDONLY) -> Callable[[Path], object]:
    def attempt(root: Path) -> object:
        fd = os.open(root / FILE, flags)
        try:
            return action(fd)
        finally:
            os.close(fd)

    return attempt


def _mapped(fd: int, access: int) -> object:
    with mmap.mmap(fd, 0, access=access) as mapped:
        return mapped[-10:]


def _private_write(fd: int) -> object:
    """Write into a private map, as safetensors and torch do."""
    with mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE) as mapped:
        mapped[0:4] = b"mine"
        return bytes(mapped[0:8])


def _record_lock(fd: int) -> object:
    return fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _execute(root: Path) -> object:
    return subprocess.run([str(root / FILE)], check=False)


OPERATIONS: dict[str, Callable[[Path], object]] = {
    "open for reading": _open(os.O_RDONLY),
    "open for writing": _open(os.O_WRONLY),
    "open for both": _open(os.O_RDWR),
    "open and truncate": _open(os.O_WRONLY | os.O_TRUNC),
    "open and append": _open(os.O_WRONLY | os.O_APPEND),
    "create what is there": _open(os.O_RDONLY | os.O_CREAT),
    "create exclusively what is there": _open(os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "create a new file": _open(os.O_WRONLY | os.O_CREAT, f"{FOLDER}/new"),
    "create in a missing folder": _open(os.O_WRONLY | os.O_CREAT, "by-tag/absent/new"),
    "open a temporary file": _open(os.O_RDWR | os.O_TMPFILE, FOLDER),
    "open a folder as a folder": _open(os.O_RDONLY | os.O_DIRECTORY, FOLDER),
    "open a file as a folder": _open(os.O_RDONLY | os.O_DIRECTORY),
    "open a folder for writing": _open(os.O_WRONLY, FOLDER),
    "open below a file": _open(os.O_RDONLY, f"{FILE}/below"),
    "open nothing": _open(os.O_RDONLY, f"{FOLDER}/absent"),
    "open without following": _open(os.O_RDONLY | os.O_NOFOLLOW),
    "stat": lambda root: (root / FILE).stat().st_size,
    "stat nothing": lambda root: (root / "absent").stat(),
    "stat a name too long": lambda root: (root / ("n" * 256)).stat(),
    "stat a path too long": lambda root: os.stat(str(root) + "/by-tag" * 800),
    "stat with a slash behind a file": lambda root: os.stat(f"{root}/{FILE}/"),
    "stat by dots": lambda root: os.stat(root / FOLDER / ".." / "llm" / "big.gguf").st_size,
    "readlink of a file": lambda root: os.readlink(root / FILE),
    "listdir of a file": lambda root: os.listdir(root / FILE),
    "unlink": lambda root: os.unlink(root / FILE),
    "unlink a folder": lambda root: os.unlink(root / FOLDER),
    "unlink nothing": lambda root: os.unlink(root / "absent"),
    "rmdir": lambda root: os.rmdir(root / FOLDER),
    "rmdir an empty folder": lambda root: os.rmdir(root / "inbox"),
    "rmdir a file": lambda root: os.rmdir(root / FILE),
    "mkdir what is there": lambda root: os.mkdir(root / FOLDER),
    "mkdir a new one": lambda root: os.mkdir(root / "by-tag" / "new"),
    "makedirs what is there": lambda root: os.makedirs(root / FOLDER, exist_ok=True),
    "rename": lambda root: os.rename(root / FILE, root / FOLDER / "other"),
    "rename a folder": lambda root: os.rename(root / FOLDER, root / "other"),
    "rename nothing": lambda root: os.rename(root / "absent", root / "other"),
    "link": lambda root: os.link(root / FILE, root / FOLDER / "other"),
    "link onto what is there": lambda root: os.link(root / FILE, root / FILE),
    "symlink": lambda root: os.symlink("x", root / FOLDER / "other"),
    "mkfifo": lambda root: os.mkfifo(root / FOLDER / "other"),
    "chmod": lambda root: os.chmod(root / FILE, 0o600),
    "chown": lambda root: os.chown(root / FILE, 1, 1),
    "utime": lambda root: os.utime(root / FILE),
    "utime of a folder": lambda root: os.utime(root / FOLDER),
    "truncate": lambda root: os.truncate(root / FILE, 0),
    "setxattr": lambda root: os.setxattr(root / FILE, "user.x", b"x"),
    "removexattr": lambda root: os.removexattr(root / FILE, "user.x"),
    "getxattr of none": lambda root: os.getxattr(root / FILE, "user.x"),
    "access for reading": lambda root: os.access(root / FILE, os.R_OK),
    "access for writing": lambda root: os.access(root / FILE, os.W_OK),
    "access for running": lambda root: os.access(root / FILE, os.X_OK),
    "access to a folder": lambda root: os.access(root / FOLDER, os.R_OK | os.X_OK),
    "run": _execute,
    "read at the end": _on_file(lambda fd: os.pread(fd, 100, 3_000_000)),
    "read beyond the end": _on_file(lambda fd: os.pread(fd, 100, 4_000_000)),
    "read nothing": _on_file(lambda fd: os.pread(fd, 0, 0)),
    "read into many": _on_file(lambda fd: os.preadv(fd, [bytearray(10), bytearray(20)], 5)),
    "write to a read-only descriptor": _on_file(lambda fd: os.write(fd, b"x")),
    "seek to the end": _on_file(lambda fd: os.lseek(fd, 0, os.SEEK_END)),
    "seek before the start": _on_file(lambda fd: os.lseek(fd, -1, os.SEEK_SET)),
    "seek to data": _on_file(lambda fd: os.lseek(fd, 0, os.SEEK_DATA)),
    "seek to a hole": _on_file(lambda fd: os.lseek(fd, 0, os.SEEK_HOLE)),
    "seek beyond the end for data": _on_file(lambda fd: os.lseek(fd, 4_000_000, os.SEEK_DATA)),
    "map for reading": _on_file(lambda fd: _mapped(fd, mmap.ACCESS_READ)),
    "map for writing": _on_file(lambda fd: _mapped(fd, mmap.ACCESS_WRITE)),
    "map privately and write": _on_file(_private_write),
    "fsync": _on_file(os.fsync),
    "fdatasync": _on_file(os.fdatasync),
    "ftruncate": _on_file(lambda fd: os.ftruncate(fd, 0)),
    "fallocate": _on_file(lambda fd: os.posix_fallocate(fd, 0, 10)),
    "fadvise": _on_file(lambda fd: os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_WILLNEED)),
    "flock shared": _on_file(lambda fd: fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)),
    "flock exclusive": _on_file(lambda fd: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)),
    "record lock": _on_file(_record_lock),
    "sync of a folder": lambda root: _sync_folder(root / FOLDER),
    "read a deep file": lambda root: (root / DEEP).read_bytes(),
    "read an empty file": lambda root: (root / "by-category/other/unsorted/empty.bin").read_bytes(),
    "set the working folder": lambda root: (
        subprocess.run(["ls"], cwd=root / FOLDER, capture_output=True, check=True).stdout
    ),
}


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _outcome(attempt: Callable[[Path], object], root: Path) -> object:
    try:
        return attempt(root)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, error.errno)


def test_every_operation_ends_as_on_plain_files(furnished: Home, plain: Path) -> None:
    different = {
        name: (ours, theirs)
        for name, attempt in OPERATIONS.items()
        if (ours := _outcome(attempt, furnished.mountpoint)) != (theirs := _outcome(attempt, plain))
    }
    assert different == {}


@pytest.fixture
def reachable(home: Home) -> Iterator[Home]:
    """A library whose mountpoint anybody can reach, as far as folders above it go."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        settings.change(home.library, {"mount": f"{folder}/models"})
        home.add("one.gguf", b"GGUF", "language/llm", ["x"])
        yield home
        home.umount()


def _read_as_nobody(home: Home) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat",
         str(home.mountpoint / "by-tag" / "x" / "one.gguf")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_another_user_is_kept_out_unless_the_mount_is_for_others(reachable: Home) -> None:
    reachable.mount()
    done = _read_as_nobody(reachable)
    assert (done.stdout, "Permission denied" in done.stderr) == ("", True)
    reachable.umount()
    settings.change(reachable.library, {"allow_other": "true"})
    reachable.mount()
    assert _read_as_nobody(reachable).stdout == "GGUF"
