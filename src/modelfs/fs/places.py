"""Where in a folder a reader of its listing has got to.

The kernel asks for a listing in pieces and names only the last entry that it took, by the number we
gave that: its place. A place is made from the name, so it is the same in every listing of the
folder; what is in a folder from the first piece to the last is given once, whatever comes and goes.
"""

from bisect import bisect_right
from collections import OrderedDict

from modelfs.views import Listing

_KEPT = 256
_MASK = (1 << 63) - 1  # off_t is signed


def place(name: str) -> int:
    """Return the place behind an entry, never 0, which is the beginning."""
    return hash(name) & _MASK or 1


class Places:
    """The last places that were given out. Lives on the loop."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[int, int], tuple[Listing, int]] = OrderedDict()

    def keep(self, inode: int, listing: Listing, index: int) -> None:
        """Note that somebody goes on with this entry of a folder, which is not its first."""
        self._last[inode, place(listing.names[index - 1])] = listing, index
        if len(self._last) > _KEPT:
            self._last.popitem(last=False)

    def index(self, inode: int, listing: Listing, start: int) -> int:
        """Return which entry of a listing comes behind a place."""
        if start == 0:
            return 0
        names = listing.names
        if (found := self._last.get((inode, start))) is not None:
            before, index = found
            return index if before.names is names else bisect_right(names, before.names[index - 1])
        # Somebody who was away for long, or who seeks.
        behind = (i + 1 for i, name in enumerate(names) if place(name) == start)
        return next(behind, len(names))
