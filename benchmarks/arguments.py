"""How sizes and names are typed."""

import argparse
import re
from collections.abc import Callable, Sequence


def size(text: str) -> int:
    """Read a size, as ``1GB`` or ``2GiB``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) *([KMGT]?)(i?)B?", text, re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"not a size: {text!r} (try 1GB)")
    number, prefix, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(prefix.upper() or " "))


def names(known: Sequence[str], noun: str) -> Callable[[str], list[str]]:
    """Return what reads some of the names that there are, with commas between them."""

    def read(text: str) -> list[str]:
        chosen = [name.strip() for name in text.split(",")]
        for name in chosen:
            if name not in known:
                problem = f"no {noun} {name!r}; there are {', '.join(known)}"
                raise argparse.ArgumentTypeError(problem)
        return chosen

    return read
