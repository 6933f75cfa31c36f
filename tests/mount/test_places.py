"""Where in a folder a reader has got to: nothing is given twice or left out, whatever changes."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from modelfs.fs.places import Places, place


@dataclass(frozen=True)
class Listing:
    """As much of a listing as a place in it needs."""

    names: list[str]


def _listing(names: set[str]) -> Listing:
    return Listing(sorted(names))


NAMES = st.sets(st.text("abcdef", min_size=1, max_size=3), max_size=30)


@given(st.lists(NAMES, min_size=1, max_size=6), st.integers(1, 7), st.booleans())
def test_what_stays_is_given_once_while_others_come_and_go(
    states: list[set[str]], piece: int, is_remembered: bool
) -> None:
    places, given_names, start = Places(), [], 0
    seen = [states[0]]
    for number in range(200):
        names = states[min(number, len(states) - 1)]
        if not is_remembered and start and all(place(name) != start for name in names):
            return  # forgotten, and its own entry is gone: the reader is told that it is the end
        seen.append(names)
        listing = _listing(names)
        begin = places.index(7, listing, start)  # type: ignore[arg-type]
        taken = listing.names[begin : begin + piece]
        if not taken:
            break
        given_names += taken
        end = begin + len(taken)
        if is_remembered:
            places.keep(7, listing, end)  # type: ignore[arg-type]
        start = place(taken[-1])
    stayed = set.intersection(*seen)
    assert len(given_names) == len(set(given_names))
    assert stayed <= set(given_names)


def test_a_place_is_never_the_beginning_and_fits_a_signed_offset() -> None:
    for number in range(10_000):
        assert 0 < place(f"model-{number}.gguf") < 1 << 63


def test_no_more_places_are_kept_than_there_may_be_readers() -> None:
    places = Places()
    listing = _listing({f"{number:04}" for number in range(1000)})
    for index in range(1, 1000):
        places.keep(7, listing, index)  # type: ignore[arg-type]
    assert len(places._last) <= 256
    assert places.index(7, listing, place("0001")) == 2  # type: ignore[arg-type]
