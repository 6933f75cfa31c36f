"""How results are shown: one table for people, one document for programs."""

import statistics
from collections.abc import Sequence

from benchmarks.pair import OURS, Result

_HEAD = ("pair", "what", "ours", "theirs", "peer", "ratio", "of rounds", "bar", "held")


def drawn(results: Sequence[Result]) -> str:
    """Return the table, and below it the sides that no bar is about."""
    rows = [_HEAD, *(_row(result) for result in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    others = [line for result in results for line in _others(result)]
    return "\n".join(
        [*lines, *(["", "also measured in the same rounds:", *others] if others else [])]
    )


def _row(result: Result) -> tuple[str, ...]:
    pair = result.pair
    if result.missing:
        nothing = ("-",) * 5
        return pair.name, pair.title, *nothing, str(pair.bar), f"not measured: {result.missing}"
    low, high = result.spread
    return (
        pair.name,
        pair.title,
        _seconds(result.ours_s),
        _seconds(result.theirs_s),
        result.peer,
        f"{result.ratio:.2f}",
        f"{low:.2f}-{high:.2f}",
        str(pair.bar),
        "yes" if result.held else "NO",
    )


def said(result: Result) -> str:
    """Return a result in one line, for whoever waits for the rest."""
    if result.missing:
        return f"not measured: {result.missing}"
    verdict = "held" if result.held else "not held"
    return f"{result.ratio:.2f}, {result.pair.bar}: {verdict}"


def _others(result: Result) -> list[str]:
    if result.missing:
        return []
    named = {OURS, result.peer}
    return [
        f"  {result.pair.name}: {name} {_seconds(statistics.median(times))}"
        for name, times in result.times_s.items()
        if name not in named
    ]


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f} s"


def document(results: Sequence[Result], facts: dict[str, object]) -> dict[str, object]:
    """Return everything measured, as JSON has it."""
    return {**facts, "pairs": [_entry(result) for result in results]}


def _entry(result: Result) -> dict[str, object]:
    pair = result.pair
    entry: dict[str, object] = {
        "name": pair.name,
        "what": pair.title,
        "bar": {"kind": pair.bar.kind, "limit": pair.bar.limit},
        "held": result.held,
        "missing": result.missing or None,
        "times_s": result.times_s,
    }
    if not result.missing:
        entry |= {
            "ours_s": result.ours_s,
            "theirs_s": result.theirs_s,
            "peer": result.peer,
            "ratio": result.ratio,
        }
    return entry
