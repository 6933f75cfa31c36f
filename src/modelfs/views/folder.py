"""One folder of the views: which models are in it, and what they are called there.

Names are settled when somebody looks, which takes a while where tens of thousands of models are:
whoever must not wait asks ``is_settled`` and has ``settle`` done by a thread.
"""

from collections.abc import Mapping, Sequence

from modelfs.types import ModelId
from modelfs.views.placement import Claim, settle

_SETTLED_AT_ONCE = 1000
"""So many names cost about two milliseconds, which nobody notices."""


class Folder:
    """A folder of the views. Never changed once it is in a tree.

    Two threads may settle it at the same time and come to the same; there is no lock, so that
    looking at one folder never waits for another.
    """

    __slots__ = ("_entries", "_names", "claims", "folders", "mtime_ns")

    def __init__(
        self, folders: frozenset[str], claims: Mapping[ModelId, Claim], mtime_ns: int
    ) -> None:
        self.folders = folders
        self.claims = claims
        self.mtime_ns = mtime_ns
        self._entries: dict[str, ModelId] | None = None
        self._names: Sequence[str] | None = None

    @property
    def entries(self) -> dict[str, ModelId]:
        """Models by the names they have here."""
        if self._entries is None:
            self._entries = settle(self.claims.values(), self.folders)
        return self._entries

    @property
    def names(self) -> Sequence[str]:
        """Everything in it, sorted."""
        if self._names is None:
            self._names = sorted([*self.folders, *self.entries])
        return self._names

    @property
    def is_settled(self) -> bool:
        """Whether its names are known, or so few that settling them takes no time."""
        return self._names is not None or len(self.claims) <= _SETTLED_AT_ONCE

    def settle(self) -> None:
        """Find out all names; for any thread."""
        _ = self.names
