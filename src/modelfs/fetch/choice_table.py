"""The knowledge of ``choice.toml``: formats, and lists of names, matched against paths."""

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from posixpath import basename
from typing import Any

from modelfs.identify.names import is_model_file


def format_of(path: str, beside: set[str]) -> str:
    """Return the label of the format a file is weights in; empty for any other file.

    ``beside`` are the lower-case names in its folder.
    """
    stem = basename(path).lower().rpartition(".")[0]
    for row in _formats():
        if not row.files.fits(path) or (row.partner and stem + row.partner not in beside):
            continue
        if row.beside is None or any(map(row.beside.fits, beside)):
            return row.label
    return basename(path).rpartition(".")[2].lower() if is_model_file(path) else ""


def copy_of(path: str) -> str:
    """Return whose copy of the same weights a file is; empty for the usual one."""
    for label, pattern in _copies():
        if pattern.fits(path):
            return label
    return ""


def is_torch(label: str) -> bool:
    """Say whether PyTorch's programs load a format."""
    return any(row.label == label and row.torch for row in _formats())


def has_quants(label: str) -> bool:
    """Say whether each quantisation in a format is a choice of its own."""
    return any(row.label == label and row.quants for row in _formats())


def rank(label: str) -> int:
    """Return the place of a format among those to prefer."""
    preferred: list[str] = table()["preferred"]
    return preferred.index(label) if label in preferred else len(preferred)


def matches(path: str, names: str) -> bool:
    """Say whether a path fits one of the patterns of this list."""
    return _patterns(tuple(table()["names"][names])).fits(path)


@dataclass(frozen=True, slots=True)
class _Patterns:
    of_names: re.Pattern[str]
    of_paths: re.Pattern[str]

    def fits(self, path: str) -> bool:
        lowered = path.lower()
        return bool(
            self.of_names.fullmatch(lowered.rpartition("/")[2]) or self.of_paths.fullmatch(lowered)
        )


@cache
def table() -> dict[str, Any]:
    """Return ``choice.toml``; callers must not change it."""
    import tomllib
    from importlib import resources

    return tomllib.loads(
        resources.files("modelfs.fetch").joinpath("choice.toml").read_text("utf-8")
    )


@cache
def _patterns(rows: tuple[str, ...]) -> _Patterns:
    names = [translate(row) for row in rows if "/" not in row]
    paths = [translate(row) for row in rows if "/" in row]
    return _Patterns(re.compile("|".join(names) or r"(?!)"), re.compile("|".join(paths) or r"(?!)"))


@dataclass(frozen=True, slots=True)
class _Format:
    label: str
    files: _Patterns
    beside: _Patterns | None
    partner: str
    torch: bool
    quants: bool


@cache
def _formats() -> list[_Format]:
    return [
        _Format(
            label=row["label"],
            files=_patterns(tuple(row["files"])),
            beside=_patterns(tuple(row["beside"])) if "beside" in row else None,
            partner=row.get("partner", ""),
            torch=row.get("torch", False),
            quants=row.get("quants", False),
        )
        for row in table()["format"]
    ]


@cache
def _copies() -> list[tuple[str, _Patterns]]:
    return [(row["label"], _patterns(tuple(row["files"]))) for row in table()["copy"]]
