"""What the name of a file tells: quantisation, shard, unfinished, litter, a model's suffix."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from functools import cache
from posixpath import basename
from typing import Any

from modelfs.identify.tables import load_table

_NOT_BEFORE, _NOT_AFTER = r"(?<![a-z0-9])", r"(?![a-z0-9])"
"""Delimiters are whatever is no letter and no digit: uploaders use ``-``, ``.`` and ``_``."""
_MAX_NAME_CHARS = 512
MAX_SHARDS = 2000
"""The largest published models have a few hundred."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A file's place in a set of files that are one model."""

    stem: str
    names: tuple[str, ...]
    """The names of all parts, in order."""
    index: str
    """The name of the file that lists the parts; empty when there is no such thing."""


def is_unfinished(name: str) -> bool:
    """Tell whether a program that writes ``name`` has not finished with it."""
    last = basename(name).lower()
    if _matcher("unfinished").match(last):
        return True
    return re.match(load_table("names")["unfinished_regex"], last) is not None


def is_junk(path: str) -> bool:
    """Tell whether a path is litter of editors, version control or the desktop."""
    *folders, last = path.lower().split("/")
    in_junk = any(_matcher("junk_folders").match(folder) for folder in folders)
    return in_junk or _matcher("junk_files").match(last) is not None


@cache
def _matcher(list_name: str) -> re.Pattern[str]:
    return re.compile("|".join(translate(row) for row in load_table("names")[list_name]))


def matches_path(path: str, pattern: str) -> bool:
    """Match a path against a pattern part by part, so that ``*`` does not cross ``/``."""
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def sidecars(path: str, siblings: Sequence[str]) -> tuple[str, ...]:
    """Return which of the names in its folder are notes that programs keep beside ``path``."""
    stem = path.rpartition(".")[0] or path
    ends = load_table("names")["sidecars"]
    return tuple(sorted({stem + end for end in ends} & set(siblings)))


def telling_name(name: str, folders: Sequence[str]) -> str:
    """Return ``name``, or the nearest folder's name when it says nothing of the model.

    ``folders`` are the names of the folders around it, the innermost last.
    """
    table = load_table("names")
    for candidate in (name, *reversed(folders)):
        hub = re.match(table["hub_folder_regex"], candidate)
        if hub is not None:
            return hub["name"]
        if candidate is not name and candidate.lower() in table["places"]:
            break
        generic = candidate.lower() in table["generic"]
        if not generic and re.match(table["generic_regex"], candidate) is None:
            return candidate
    return name


def model_suffix_rank(path: str) -> int | None:
    """Return how early a model's suffix stands in the table, ``None`` for any other file."""
    lowered = path.lower()
    for rank, suffix in enumerate(load_table("names")["model_suffixes"]):
        if lowered.endswith(suffix):
            return rank
    return None


def is_model_file(path: str) -> bool:
    """Tell whether the name has the suffix of a model, or is one shard of a model."""
    return model_suffix_rank(path) is not None or shard_of(path) is not None


def shard_of(path: str) -> Shard | None:
    """Return the set that a path is a part of, its names in the same folder, or ``None``."""
    folder, slash, last = path.rpartition("/")
    for row in load_table("names")["shards"]:
        match = re.match(row["pattern"], last)
        if match is None:
            continue
        part, total = int(match["part"]), int(match["total"])
        if not 1 <= part <= total <= MAX_SHARDS:
            return None
        shape = {"stem": match["stem"], "end": match["end"], "total": total}
        names = (row["name"].format(part=number, **shape) for number in range(1, total + 1))
        index = row["index"].format(part=part, **shape)
        return Shard(
            stem=match["stem"],
            names=tuple(folder + slash + name for name in names),
            index=folder + slash + index if index else "",
        )
    return None


def quant_from_name(name: str) -> str | None:
    """Return the quantisation that a file name mentions, in one spelling, or ``None``.

    The last mention wins, as on the hub. A mix (``-55IQ2_XXS-34Q2_K``) gives its largest part.
    """
    text = basename(name)[-_MAX_NAME_CHARS:]
    mixed = list(_quant_pattern(r"(?P<percent>\d{1,2})").finditer(text))
    if len(mixed) > 1:
        return _spelt(max(mixed, key=lambda match: int(match["percent"])))
    found = list(_quant_pattern("").finditer(text))
    return _spelt(found[-1]) if found else None


def quant_spans(name: str) -> list[tuple[int, int]]:
    """Return where a name mentions quantisations: start and end of each, in order."""
    return [match.span() for match in _quant_pattern("").finditer(name[:_MAX_NAME_CHARS])]


@cache
def _quant_pattern(prefix: str) -> re.Pattern[str]:
    rows: Sequence[Mapping[str, Any]] = load_table("names")["quant"]
    choices = "|".join(f"(?P<row{at}>{row['pattern']})" for at, row in enumerate(rows))
    return re.compile(_NOT_BEFORE + prefix + f"(?:{choices})" + _NOT_AFTER, re.IGNORECASE)


def _spelt(match: re.Match[str]) -> str:
    rows = load_table("names")["quant"]
    at, text = next((at, text) for at in range(len(rows)) if (text := match[f"row{at}"]))
    row = rows[at]
    text = text.upper() if row.get("upper") else text.lower()
    return text.replace(*row["replace"]) if "replace" in row else text
