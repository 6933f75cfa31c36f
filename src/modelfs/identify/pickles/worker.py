"""The process in which pickles are followed: it can open nothing, and ends with its parent.

Reads from standard input a length (8 bytes, little-endian), whether more pickles may follow in
the same bytes (1 byte), and the bytes; answers with a length (4 bytes) and JSON. Started by
``process`` with nothing of the program but this room's own modules, and told which keys wrap
a model's tensors. Rule: import here nothing that can be done without, as each start waits for it
(json, dataclasses and typing took two thirds of it), and nothing at all once the doors are closed.
"""

from __future__ import annotations

import resource
import sys

from modelfs.identify.pickles.answers import as_json
from modelfs.identify.pickles.following import follow
from modelfs.identify.pickles.machine import Machine
from modelfs.identify.pickles.records import Breach
from modelfs.identify.pickles.states import Found, Keys, read_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY_BYTES = 512 << 20
"""The largest pickle that is taken fills a quarter of it, twice while it arrives."""
CPU_S = 10
MAX_PICKLES = 16
MAX_NAMES = 200
MAX_NAME_CHARS = 200

_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
"""What torch before 1.6 pickled first."""
_LEGACY_PICKLES = 5
"""The magic, a version, the machine it came from, the object, the keys of its storages."""
_OUT_OF_MEMORY = "more memory than any model needs"


def main() -> None:
    """Answer until the parent closes the pipe, or until memory ran out once."""
    keys = Keys(*(names.split() for names in sys.argv[2:5]))
    _close_doors()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while len(head := source.read(9)) == 9:
        data = source.read(int.from_bytes(head[:8], "little"))
        _allow_cpu(CPU_S)
        told = inspect(data, keys, several=bool(head[8]))
        answer = as_json(told).encode()
        sink.write(len(answer).to_bytes(4, "little") + answer)
        sink.flush()
        if told["problem"] == _OUT_OF_MEMORY:
            break  # what is left may be in pieces too small for the next


def _close_doors() -> None:
    """Give up for good whatever a pickle might reach: files, sockets, processes, memory."""
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def _allow_cpu(seconds: int) -> None:
    """Should the parent be gone, the kernel ends what takes too long."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def inspect(data: bytes, keys: Keys, *, several: bool) -> dict[str, object]:
    """Return what the pickles in these bytes name and hold; ``problem`` is why it was given up."""
    followed, found, problem = _Followed(data), Found(), ""
    is_cut = is_damaged = False
    try:
        for value in followed.values(several):
            state = read_state(value, keys)
            if len(state.tensors) >= len(found.tensors) and (state.tensors or not found.keys):
                found = state
    except Breach as breach:
        problem, is_cut, is_damaged = str(breach), breach.is_cut, breach.is_damaged
    except (MemoryError, RecursionError):
        problem = _OUT_OF_MEMORY
    machine = followed.machine
    names = [_bounded(name) for name in machine.names]
    return {
        "problem": problem,
        "is_cut": is_cut,
        "is_damaged": is_damaged,
        "is_legacy_torch": followed.is_legacy_torch,
        "uses": machine.uses,
        "names": names[:MAX_NAMES],
        "called": [_bounded(name) for name in machine.called][:MAX_NAMES],
        "more_names": max(0, len(names) - MAX_NAMES),
        "tensors": [[name, dtype, list(shape)] for name, (dtype, shape) in found.tensors.items()],
        "counts": found.counts,
        "keys": found.keys,
        "values": found.values,
        "kind": found.kind,
    }


def _bounded(name: str) -> str:
    """Cutting a name could make an allowed one of it."""
    return name if len(name) <= MAX_NAME_CHARS else f"a very long name: {name[:MAX_NAME_CHARS]}"


class _Followed:
    """The pickles that lie one behind another, as far as a loader would go."""

    def __init__(self, data: bytes) -> None:
        self.machine = Machine()
        self.is_legacy_torch = False
        self._data = data
        self._position = 0

    def values(self, several: bool) -> Iterator[object]:
        """Yield what each makes; raise ``Breach`` where one that a loader would load is bad."""
        first = self._next()
        # However it is spelt: torch compares the number, and loads four more whatever they are.
        self.is_legacy_torch = isinstance(first, int | float) and first == _TORCH_MAGIC
        yield first
        if several and self.is_legacy_torch:
            for _ in range(_LEGACY_PICKLES - 1):
                yield self._next()
        elif several:
            yield from self._trailing()

    def _trailing(self) -> Iterator[object]:
        """Of what follows a pickle, nobody knows whether it is one before it was followed."""
        for _ in range(MAX_PICKLES - 1):
            if self._position >= len(self._data):
                return
            names = len(self.machine.names)
            try:
                value = self._next()
            except Breach:
                if len(self.machine.names) > names:
                    raise
                return  # bytes of another kind, which named nothing
            yield value

    def _next(self) -> object:
        value, self._position = follow(self.machine, self._data, self._position)
        return value


if __name__ == "__main__":
    main()
