"""Read one file in every way there is, beside native, and say which bars are held.

Exits 1 when a bar is not held or could not be measured, 2 on a command that failed.
"""

import argparse
import json
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import machine, peers
from benchmarks.arguments import names, size
from benchmarks.library import library
from benchmarks.place import Failure, Place, taken
from benchmarks.reads import table
from benchmarks.reads.bars import verdicts
from benchmarks.reads.cases import CASES
from benchmarks.reads.results import Results
from benchmarks.reads.sides import SIDES, Shelf
from benchmarks.reads.storms import STORMS, storm
from benchmarks.reads.turns import take_turns
from benchmarks.weights import write_gguf, write_weights

_LARGEST_BYTES = 2 << 30
_SHARE_OF_MEMORY = 8
"""Both files, what a mount caches of one, and what a program loads must stay in memory."""
_COPIES_ON_DISK = 6
_TENSORS = 64
_KNOWN = [*(case.name for case in CASES), *(storm.name for storm in STORMS)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run.sh read", description=__doc__)
    cases = names(_KNOWN, "case")
    sides = names([side.name for side in SIDES], "side")
    parser.add_argument("--size", type=size, help="bytes of the file, as 1GB; default by memory")
    parser.add_argument("--only", type=cases, metavar="CASE,…", help="only these cases")
    parser.add_argument("--sides", type=sides, metavar="SIDE,…", help="only these sides")
    parser.add_argument("--rounds", type=int, default=3, help="how often; default 3")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each random case; default 1")
    parser.add_argument("--models", type=int, default=10_000, help="for storms; default 10000")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--folder", type=Path, help="the disk to measure on; default $TMPDIR")
    parser.add_argument(
        "--allow-missing", action="store_true", help="what cannot be had here is no failure"
    )
    return parser.parse_args()


def main() -> int:
    """Measure what was asked for; return the exit code."""
    arguments = _arguments()
    most_bytes = machine.available_memory_bytes() // _SHARE_OF_MEMORY
    size_bytes = arguments.size or min(_LARGEST_BYTES, most_bytes)
    sides = arguments.sides or [side.name for side in SIDES]
    wanted = arguments.only or _KNOWN
    facts = {"size_bytes": size_bytes, "rounds": arguments.rounds, **machine.facts()}
    _say("\n".join(f"{key}: {value}" for key, value in facts.items()) + "\n")
    try:
        with taken(arguments.folder, size_bytes, _COPIES_ON_DISK, cold=False) as place:
            results = _measured(place, sides, wanted, arguments)
    except (Failure, peers.Missing) as failure:
        _say(f"failed: {failure}")
        return 2
    found = verdicts(results, sides, wanted)
    sys.stdout.write(table.drawn(results, found) + "\n")
    if arguments.json:
        document = table.document(results, found, facts)
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    accepted = (each.held or (arguments.allow_missing and each.is_missing) for each in found)
    return 0 if all(accepted) else 1


def _measured(
    place: Place, sides: Collection[str], wanted: Collection[str], arguments: argparse.Namespace
) -> Results:
    results = Results()
    if any(case.name in wanted for case in CASES):
        with _shelf(place) as shelf:
            chosen = [side for side in SIDES if side.name in sides]
            take_turns(shelf, chosen, wanted, arguments.rounds, arguments.seconds, results, _say)
    storm(place, sides, wanted, arguments.models, arguments.rounds, results, _say)
    return results


@contextmanager
def _shelf(place: Place) -> Iterator[Shelf]:
    """Make the two files, which are only in the library then, and the library."""
    files = place.source, place.source.with_suffix(".gguf")
    write_weights(files[0], place.size_bytes, _TENSORS)
    write_gguf(files[1], place.size_bytes, _TENSORS)
    with library(place, *files) as (safetensors, gguf):
        for file in files:
            file.unlink()
        yield Shelf(place, {"safetensors": safetensors, "gguf": gguf})


def _say(text: str) -> None:
    """Tell the person who waits; the tables alone go to standard output."""
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
