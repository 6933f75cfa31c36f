"""The bars: what each read path promises beside native and beside its peers."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.reads.cases import CASES, Case
from benchmarks.reads.results import Results, most
from benchmarks.reads.sides import NATIVE
from benchmarks.reads.storms import STORMS

PASSTHROUGH_OF_NATIVE = 0.95
SERVED_OF_PEERS = 0.9
RAISED_OF_PEERS = 1.3
MOST_COPIES = 1.05
STORM_TIMES = 2.0
_PEERS = ("bindfs", "mergerfs")
"""At their defaults."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one bar is held in one case."""

    side: str
    case: str
    bar: str
    found: str
    held: bool
    is_missing: bool = False
    """Whether it could not be measured here, which is not held either."""


def verdicts(results: Results, sides: Collection[str], wanted: Collection[str]) -> list[Verdict]:
    """Judge every bar whose sides and case were asked for."""
    cases = [case for case in CASES if case.name in wanted]
    names = [case.name for case in cases]
    found = [verdict for case in cases for verdict in _of_case(results, case, sides)]
    names = [name for name in names if name not in results.missing]
    if names:
        found += [_requests(results, "passthrough", names), _copies(results, "passthrough", names)]
    for storm in STORMS:
        if storm.name in wanted and NATIVE in sides:
            found += [_storm(results, side, storm.name) for side in ("passthrough", "served")]
    return [verdict for verdict in found if verdict.side in sides]


def _of_case(results: Results, case: Case, sides: Collection[str]) -> Iterator[Verdict]:
    name = case.name
    if NATIVE in sides:
        bar = f"at least {PASSTHROUGH_OF_NATIVE}x native"
        yield _ratio(results, "passthrough", name, bar, (NATIVE,), PASSTHROUGH_OF_NATIVE)
    if not set(_PEERS) <= set(sides):
        return
    peers = f"x the better of {' and '.join(_PEERS)}"
    bar = f"at least {SERVED_OF_PEERS}{peers}"
    yield _ratio(results, "served-128k", name, bar, _PEERS, SERVED_OF_PEERS)
    if case.reads_ahead:
        bar = f"at least {RAISED_OF_PEERS}{peers}"
        yield _ratio(results, "served", name, bar, _PEERS, RAISED_OF_PEERS)


def _ratio(
    results: Results, side: str, case: str, bar: str, against: Collection[str], limit: float
) -> Verdict:
    if missing := _unmeasured(results, case, (side, *against)):
        return _missing(side, case, bar, missing)
    best = max(against, key=lambda peer: results.rate(case, peer))
    ratio = results.ratio(case, side, best)
    low, high = results.spread(case, side, best)
    return Verdict(side, case, bar, f"{ratio:.2f}x {best} ({low:.2f}-{high:.2f})", ratio >= limit)


def _storm(results: Results, side: str, storm: str) -> Verdict:
    bar = f"at most {STORM_TIMES:g}x the time of native"
    if missing := _unmeasured(results, storm, (side, NATIVE)):
        return _missing(side, storm, bar, missing)
    times = results.ratio(storm, NATIVE, side)
    low, high = results.spread(storm, NATIVE, side)
    return Verdict(side, storm, bar, f"{times:.2f}x ({low:.2f}-{high:.2f})", times <= STORM_TIMES)


def _requests(results: Results, side: str, cases: Sequence[str]) -> Verdict:
    bar, where = "no read request in user space", "all cases"
    if missing := _unmeasured(results, cases[0], (side,)):
        return _missing(side, where, bar, missing)
    count = most([results.requests(case, side) for case in cases])
    if count is None:
        return _missing(side, where, bar, "this kernel does not count them for us")
    others = [name for name in ("served", "served-128k", *_PEERS) if results.of(cases[0], name)]
    if others and not any(results.requests(cases[0], name) for name in others):
        return _missing(side, where, bar, f"none were counted for {others[0]} either")
    return Verdict(side, where, bar, f"{count} at most", count == 0)


def _copies(results: Results, side: str, cases: Sequence[str]) -> Verdict:
    bar, where = f"in memory at most {MOST_COPIES}x", "all cases"
    if missing := _unmeasured(results, cases[0], (side,)):
        return _missing(side, where, bar, missing)
    copies = most([results.copies(case, side) for case in cases])
    if copies is None:
        return _missing(side, where, bar, "this kernel does not tell (before 6.5)")
    return Verdict(side, where, bar, f"{copies:.2f}x at most", copies <= MOST_COPIES)


def _unmeasured(results: Results, case: str, sides: Collection[str]) -> str:
    """Return why one of these sides has no figure; empty when all have."""
    for side in sides:
        if not results.of(case, side):
            return results.missing.get(case) or results.missing.get(side, "it failed")
    return ""


def _missing(side: str, case: str, bar: str, why: str) -> Verdict:
    return Verdict(side, case, bar, f"not measured: {why}", False, is_missing=True)
