"""Files whose names tell their bytes: whoever reads ``w17-…`` knows what must be in it."""

import random
import re
from pathlib import Path

_SIZES = (0, 900, 40_000, 300_000, 300_000, 1_200_000)
_TWIN_BYTE = 100_000
"""Between the samples that the store looks at first, so that only a comparison tells twins."""
_NAME = re.compile(r"w(\d+)-")
COUNT = 36


def weights(number: int) -> bytes:
    """Return the bytes of one number, the same in every process; 6n+3 and 6n+4 are twins."""
    size_bytes = _SIZES[number % len(_SIZES)]
    is_twin = number % len(_SIZES) == 4
    data = bytearray(random.Random(number - is_twin).randbytes(size_bytes))
    if is_twin:
        data[_TWIN_BYTE] ^= 1
    return bytes(data)


def fill(pool: Path) -> None:
    """Write each content once, for everybody to copy from and to compare with."""
    pool.mkdir()
    for number in range(COUNT):
        (pool / str(number)).write_bytes(weights(number))


def number_of(path: str) -> int:
    """Return the number that the last component of a path begins with."""
    found = _NAME.match(path.rpartition("/")[2])
    if found is None:
        raise AssertionError(f"{path} does not say what is in it")
    return int(found[1])
