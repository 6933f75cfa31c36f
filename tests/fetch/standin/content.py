"""The bytes of a file that a stand-in serves: in memory, or on disk where they are big."""

import hashlib
from functools import cached_property
from pathlib import Path


class Content:
    """Bytes, or a file on disk, whose SHA-256 may be given instead of being computed."""

    def __init__(self, source: bytes | str | Path, sha256: str | None = None) -> None:
        self.source: bytes | Path = source.encode() if isinstance(source, str) else source
        if sha256 is not None:
            self.__dict__["sha256"] = sha256  # what the property below would keep

    @cached_property
    def size(self) -> int:
        """How many bytes there are."""
        if isinstance(self.source, Path):
            return self.source.stat().st_size
        return len(self.source)

    @cached_property
    def sha256(self) -> str:
        """Their SHA-256, computed at most once."""
        if isinstance(self.source, bytes):
            return hashlib.sha256(self.source).hexdigest()
        with open(self.source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def git_sha1(self) -> str:
        """What git calls them when they are in the repository itself."""
        return git_sha1(self.read(0, self.size))

    @cached_property
    def pointer(self) -> bytes:
        """The text that git has in their place when they are in LFS."""
        return (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{self.sha256}\nsize {self.size}\n"
        ).encode()

    def read(self, start: int, length: int) -> bytes:
        """Return some of the bytes."""
        if isinstance(self.source, bytes):
            return self.source[start : start + length]
        with open(self.source, "rb") as file:
            file.seek(start)
            return file.read(length)


def git_sha1(content: bytes) -> str:
    """Return git's name for a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
