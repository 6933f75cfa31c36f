"""How much was tried: every kill, error, power cut, damage and operation is counted where it is.

``./test.sh`` prints the tally above its last line and keeps all of it in ``.cache/tally.json``.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Kind = Literal["kill", "error", "two faults", "power cut", "full disk", "damage", "operation"]

FILE = Path(__file__).parents[2] / ".cache" / "tally.json"
_counts: dict[Kind, Counter[str]] = {}


def count(kind: Kind, what: str, times: int = 1) -> None:
    """Count something that was tried; ``what`` names it, as in ``add: fsync``."""
    _counts.setdefault(kind, Counter())[what] += times


def counted() -> dict[str, dict[str, int]]:
    """Return what was counted in this process, to be sent to another."""
    return {kind: dict(found) for kind, found in _counts.items()}


def add(others: Mapping[Kind, Mapping[str, int]]) -> None:
    """Count what another process has counted."""
    for kind, found in others.items():
        for what, times in found.items():
            count(kind, what, times)


def lines() -> list[str]:
    """Return the tally as lines of text, a kind each; of ``add: fsync`` just ``add``."""
    return [f"{found.total():>7} {kind}: {_summed_up(found)}" for kind, found in _sorted()]


def _sorted() -> list[tuple[Kind, Counter[str]]]:
    return sorted(_counts.items())


def _summed_up(found: Counter[str]) -> str:
    sums: Counter[str] = Counter()
    for what, times in found.items():
        sums[what.partition(":")[0]] += times
    return ", ".join(f"{what} {times}" for what, times in sorted(sums.items()))


def keep() -> None:
    """Write the tally down."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(_counts, indent=1, sort_keys=True) + "\n")
