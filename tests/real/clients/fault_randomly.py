"""Touch a mapped file at random places for some seconds, and compare each with the original."""

import json
import mmap
import os
import random
import sys
import time

_LONGEST_BYTES = 300_000
_FORGET_EVERY = 20


def main() -> None:
    """Fault with a seed, so that a failure can be had again; tell the places that were wrong."""
    request = json.loads(sys.argv[1])
    chance = random.Random(request["seed"])
    wrong, compared = [], 0
    with open(request["path"], "rb") as file, open(request["original"], "rb") as truth:
        size_bytes = os.fstat(truth.fileno()).st_size
        mapped = mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
        mapped.madvise(mmap.MADV_RANDOM)  # no readahead: each page is asked for
        ends_at = time.monotonic() + request["seconds"]
        while time.monotonic() < ends_at:
            if compared % _FORGET_EVERY == 0:
                mapped.madvise(mmap.MADV_DONTNEED)
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            offset = chance.randrange(size_bytes)
            length = chance.randrange(1, _LONGEST_BYTES)
            if mapped[offset : offset + length] != os.pread(truth.fileno(), length, offset):
                wrong.append([offset, length])
            compared += 1
        mapped.close()
    sys.stdout.write(json.dumps({"wrong": wrong, "compared": compared}) + "\n")


if __name__ == "__main__":
    main()
