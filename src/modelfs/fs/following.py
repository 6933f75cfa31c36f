"""Following the catalogue: what another process commits, the mount shows within a second.

``poll`` costs microseconds and runs on the loop; ``refresh`` reads only the models that changed
and runs in a thread. The two never run at once, so one connection serves both.
"""

import logging
from pathlib import Path

from modelfs.catalog import categories, changes, models
from modelfs.catalog.database import Catalog
from modelfs.catalog.filters import Filter
from modelfs.identify import load_taxonomy
from modelfs.types import ChangeId
from modelfs.views import Placer, Tree, TreeDiff

log = logging.getLogger(__name__)

_NOTHING = TreeDiff(frozenset(), frozenset(), frozenset())


class Follower:
    """The tree of a catalogue, kept up to date."""

    def __init__(self, catalog_file: Path, placer: Placer) -> None:
        self._catalog = Catalog.open(catalog_file)
        self._placer = placer
        self._version = -1
        self._seen = ChangeId(0)
        self.tree = self._build()

    def poll(self) -> bool:
        """Say whether another connection has committed since the last refresh."""
        return self._catalog.data_version() != self._version

    def refresh(self) -> tuple[Tree, TreeDiff]:
        """Return the tree as it is now, and what that changed."""
        with self._catalog.read():
            version = self._catalog.data_version()
            new = changes.after(self._catalog, self._seen)
            ids = {change.model for change in new}
            found = models.get(self._catalog, ids)
        diff = _NOTHING
        if any(change.action == "category" for change in new):
            # Rare: everything is made anew, and so everything known is to be forgotten.
            views = self.tree.views
            names = (
                (path, n) for path, view in views.items() for n in (*view.entries, *view.folders)
            )
            diff = TreeDiff(frozenset(names), frozenset(views), frozenset(self.tree.files))
            self.tree = self._build()
        elif new:
            at_ns = int(new[-1].at * 1e9)
            self.tree, diff = self.tree.changed(found.values(), ids - found.keys(), at_ns)
        # Last, so that what failed on the way here is tried again.
        self._version = version
        self._seen = new[-1].id if new else self._seen
        return self.tree, diff

    def close(self) -> None:
        """Close the catalogue."""
        self._catalog.close()

    def _build(self) -> Tree:
        with self._catalog.read():
            self._version = self._catalog.data_version()
            self._seen, at = changes.newest(self._catalog)
            everything = models.find(self._catalog, Filter())
            changed = categories.rows(self._catalog)
        taxonomy = load_taxonomy().with_changes((r.id, r.title, r.hidden) for r in changed)
        own = [category.id for category in taxonomy.categories if category.own]
        at_ns = int(at * 1e9)
        return Tree.build(self._placer, everything, at_ns, own, taxonomy.unlisted)
