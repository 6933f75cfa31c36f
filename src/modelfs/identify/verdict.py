"""What loading a file would do beside giving numbers: three levels, and never the word "safe"."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

_SHOWN_NAMES = 6


class Level(IntEnum):
    """How much there is to fear; the larger the worse."""

    WEIGHTS_ONLY = 0
    EXTRA_CODE = 1
    RUNS_CODE = 2


_SAID = {
    Level.WEIGHTS_ONLY: "weights only",
    Level.EXTRA_CODE: "extra code references",
    Level.RUNS_CODE: "would run code when loaded",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A level, and what led to it: names of code (``os.system``) or a reason in words."""

    level: Level
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(self.names[:_SHOWN_NAMES])
        more = (
            f" and {len(self.names) - _SHOWN_NAMES} more" if len(self.names) > _SHOWN_NAMES else ""
        )
        return f"{_SAID[self.level]}: {shown}{more}" if shown else _SAID[self.level]


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the highest level with all names that led to it, or ``None`` without any verdict."""
    found = list(verdicts)
    if not found:
        return None
    level = max(verdict.level for verdict in found)
    names = (name for verdict in found if verdict.level == level for name in verdict.names)
    return Verdict(level, tuple(dict.fromkeys(names)))
