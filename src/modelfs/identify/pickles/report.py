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
    """What loading would import: ``module.name``."""
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By dtype: tensors and elements, shared storage counted once."""
    keys: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    problem: str = ""

    @property
    def verdict(self) -> Verdict:
        """What loading it would do, by lists of what is known; what is not known is feared."""
        if self.problem:
            return Verdict(Level.RUNS_CODE, (f"unreadable: {self.problem}",))
        levels: Mapping[Level, list[str]] = {level: [] for level in Level}
        for name in self.names:
            levels[_level(name)].append(plain_text(name, 100))
        level = max((level for level in Level if levels[level]), default=Level.WEIGHTS_ONLY)
        return Verdict(level, tuple(levels[level]) if level else ())


def _level(name: str) -> Level:
    allowed = _allowed()
    if name in allowed:
        return allowed[name]
    # Exact names, but for storages, dtypes and TorchScript, which follow a pattern.
    module, _, last = name.rpartition(".")
    for row in load_table("pickles")["pattern"]:
        fits = module == row["module"] or (
            row.get("below") and module.startswith(row["module"] + ".")
        )
        if fits and last.isidentifier() and last.endswith(row.get("ends", "")):
            return Level[row["level"]]
    return Level.RUNS_CODE


@cache
def _allowed() -> Mapping[str, Level]:
    table = load_table("pickles")
    return {name: Level[row["level"]] for row in table["names"] for name in row["names"]}


def report_of(answer: Mapping[str, Any]) -> PickleReport:
    """Return the report in a worker's answer."""
    extra: Sequence[str] = ()
    if answer["more_names"]:
        extra = (f"{answer['more_names']} more names",)
    return PickleReport(
        names=(*answer["names"], *extra),
        tensors={name: Tensor(dtype, tuple(shape)) for name, dtype, shape in answer["tensors"]},
        counts={dtype: (count, elements) for dtype, (count, elements) in answer["counts"].items()},
        keys=tuple(plain_text(key) for key in answer["keys"]),
        values=answer["values"],
        kind=plain_text(answer["kind"]),
        problem=plain_text(answer["problem"]),
    )
