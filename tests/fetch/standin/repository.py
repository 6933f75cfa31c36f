"""A repository of the stand-in hub: its commits, and what the hub's API says of them."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from fetch.standin.content import Content, git_sha1

_LFS_SUFFIXES = {".safetensors", ".gguf", ".bin", ".pt", ".pth", ".onnx", ".ckpt"}
_LFS_BYTES = 1 << 20
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class HubFile:
    """A file, where more than its bytes has to be said."""

    content: Content
    lfs: bool | None = None
    """Whether it is in LFS; None for what the hub would do with its name and size."""
    xet_hash: str | None = None
    promised_size: int | None = None
    """What the hub says instead of the truth."""
    promised_sha256: str | None = None

    @property
    def size(self) -> int:
        return self.content.size if self.promised_size is None else self.promised_size

    @property
    def sha256(self) -> str:
        return self.promised_sha256 or self.content.sha256

    @property
    def blob_id(self) -> str:
        """What git calls it: itself, or the pointer to LFS."""
        return git_sha1(self.content.pointer) if self.lfs else self.content.git_sha1

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.blob_id


def hub_file(path: str, source: Any) -> HubFile:
    """Return what a test gave as a file, with its place in LFS decided."""
    if not isinstance(source, HubFile):
        source = HubFile(source if isinstance(source, Content) else Content(source))
    file: HubFile = source
    if file.lfs is not None:
        return file
    is_weights = PurePosixPath(path).suffix in _LFS_SUFFIXES
    return replace(file, lfs=is_weights or file.content.size > _LFS_BYTES)


@dataclass(frozen=True)
class Commit:
    """The files at one moment."""

    hash: str
    files: Mapping[str, HubFile]
    time: datetime


@dataclass
class Repository:
    """A model repository. What ``about`` holds is told by the API as it is."""

    id: str
    private: bool = False
    gated: bool | str = False
    """``auto`` or ``manual`` where its terms must be accepted."""
    allowed: set[str] = field(default_factory=set)
    """The users who may see a private one, or have accepted the terms of a gated one."""
    about: dict[str, Any] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    """Branches and tags: ``refs/heads/main``."""
    keep: Callable[[str, Content], str] | None = None
    """Puts a file into Xet and returns its hash there; None without Xet."""

    @property
    def commit(self) -> str:
        """The hash of the newest commit of main."""
        return self.refs["refs/heads/main"]

    @property
    def files(self) -> Mapping[str, HubFile]:
        """The files of main."""
        return self.commits[self.commit].files

    def change(self, files: Mapping[str, Any]) -> str:
        """Commit to main and return the hash; None removes a file. Older commits stay."""
        parent = self.refs.get("refs/heads/main", "")
        kept = dict(self.commits[parent].files) if parent else {}
        for path, source in files.items():
            if source is None:
                del kept[path]
            else:
                kept[path] = self._stored(path, hub_file(path, source))
        text = repr([self.id, parent, [(path, file.etag) for path, file in kept.items()]])
        commit = hashlib.sha1(text.encode()).hexdigest()
        time = _EPOCH + timedelta(days=len(self.commits))
        self.commits[commit] = Commit(commit, kept, time)
        self.refs["refs/heads/main"] = commit
        return commit

    def _stored(self, path: str, file: HubFile) -> HubFile:
        if self.keep is None or not file.lfs:
            return file
        return replace(file, xet_hash=self.keep(path, file.content))

    def tag(self, name: str, commit: str | None = None) -> None:
        """Give a commit a name that stays."""
        self.refs[f"refs/tags/{name}"] = commit or self.commit

    def at(self, revision: str) -> Commit | None:
        """Return the commit that a branch, a tag or a hash means."""
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if name in self.refs:
                return self.commits[self.refs[name]]
        return self.commits.get(revision)

    def describe(self, commit: Commit, *, blobs: bool = False) -> dict[str, Any]:
        """Return what ``/api/models/ID`` says; ``blobs`` adds sizes and digests."""
        siblings = [
            {"rfilename": path} | (_blob(file) if blobs else {})
            for path, file in commit.files.items()
        ]
        return {
            "_id": hashlib.sha1(self.id.encode()).hexdigest()[:24],
            "id": self.id,
            "modelId": self.id,
            "author": self.id.partition("/")[0],
            "sha": commit.hash,
            "lastModified": _time(commit.time),
            "createdAt": _time(_EPOCH),
            "private": self.private,
            "gated": self.gated,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "usedStorage": sum(file.size for file in commit.files.values()),
            "siblings": siblings,
        } | self.about

    def tree(self, commit: Commit, folder: str, *, recursive: bool) -> list[dict[str, Any]] | None:
        """Return the entries of a folder, or of all below it; None where there is none."""
        start = f"{folder}/" if folder else ""
        inside = [path for path in commit.files if path.startswith(start)]
        if not inside and folder:
            return None
        return [
            entry
            for entry in self._entries(commit, inside)
            if recursive or "/" not in entry["path"].removeprefix(start)
        ]

    def _entries(self, commit: Commit, paths: list[str]) -> Iterator[dict[str, Any]]:
        folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
        for folder in sorted(folders - {"."}):
            yield _folder(folder)
        for path in paths:
            yield _entry(path, commit.files[path])

    def paths_info(self, commit: Commit, paths: list[str]) -> list[dict[str, Any]]:
        """Return the entries of those paths that exist."""
        every = {entry["path"]: entry for entry in self._entries(commit, list(commit.files))}
        return [every[path] for path in paths if path in every]


def _blob(file: HubFile) -> dict[str, Any]:
    told: dict[str, Any] = {"blobId": file.blob_id, "size": file.size}
    if file.lfs:
        told["lfs"] = {"sha256": file.sha256} | _lfs(file)
    return told


def _entry(path: str, file: HubFile) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "file", "oid": file.blob_id, "size": file.size, "path": path}
    if file.lfs:
        told["lfs"] = {"oid": file.sha256} | _lfs(file)
    if file.xet_hash:
        told["xetHash"] = file.xet_hash
    return told


def _lfs(file: HubFile) -> dict[str, Any]:
    return {"size": file.size, "pointerSize": len(file.content.pointer)}


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "oid": git_sha1(path.encode()), "size": 0, "path": path}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
