"""One folder of the views: which models are in it, and what they are called there.

Names are settled when somebody looks, which takes a while where tens of thousands of models are:
whoever must not wait asks ``is_settled`` and has ``settle`` done by a thread. A folder that differs
in a few models from one whose names are known takes the others over.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from modelfs.names import fold
from modelfs.types import ModelId
from modelfs.views.placement import Claim, settle

_SETTLED_AT_ONCE = 1000
"""So many names cost about two milliseconds, which nobody notices."""

_FEW = 100
"""With more changes than this, settling all is as quick."""


class Folder:
    """A folder of the views. Never changed once it is in a tree.

    Two threads may settle it at the same time and come to the same; there is no lock, so that
    looking at one folder never waits for another.
    """

    __slots__ = (
        "_before",
        "_changed",
        "_entries",
        "_keys",
        "_names",
        "claims",
        "folders",
        "mtime_ns",
    )

    def __init__(
        self,
        folders: AbstractSet[str],
        claims: Mapping[ModelId, Sequence[Claim]],
        mtime_ns: int,
        before: "Folder | None" = None,
        changed: AbstractSet[ModelId] = frozenset(),
    ) -> None:
        """``before`` is what it was, but for the models in ``changed``."""
        self.folders = folders
        self.claims = claims
        self.mtime_ns = mtime_ns
        self._before = before
        self._changed = changed
        self._entries: dict[str, Claim] | None = None
        self._keys: set[str] | None = None
        """The names as they clash, when every claim has the name it wished; else None."""
        self._names: Sequence[str] | None = None

    @property
    def entries(self) -> dict[str, Claim]:
        """What is here besides folders, by name."""
        if self._entries is None:
            self._entries = self._taken_over() or self._settled()
        return self._entries

    def _settled(self) -> dict[str, Claim]:
        entries = settle(self.claims, self.folders)
        keys = set(map(fold, self.folders))
        wished = [claim for own in self.claims.values() for claim in own]
        keys.update(claim.key for claim in wished)
        # As many as wished for: nobody lost, and nothing is shared.
        if len(keys) == len(self.folders) + len(wished) and len(entries) == len(wished):
            self._keys = keys
        return entries

    def _taken_over(self) -> dict[str, Claim] | None:
        """Return the names of before with a few changes, or None where a name may move."""
        before = self._before
        if before is None or before._entries is None or before._keys is None:
            return None
        if len(self._changed) > _FEW or before.folders != self.folders:
            return None
        gone = [claim for model in self._changed for claim in before.claims.get(model, ())]
        come = [claim for model in self._changed for claim in self.claims.get(model, ())]
        keys = before._keys.difference(claim.key for claim in gone)
        new = {claim.key for claim in come}
        if len(new) < len(come) or not keys.isdisjoint(new):
            return None
        if any(claim.sharing != "no" for claim in come):
            return None
        entries = dict(before._entries)
        for claim in gone:
            del entries[claim.name + claim.extension]
        entries.update((claim.name + claim.extension, claim) for claim in come)
        keys |= new
        self._keys = keys
        return entries

    def gone_since(self, before: "Folder") -> Iterable[str]:
        """Return the names of ``before`` that are gone or lead elsewhere now; no folders."""
        now = self.entries
        looked_at: Iterable[str] = before.entries
        if self._before is before and self._keys is not None and before._keys is not None:
            own = (c for model in self._changed for c in before.claims.get(model, ()))
            looked_at = [claim.name + claim.extension for claim in own]
            if before._names is not None and before.folders == self.folders:
                self._names = _exchanged(before._names, looked_at, self._come())
        self._before = None  # or every folder would keep all that it ever was
        return [
            name
            for name in looked_at
            if name not in now or now[name].target != before.entries[name].target
        ]

    def _come(self) -> list[str]:
        own = (c for model in self._changed for c in self.claims.get(model, ()))
        return [claim.name + claim.extension for claim in own]

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


def _exchanged(names: Sequence[str], gone: Iterable[str], come: Iterable[str]) -> list[str]:
    made = list(names)
    for name in gone:
        del made[bisect_left(made, name)]
    for name in come:
        made.insert(bisect_left(made, name), name)
    return made
