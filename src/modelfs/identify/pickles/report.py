"""What following a pickle gave, as the rest of the room sees it; and the verdict on its names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from modelfs.identify.reading import Tensor, plain_text
from modelfs.identify.tables import load_table
from modelfs.identify.verdict import Level, Verdict


@dataclass(frozen=True, slots=True)
class PickleReport:
    """The tensors of a pickle and what it would import, or why it was given up."""

    names: tuple[str, ...] = ()
    """What loading would import: ``module.name``; or, in words, what no name stands for."""
    called: frozenset[str] = frozenset()
    """Those of them that get arguments out of the file."""
    uses: int = 0
    """How often something named is called, made or changed."""
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By dtype: tensors and elements, shared storage counted once."""
    keys: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    is_legacy_torch: bool = False
    problem: str = ""
    is_cut: bool = False
    """The problem is that the bytes end before the pickle does."""
    is_damaged: bool = False
    """The problem is one that would end every loader's work too."""

    @property
    def verdict(self) -> Verdict:
        """What loading it would do, by lists of what is known; what is not known is feared."""
        levels: Mapping[Level, list[str]] = {level: [] for level in Level}
        for name in self.names:
            levels[_level(name, name in self.called)].append(plain_text(name, 100))
        if self.problem:
            levels[Level.RUNS_CODE].append(f"unreadable: {self.problem}")
        level = max((level for level in Level if levels[level]), default=Level.WEIGHTS_ONLY)
        return Verdict(level, tuple(levels[level]) if level else ())


def _level(name: str, is_called: bool) -> Level:
    """Return the level of the row that has exactly this name."""
    row = _allowed().get(name)
    if row is not None and not (is_called and row.get("uncalled")):
        return Level[row["level"]]
    # TorchScript alone may name what it likes below its own module.
    table = load_table("pickles")["torchscript"]
    if name.startswith(table["prefix"]) and all(map(str.isidentifier, name.split("."))):
        return Level[table["level"]]
    return Level.RUNS_CODE


@cache
def _allowed() -> Mapping[str, Mapping[str, Any]]:
    return {name: row for row in load_table("pickles")["names"] for name in _names(row)}


def _names(row: Mapping[str, Any]) -> list[str]:
    """Return the whole names of a row, each of its last parts below each of its modules."""
    modules = row.get("modules", [])
    return [*row.get("names", []), *(f"{m}.{last}" for m in modules for last in row["last"])]


def report_of(answer: Mapping[str, Any]) -> PickleReport:
    """Return the report in a worker's answer."""
    extra: Sequence[str] = ()
    if answer["more_names"]:
        extra = (f"{answer['more_names']} more names",)
    return PickleReport(
        names=(*answer["names"], *extra),
        called=frozenset(answer["called"]),
        uses=answer["uses"],
        tensors={name: Tensor(dtype, tuple(shape)) for name, dtype, shape in answer["tensors"]},
        counts={dtype: (count, elements) for dtype, (count, elements) in answer["counts"].items()},
        keys=tuple(plain_text(key) for key in answer["keys"]),
        values=answer["values"],
        kind=plain_text(answer["kind"]),
        is_legacy_torch=answer["is_legacy_torch"],
        is_cut=answer["is_cut"],
        is_damaged=answer["is_damaged"],
        problem=plain_text(answer["problem"]),
    )
