"""Read a file as programs do, and say how long that took: ``reader.py HOW PATH [FOLDER]``.

Python's own start is not in the seconds, nor are imports. What takes long ends early, for a rate
needs no end. Prints a line of JSON.
"""

import json
import mmap
import os
import resource
import sys
import time
from collections import deque
from collections.abc import Callable

_PIECE_BYTES = 1 << 20
_STRETCH_BYTES = 64 << 20
_PAGE_BYTES = 4096
_LONGEST_S = 4.0

Work = Callable[[], int]
"""Does it, and returns how much it was: bytes, or files."""


def _read(path: str) -> Work:
    """Read from start to end by pieces into one buffer."""
    buffer = memoryview(bytearray(_PIECE_BYTES))

    def work() -> int:
        done, end = 0, _end()
        with open(path, "rb", buffering=0) as file:
            while (count := file.readinto(buffer)) and time.monotonic() < end:
                done += count
        return done

    return work


def _map(path: str) -> Work:
    """Map the file and touch one byte of each page."""
    import numpy as np

    def work() -> int:
        with open(path, "rb", buffering=0) as file:
            pages = np.frombuffer(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ), np.uint8)
        done, end = 0, _end()
        while done < len(pages) and time.monotonic() < end:
            stretch = pages[done : done + _STRETCH_BYTES]
            stretch[::_PAGE_BYTES].sum()
            done += len(stretch)
        return done

    return work


def _safetensors(path: str) -> Work:
    """Load all tensors with the library, which copies them out of its map."""
    import numpy  # noqa: F401  # or the library would do it within the time
    from safetensors import safe_open

    def work() -> int:
        loaded, end = {}, _end()
        with safe_open(path, framework="np") as file:
            for name in file.keys():  # noqa: SIM118  # it is no dictionary
                loaded[name] = file.get_tensor(name)
                if time.monotonic() > end:
                    break
        return sum(tensor.nbytes for tensor in loaded.values())

    return work


def _gguf(path: str) -> Work:
    """Open with the library, and copy each tensor out of its map into one place."""
    import numpy as np
    from gguf import GGUFReader

    place = np.empty(os.stat(path).st_size, np.uint8)
    place.fill(1)  # so that its own pages are there before

    def work() -> int:
        done, end = 0, _end()
        for tensor in GGUFReader(path).tensors:
            if time.monotonic() > end:
                break
            size = tensor.data.nbytes
            np.copyto(place[:size], tensor.data.view(np.uint8).reshape(-1))
            done += size
        return done

    return work


def _stat(listed: str, folder: str) -> Work:
    """Ask for the attributes of each file of a list, once more than the first time."""
    with open(listed, "rb") as file:
        paths = file.read().split(b"\0")[:-1]
    os.chdir(folder)

    def work() -> int:
        deque(map(os.stat, paths), maxlen=0)
        return len(paths)

    work()
    return work


_WAYS: dict[str, Callable[..., Work]] = {
    "read": _read,
    "map": _map,
    "safetensors": _safetensors,
    "gguf": _gguf,
    "stat": _stat,
}


def _end() -> float:
    return time.monotonic() + _LONGEST_S


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Do what the command line says."""
    work = _WAYS[sys.argv[1]](*sys.argv[2:])
    processor, begun = _processor_s(), time.perf_counter()
    amount = work()
    seconds = time.perf_counter() - begun
    document = {"amount": amount, "seconds": seconds, "processor_s": _processor_s() - processor}
    sys.stdout.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
