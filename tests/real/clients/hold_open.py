"""Open a file, read its beginning, wait, and read the rest: by descriptor and by memory map."""

import json
import mmap
import os
import sys

_HEAD_BYTES = 4096


def main() -> None:
    """Say ``open`` when both are open; after a line of input compare everything."""
    request = json.loads(sys.argv[1])
    with open(request["path"], "rb", buffering=0) as file:
        mapped = mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
        mapped.madvise(mmap.MADV_RANDOM)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        heads = file.read(_HEAD_BYTES), mapped[:_HEAD_BYTES]
        sys.stdout.write("open\n")
        sys.stdout.flush()
        sys.stdin.readline()
        with open(request["original"], "rb") as truth:
            expected = truth.read()
        half = len(expected) // 2  # each way has a half to itself, which nobody cached for it
        answer = {
            "heads": heads == (expected[:_HEAD_BYTES],) * 2,
            "mapped": mapped[half:] == expected[half:],
            "read": os.pread(file.fileno(), half, 0) == expected[:half],
            "size_bytes": os.fstat(file.fileno()).st_size,
            "links": os.fstat(file.fileno()).st_nlink,
        }
        mapped.close()
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
