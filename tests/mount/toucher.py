"""One of many processes that touch the pages of a mapped file at random, and time each of them.

``python -m mount.toucher FILE SEED UNTIL``; the file is made of eight-byte counters, so that every
word says where it belongs. The last line of standard output is a JSON object: how many pages were
touched, the longest wait in seconds, and how long before the end that was.
"""

import json
import mmap
import random
import sys
import time
from array import array
from pathlib import Path

PAGE_BYTES = 4096
_DROP_EVERY = 2000


def fill(path: Path, size_bytes: int) -> None:
    """Write a file of counters."""
    step = 1 << 20
    with path.open("wb") as file:
        for start in range(0, size_bytes, step):
            file.write(array("Q", range(start, start + step, 8)))


def main(file: str, seed: str, until: float) -> None:
    """Touch pages until the time is up; a wrong byte ends the process."""
    chance, longest, touched = random.Random(seed), (0.0, 0.0), 0
    with open(file, "rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    pages = len(mapped) // PAGE_BYTES
    while (started := time.monotonic()) < until:
        at = chance.randrange(pages) * PAGE_BYTES + chance.randrange(PAGE_BYTES // 8) * 8
        found = int.from_bytes(mapped[at : at + 8], sys.byteorder)
        longest = max(longest, (time.monotonic() - started, until - started))
        if found != at:
            raise AssertionError(f"{file} has {found} at {at}")
        touched += 1
        if touched % _DROP_EVERY == 0:  # so that what was touched once is a fault again
            mapped.madvise(mmap.MADV_DONTNEED)
    sys.stdout.write(
        json.dumps({"touched": touched, "longest_s": longest[0], "left_s": longest[1]}) + "\n"
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
