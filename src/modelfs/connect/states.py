"""What is at one path, as a value: read from the disk, put there durably, kept in records.

A path of a *file* is followed through links, so that a configuration file that is linked from
elsewhere is changed where it really is. A path of a *link* is looked at as it stands.
"""

import base64
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelfs import durable
from modelfs.errors import BadInput, Refused

_MAX_BYTES = 16 << 20
"""No configuration file is larger; what is, is something else."""


@dataclass(frozen=True, slots=True)
class File:
    """A file with these bytes."""

    content: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True, slots=True)
class EmptyFolder:
    """A folder with nothing in it."""

    mode: int


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing."""


@dataclass(frozen=True, slots=True)
class Other:
    """Something that is neither ours nor in our way; it is never changed and in no record."""


State = File | Link | EmptyFolder | Absent | Other
ABSENT = Absent()
OTHER = Other()


def read_file_state(path: Path) -> File | Absent:
    """Return what a configuration file is; raises BadInput when it is something else."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(f"{path} is not a file")
    if status.st_size > _MAX_BYTES:
        raise BadInput(f"{path} is too large for a configuration file")
    return File(path.read_bytes(), stat.S_IMODE(status.st_mode))


def read_link_state(path: Path) -> Link | EmptyFolder | Absent:
    """Return what is where a link is wanted.

    Raises Refused for a file and for a folder with something in it: those stay.
    """
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    if stat.S_ISLNK(status.st_mode):
        return Link(os.readlink(path))
    if not stat.S_ISDIR(status.st_mode):
        raise Refused(f"{path} is a file; it stays as it is", "move it away and try again")
    if any(path.iterdir()):
        raise Refused(
            f"the folder {path} is not empty; it stays as it is",
            f"bring its models in (modelfs add {path}), move it away and try again",
        )
    return EmptyFolder(stat.S_IMODE(status.st_mode))


def draft_of(path: Path) -> Path:
    """Return where a new file or link waits for its name; a kill may leave it there."""
    return path.with_name(f".{path.name}.modelfs")


def put(path: Path, before: State, after: State) -> None:
    """Make ``path`` be ``after``, durably; the caller has just seen that it is ``before``.

    At any moment it is either of the two, except that a folder and a link replace each other with
    nothing in between. Raises OSError.
    """
    if isinstance(after, File):
        _put_file(Path(os.path.realpath(path)), after)
    elif isinstance(before, File) and isinstance(after, Absent):
        # Safety: its bytes were ours alone, or are those that the record holds.
        real = Path(os.path.realpath(path))
        real.unlink()
        durable.fsync_folder(real.parent)
    else:
        _put_link(path, before, after)


def _put_file(path: Path, file: File) -> None:
    durable.make_folder(path.parent)
    beside = draft_of(path)
    with durable.draft(beside, file.mode) as fd:
        durable.write_all(fd, file.content)
        _dress(fd, path, file.mode)
        os.fsync(fd)
        os.rename(beside, path)
    durable.fsync_folder(path.parent)


def _dress(fd: int, old: Path, mode: int) -> None:
    """Give a new file the owner and the attributes of the one that it replaces, and its mode."""
    with suppress(FileNotFoundError):
        status = old.stat()
        if (status.st_uid, status.st_gid) != (os.fstat(fd).st_uid, os.fstat(fd).st_gid):
            os.fchown(fd, status.st_uid, status.st_gid)
        for name in _attributes(old):
            with suppress(OSError):  # some are the kernel's alone
                os.setxattr(fd, name, os.getxattr(old, name))
    os.fchmod(fd, mode)


def _attributes(path: Path) -> list[str]:
    try:
        return os.listxattr(path)
    except OSError:
        return []


def _put_link(path: Path, before: State, after: State) -> None:
    if isinstance(before, EmptyFolder):
        path.rmdir()  # Safety: fails when something has come into it
    elif isinstance(before, Link) and not isinstance(after, Link):
        path.unlink()  # Safety: a link, and it is ours
    if isinstance(after, Link | EmptyFolder):
        durable.make_folder(path.parent)
        _rename_in(path, after)
    if path.parent.is_dir():
        durable.fsync_folder(path.parent)


def _rename_in(path: Path, made: Link | EmptyFolder) -> None:
    beside = draft_of(path)
    remove_draft(path)
    try:
        if isinstance(made, Link):
            os.symlink(made.target, beside)
        else:
            beside.mkdir()
            beside.chmod(made.mode)
        os.rename(beside, path)
    except BaseException:
        remove_draft(path)
        raise


def remove_draft(path: Path) -> None:
    """Remove what a killed one was about to give the name ``path``; raises OSError."""
    beside = draft_of(path)
    # Safety: nobody else uses this name, and nobody of us does under the lock.
    if beside.is_dir() and not beside.is_symlink():
        beside.rmdir()
    else:
        beside.unlink(missing_ok=True)


def to_record(state: State) -> dict[str, Any]:
    """Return a state as JSON values; text stays readable."""
    if isinstance(state, Link):
        return {"kind": "link", "target": state.target}
    if isinstance(state, EmptyFolder):
        return {"kind": "folder", "mode": state.mode}
    if not isinstance(state, File):
        return {"kind": "absent"}
    try:
        held = {"text": state.content.decode("utf-8")}
    except UnicodeDecodeError:
        held = {"base64": base64.b64encode(state.content).decode()}
    return {"kind": "file", "mode": state.mode, **held}


def from_record(values: Mapping[str, Any]) -> State:
    """Return the state that ``to_record`` wrote; raise KeyError or ValueError for others."""
    kind = values["kind"]
    if kind == "link":
        return Link(str(values["target"]))
    if kind == "folder":
        return EmptyFolder(int(values["mode"]))
    if kind == "absent":
        return ABSENT
    if kind != "file":
        raise ValueError(f"no state is of the kind {kind!r}")
    if "text" in values:
        return File(str(values["text"]).encode(), int(values["mode"]))
    return File(base64.b64decode(values["base64"]), int(values["mode"]))
