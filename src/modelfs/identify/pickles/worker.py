"""The process in which pickles are followed: it can open nothing, and ends with its parent.

Reads from standard input a length (8 bytes, little-endian), whether more pickles may follow in
the same bytes (1 byte), and the bytes; answers with a length (4 bytes) and JSON. Started by
``process`` with nothing of the program but this room's own modules.
"""

import codecs
import json
import resource
import sys
from io import BytesIO
from typing import BinaryIO

from modelfs.identify.pickles.machine import Breach, Machine
from modelfs.identify.pickles.states import Found, read_state

MEMORY_BYTES = 640 << 20
CPU_S = 10
MAX_PICKLES = 16
"""torch's legacy format is five in a row."""
MAX_NAMES = 200

_CODECS = ("utf-8", "ascii", "latin-1", "raw-unicode-escape", "unicode-escape")


def main() -> None:
    """Answer until the parent closes the pipe."""
    for codec in _CODECS:  # they are modules, and soon none can be opened any more
        codecs.lookup(codec)
    _close_doors()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while len(head := source.read(9)) == 9:
        data = source.read(int.from_bytes(head[:8], "little"))
        _allow_cpu(CPU_S)
        answer = json.dumps(inspect(BytesIO(data), several=bool(head[8]))).encode()
        sink.write(len(answer).to_bytes(4, "little") + answer)
        sink.flush()


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


def inspect(data: BinaryIO, *, several: bool) -> dict[str, object]:
    """Return what the pickles in these bytes name and hold; ``problem`` is why it was given up."""
    machine, found, problem = Machine(), Found(), ""
    try:
        for _ in range(MAX_PICKLES if several else 1):
            value = machine.run(data)
            state = read_state(value)
            if len(state.tensors) >= len(found.tensors) and (state.tensors or not found.keys):
                found = state
            if not several or not _another(data):
                break
    except Breach as breach:
        problem = str(breach)
    except (MemoryError, RecursionError):
        problem = "more memory than any model needs"
    names = list(machine.names)
    return {
        "problem": problem,
        "names": [name[:200] for name in names[:MAX_NAMES]],
        "more_names": max(0, len(names) - MAX_NAMES),
        "tensors": [[name, dtype, list(shape)] for name, (dtype, shape) in found.tensors.items()],
        "counts": found.counts,
        "keys": found.keys,
        "values": found.values,
        "kind": found.kind,
    }


def _another(data: BinaryIO) -> bool:
    """Say whether a pickle of protocol 2 or later follows; the position stays."""
    at = data.tell()
    mark = data.read(2)
    data.seek(at)
    return len(mark) == 2 and mark[0] == 0x80 and 2 <= mark[1] <= 5


if __name__ == "__main__":
    main()
