"""Start-up: what asking for help costs beside a bare program of the same library."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.pair import OURS, Bar, Pair, Side
from benchmarks.place import Place, modelfs

_BARE = Path(__file__).with_name("bare_typer.py")
_TIMES = 3


@contextmanager
def _help(place: Place) -> Iterator[Sequence[Side]]:
    def several(command: Sequence[str | Path]) -> float:
        # A few in a row: one start of a fifth of a second is at the mercy of any hiccup.
        return sum(place.run(command) for _ in range(_TIMES)) / _TIMES

    yield (
        Side(OURS, lambda: several(modelfs("--help"))),
        Side("bare typer", lambda: several([sys.executable, _BARE, "--help"])),
    )


PAIRS = [Pair("start-up", "modelfs --help", Bar("time", 1.5), ["bare typer"], _help)]
