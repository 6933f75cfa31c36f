"""What every edit can do, and how one is remembered so that it can be taken back later."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, ClassVar, Protocol, TypeVar

from modelfs.errors import BadInput


class Edit(Protocol):
    """Our part of one file, as a value.

    The errors of both functions do not name the file; whoever knows it does.
    """

    kind: ClassVar[str]

    def joined(self, content: bytes | None) -> bytes:
        """Return the file with our part in it; unchanged when it is there already.

        ``None`` is a file that does not exist. Raises BadInput for a file that is broken, Refused
        where somebody else's entry is in the way.
        """

    def parted(self, content: bytes, original: bytes | None) -> bytes | None:
        """Return the file without our part, or None when nothing else was ever in it.

        ``original`` is the file as it was before us; values that we replaced come from there.
        Raises BadInput for a file that is broken, Refused when our part cannot be told apart.
        """

    def by_hand(self) -> str:
        """Return the lines that a person would put into the file."""


_KINDS: dict[str, type[Any]] = {}
_Kind = TypeVar("_Kind", bound=type[Any])


def remembered(kind: _Kind) -> _Kind:
    """Register a class of edits (a decorator), so that records can hold it."""
    _KINDS[kind.kind] = kind
    return kind


def to_record(edit: Edit) -> dict[str, Any]:
    """Return an edit as JSON values."""
    return {"kind": edit.kind, **asdict(edit)}  # type: ignore[call-overload]


def from_record(values: Mapping[str, Any]) -> Edit:
    """Return the edit that ``to_record`` wrote; raise BadInput for one that is not understood."""
    kind = _KINDS.get(str(values.get("kind")))
    try:
        if kind is None:
            raise KeyError(values.get("kind"))
        known = {field.name: _frozen(values[field.name]) for field in fields(kind)}
        edit: Edit = kind(**known)
    except (KeyError, TypeError) as error:
        raise BadInput(f"the record names no known kind of change: {error}") from error
    return edit


def _frozen(value: Any) -> Any:
    """Turn JSON's lists back into the tuples that they were."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    if isinstance(value, dict):
        return {key: _frozen(each) for key, each in value.items()}
    return value
