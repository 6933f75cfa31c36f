"""The one way sizes, durations and times are written for people and read from them."""

import re
from datetime import UTC, datetime

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b?", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w|y)?", re.IGNORECASE)
MAX_SIZE_BYTES = 1 << 63
"""What neither a file (off_t) nor the catalogue (a signed integer) can hold."""
_POWERS = "kmgtp"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31_557_600}


def format_size(size_bytes: int) -> str:
    """Write a size with decimal units, as disks are sold and model pages say: ``4.7 GB``."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    units = ["kB", "MB", "GB", "TB", "PB"]
    value = size_bytes / 1000
    while value >= 999.95 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.1f} {units[0]}"


def parse_size(text: str) -> int:
    """Read ``4GB``, ``1.5 GiB``, ``700M`` or plain bytes; raise ValueError otherwise."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"not a size: {text!r} (try 4GB or 700MB)")
    number, letter, binary = match.groups()
    power = _POWERS.index(letter.lower()) + 1 if letter else 0
    size_bytes = float(number) * (1024 if binary else 1000) ** power
    if size_bytes >= MAX_SIZE_BYTES:
        raise ValueError(f"not a size that a disk can have: {text[:20]!r}")
    return int(size_bytes)


def parse_duration(text: str) -> float:
    """Read ``30d``, ``12h``, ``10m``, ``45`` (seconds); raise ValueError otherwise."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise ValueError(f"not a duration: {text!r} (try 30d, 12h or 10m)")
    number, unit = match.groups()
    return float(number) * _SECONDS[(unit or "s").lower()]


def format_time(unix_s: float | None) -> str | None:
    """Write a moment as ISO 8601 in UTC, to the second; None stays None."""
    if unix_s is None:
        return None
    # Eight times as fast as strftime, which is felt where thousands are listed.
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds")[:19] + "Z"


def format_count(number: int, noun: str) -> str:
    """Write ``1 model``, ``3 models``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
