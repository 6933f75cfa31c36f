"""Ids and small values that every layer shares; no behaviour of the product lives here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NewType

BlobId = NewType("BlobId", str)
"""32 lower-case hex digits of the XXH3-128 of the bytes, plus ``~N`` for a true collision."""

ModelId = NewType("ModelId", int)
FileId = NewType("FileId", int)
ChangeId = NewType("ChangeId", int)

FactValue = str | int | float | bool | Sequence[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What identification read from the bytes. ``None`` means "not known", never "no"."""

    format: str = "unknown"
    architecture: str | None = None
    quant: str | None = None
    parameters: int | None = None
    base_model: str | None = None
    details: Mapping[str, FactValue] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file about to be identified: its path inside the model, and a way to read its header."""

    path: str
    """Relative, ``/``-separated; a single file has just its name."""
    size_bytes: int
    open: Callable[[], BinaryIO]
    """Opens the bytes for reading, seekable; the caller closes."""
