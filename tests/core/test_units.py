"""Sizes, durations and moments as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfs.units import (
    MAX_SIZE_BYTES,
    format_count,
    format_size,
    format_time,
    parse_duration,
    parse_size,
)

SIZES = {
    "0": 0,
    "1": 1,
    "700M": 700_000_000,
    "4GB": 4_000_000_000,
    "4 gb": 4_000_000_000,
    "1.5 GiB": 1_610_612_736,
    "1k": 1000,
    "1KiB": 1024,
    "2TB": 2 * 10**12,
    " 12 B ": 12,
}


@pytest.mark.parametrize("text", SIZES)
def test_a_size_is_read(text: str) -> None:
    assert parse_size(text) == SIZES[text]


@pytest.mark.parametrize("text", ["", "GB", "-1", "4 X", "1e9", "4GBs", "nan", "9" * 30, "9" * 400])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@given(st.integers(0, MAX_SIZE_BYTES // 4))
def test_a_written_size_is_near_what_it_is_of(size_bytes: int) -> None:
    assert abs(parse_size(format_size(size_bytes)) - size_bytes) <= max(0.05 * size_bytes, 0)


@given(st.integers(0, 10**15))
def test_a_written_size_has_at_most_four_digits(size_bytes: int) -> None:
    number, unit = format_size(size_bytes).split()
    assert float(number) < 1000
    assert unit in ("B", "kB", "MB", "GB", "TB", "PB")


def test_sizes_at_the_edges_of_units() -> None:
    assert format_size(999) == "999 B"
    assert format_size(1000) == "1.0 kB"
    assert format_size(999_950) == "1.0 MB"
    assert format_size(4_700_000_000) == "4.7 GB"


def test_durations() -> None:
    assert parse_duration("30d") == 30 * 86400
    assert parse_duration("45") == 45
    assert parse_duration("1.5 h") == 5400
    for text in ("", "d", "-1d", "soon", "1 month"):
        with pytest.raises(ValueError, match="duration"):
            parse_duration(text)


def test_moments_are_utc_to_the_second() -> None:
    assert format_time(0) == "1970-01-01T00:00:00Z"
    assert format_time(None) is None


def test_counts() -> None:
    assert [format_count(n, "model") for n in (0, 1, 2)] == ["0 models", "1 model", "2 models"]
