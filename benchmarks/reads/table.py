"""How the results are shown: tables of a case a row and a side a column, then the bars."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from benchmarks.reads.bars import Verdict
from benchmarks.reads.cases import CASES
from benchmarks.reads.results import Results
from benchmarks.reads.sides import NATIVE, SIDES
from benchmarks.reads.storms import STORMS

Cell = Callable[[str, str], str]
"""What a case and a side have in their place."""
_UNITS = {case.name: case.unit for case in CASES}
_WHAT = {
    **{case.name: f"{case.what}, {case.state}" for case in CASES},
    **{storm.name: storm.what for storm in STORMS},
}


def drawn(results: Results, verdicts: Sequence[Verdict]) -> str:
    """Return all tables and the bars."""
    cases = [name for name in _WHAT if name in results.readings]
    sides = [side.name for side in SIDES if any(results.of(case, side.name) for case in cases)]
    read = [name for name in cases if name in _UNITS]

    def copies(case: str, side: str) -> str:
        found = results.copies(case, side)
        return "?" if found is None else f"{found:.2f}"

    def requests(case: str, side: str) -> str:
        found = results.requests(case, side)
        return "?" if found is None else f"{found}"

    def processor(case: str, side: str) -> str:
        return "+".join(f"{seconds:.2f}" for seconds in results.processor_s(case, side))

    tables = [
        ("speed: native, and the others as a share of it", cases, _speed(results)),
        ("seconds of the processor, reader + mount", cases, processor),
        ("times the file is in memory afterwards", read, copies),
        ("read requests that reached user space", read, requests),
    ]
    parts = [
        "\n".join([title, *_table(results, rows, sides, cell)])
        for title, rows, cell in tables
        if rows
    ]
    parts += ["\n".join(f"{name}: not measured: {why}" for name, why in results.missing.items())]
    parts += ["\n".join(_told(verdict) for verdict in verdicts)]
    return "\n\n".join(part for part in parts if part)


def _speed(results: Results) -> Cell:
    def cell(case: str, side: str) -> str:
        rate = results.rate(case, side)
        if side != NATIVE and results.of(case, NATIVE):
            return f"{results.ratio(case, side, NATIVE):.2f}"
        if _UNITS.get(case) == "GB/s":
            return f"{rate / 1e9:.2f} GB/s"
        return f"{rate / 1e3:.1f} k/s"

    return cell


def _table(
    results: Results, cases: Sequence[str], sides: Sequence[str], cell: Cell
) -> Iterator[str]:
    rows = [["", *sides]]
    for case in cases:
        cells = [cell(case, side) if results.of(case, side) else "-" for side in sides]
        rows.append([case, *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        padded = [text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)]
        yield "  ".join([row[0].ljust(widths[0]), *padded])


def _told(verdict: Verdict) -> str:
    word = "held" if verdict.held else "NOT HELD"
    return f"{word:8}  {verdict.side}, {verdict.case}: {verdict.bar}: {verdict.found}"


def document(
    results: Results, verdicts: Sequence[Verdict], facts: dict[str, object]
) -> dict[str, object]:
    """Return everything measured, as JSON has it."""
    return {
        **facts,
        "cases": {
            case: {
                "what": _WHAT[case],
                "sides": {
                    side: [asdict(reading) for reading in readings]
                    for side, readings in by_side.items()
                },
            }
            for case, by_side in results.readings.items()
        },
        "missing": results.missing,
        "bars": [asdict(verdict) for verdict in verdicts],
    }
