"""Following a reader by the kernel's requests: what is pushed ahead of whom."""

import random

from modelfs.fs.course import SMALLEST_GAP_BYTES, Course

KIB, MIB = 1 << 10, 1 << 20
SIZE = 64 * MIB + 777


def _read_on(course: Course, start: int, end: int, request: int = 128 * KIB) -> list[range]:
    """Ask for a stretch in requests of one size."""
    periods = []
    for at in range(start, end, request):
        periods += course.follow(at, min(at + request, end))
    return periods


def test_nothing_is_pushed_before_as_much_was_read_in_a_row() -> None:
    course = Course(SIZE)
    assert _read_on(course, 0, 4 * MIB - 128 * KIB) == []
    assert course.follow(4 * MIB - 128 * KIB, 4 * MIB) == [
        range(4 * MIB, 6 * MIB),
        range(6 * MIB, 8 * MIB),
    ]


def test_random_reads_of_a_mebibyte_push_nothing() -> None:
    course, chance = Course(SIZE), random.Random(3)
    for _ in range(500):
        place = chance.randrange(0, 32) * 2 * MIB
        assert _read_on(course, place, place + MIB) == []


def test_two_readers_at_different_places_push_nothing() -> None:
    course = Course(SIZE)
    for at in range(0, 16 * MIB, 128 * KIB):
        assert course.follow(at, at + 128 * KIB) == []
        assert course.follow(at + 32 * MIB, at + 32 * MIB + 128 * KIB) == []


def test_who_asks_for_a_gap_has_the_next_period_pushed_and_none_twice() -> None:
    course = Course(SIZE)
    pushed = _read_on(course, 0, 4 * MIB)
    while pushed[-1].stop < SIZE:
        place = pushed[-1].start
        more = course.follow(place, place + course.gap_bytes)
        assert more, "a reader who comes to a gap is not lost"
        pushed += more
    starts = [period.start for period in pushed]
    assert starts == list(range(4 * MIB, SIZE, 2 * MIB))
    assert pushed[-1] == range(64 * MIB, SIZE), "and nothing beyond the end"


def test_a_gap_is_as_large_as_what_the_kernel_asks_for() -> None:
    course = Course(SIZE)
    (first, second) = _read_on(course, 0, 16 * MIB, request=512 * KIB)
    assert course.gap_bytes == 512 * KIB and len(first) == len(second) == 8 * MIB
    assert course.is_in_gap(first.start, first.start + 512 * KIB)
    assert not course.is_in_gap(first.start + 512 * KIB, first.start + MIB)


def test_the_grid_stays_while_something_is_pushed_and_a_jump_begins_anew() -> None:
    course = Course(SIZE)
    pushed = _read_on(course, 0, 4 * MIB)
    course.follow(pushed[0].start, pushed[0].start + MIB)
    assert course.gap_bytes == SMALLEST_GAP_BYTES
    assert course.follow(40 * MIB, 40 * MIB + MIB) == []
    assert course.pushed_to == 0 and course.row_bytes == MIB


def test_requests_that_overtake_each_other_are_still_a_row() -> None:
    course = Course(SIZE)
    pushed = []
    for at in range(0, 8 * MIB, 256 * KIB):
        pushed += course.follow(at + 128 * KIB, at + 256 * KIB)
        pushed += course.follow(at, at + 128 * KIB)
    assert pushed and pushed[0].start == 4 * MIB
