"""Measure modelfs beside its peers and print one table of ratios.

Exits 1 when a bar is not held or a pair could not be measured, 2 on a command that failed.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import adding, fetching, machine, peers, starting, table
from benchmarks.arguments import names, size
from benchmarks.machine import available_memory_bytes
from benchmarks.pair import Pair, Result, measure
from benchmarks.place import Failure, Place, taken

PAIRS: list[Pair] = [*starting.PAIRS, *adding.PAIRS, *fetching.PAIRS]

_LARGEST_BYTES = 4 << 30
_SHARE_OF_MEMORY = 5
"""The source, its copy and what a mount caches of it must all stay in memory, with room left."""
_LEAST_ROUNDS = 5
_COPIES_ON_DISK = 4


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run.sh", description=__doc__)
    known = names([pair.name for pair in PAIRS], "pair")
    parser.add_argument("--size", type=size, help="bytes of the file, as 1GB; default by memory")
    parser.add_argument("--only", type=known, metavar="NAME,…", help="only these pairs")
    parser.add_argument("--rounds", type=int, default=_LEAST_ROUNDS, help="how often; default 5")
    parser.add_argument("--cold", action="store_true", help="read sources from the disk")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--folder", type=Path, help="the disk to measure on; default $TMPDIR")
    parser.add_argument(
        "--allow-missing", action="store_true", help="a peer that is not here is no failure"
    )
    return parser.parse_args()


def main() -> int:
    """Measure what was asked for; return the exit code."""
    arguments = _arguments()
    size_bytes = arguments.size or min(_LARGEST_BYTES, available_memory_bytes() // _SHARE_OF_MEMORY)
    pairs = [pair for pair in PAIRS if not arguments.only or pair.name in arguments.only]
    try:
        with taken(arguments.folder, size_bytes, _COPIES_ON_DISK, cold=arguments.cold) as place:
            facts = _facts(place, arguments.rounds)
            _say("\n".join(f"{key}: {value}" for key, value in facts.items()) + "\n")
            results = _measured(pairs, place, arguments.rounds)
    except Failure as failure:
        _say(f"failed: {failure}")
        return 2
    sys.stdout.write(table.drawn(results) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(table.document(results, facts), indent=2) + "\n")
    accepted = (r.held or (arguments.allow_missing and r.missing) for r in results)
    return 0 if all(accepted) else 1


def _measured(pairs: Sequence[Pair], place: Place, rounds: int) -> list[Result]:
    results = []
    for pair in pairs:
        _say(f"measuring {pair.name} …")
        try:
            results.append(measure(pair, place, rounds))
        except peers.Missing as missing:
            results.append(Result(pair, {}, str(missing)))
        _say(f"  {table.said(results[-1])}")
    return results


def _facts(place: Place, rounds: int) -> dict[str, object]:
    return {
        "size_bytes": place.size_bytes,
        "sources": "on disk only" if place.cold else "in memory (page cache)",
        "rounds": rounds,
        **machine.facts(),
    }


def _say(text: str) -> None:
    """Tell the person who waits; the table alone goes to standard output."""
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
