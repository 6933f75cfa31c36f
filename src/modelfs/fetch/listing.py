"""What a source offers, as values: files, the choices among them, and what it says of the model.

Everything here was said by a stranger: sizes and digests are promises until the bytes are read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from modelfs.types import FactValue

Access = Literal["", "hub", "civitai", "modelscope"]
"""Whose token a request may carry; ``""`` none."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file that can be fetched."""

    path: str
    """As the source calls it, ``/``-separated: not yet legal."""
    size_bytes: int | None
    """None where the source does not say."""
    url: str
    """Where its bytes are asked for, now and when it is resumed; it may redirect."""
    sha256: str | None = None
    git_sha1: str | None = None
    """SHA-1 as git makes it, of ``blob <size>``, NUL and the bytes: for small files of the hub."""
    access: Access = ""
    xet_hash: str | None = None
    """What the hub's Xet storage calls it."""
    content: bytes | None = None
    """The bytes themselves, where the source's description already had them: nothing to fetch."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of several forms of a model, of which a person usually wants one."""

    label: str
    """``Q4_K_M``, ``safetensors bf16``, ``pickle``: unique in its listing."""
    paths: Sequence[str]
    """All files that it needs, shards and shared ones too."""
    note: str = ""
    """What else there is to say in a few words: ``2 shards``, ``pruned``."""
    separate: bool = False
    """Whether it is a model of its own rather than another form of the same one."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one address leads to."""

    source: str
    """What the catalogue will say: ``hf:org/repo@<commit>``, a URL, ``ollama:name:tag``."""
    title: str
    """A name for people and for identification: ``org/repo``."""
    files: Sequence[RemoteFile]
    variants: Sequence[Variant] = ()
    """The choices, the best first; empty where everything belongs together."""
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    """What the source says, by the names of ``docs/identification.md``: licence, base model."""
    tags: Sequence[str] = ()
    """Automatic tags."""
    asked: str = ""
    """The branch or tag that was asked for, which ``update`` follows: ``main``."""

    def by_path(self) -> dict[str, RemoteFile]:
        """Return the files by their paths."""
        return {file.path: file for file in self.files}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person wants of a listing."""

    variants: Sequence[str] = ()
    """Labels, or parts of them; of each the first that fits."""
    all_variants: bool = False
    include: Sequence[str] = ()
    """Glob patterns of paths; with any, only these files."""
    exclude: Sequence[str] = ()
