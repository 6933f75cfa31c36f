"""The deeds on the real library: names and plain arguments in, plain answers out.

The process of the test and its neighbour both come through here, so that it does not matter who
does a deed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from modelfs.catalog import changes
from modelfs.catalog.records import ModelRecord
from modelfs.errors import ModelfsError
from modelfs.library import Library, categories, organise, removal, select
from modelfs.library import undo as undoing
from modelfs.library.add import add as carry_out
from modelfs.library.addition import AddOptions, plan_add
from modelfs.library.check import CheckSummary, look, read
from modelfs.library.collect import collect, plan_collection
from modelfs.library.removal import RemovalPlan
from modelfs.types import ChangeId, ModelId


class Doer:
    """An open library and the records that somebody has read from it earlier."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.records: dict[int, ModelRecord] = {}
        self._freed = 0

    def perform(self, deed: str, arguments: Mapping[str, Any]) -> dict[str, object]:
        """Do a deed; answer what came of it and what it freed, or the class of the error."""
        self._freed = 0
        try:
            return {"done": _DEEDS[deed](self, **arguments), "freed": self._freed}
        except ModelfsError as error:
            return {"error": type(error).__name__, "freed": 0}

    def remember(self) -> None:
        """Read every model now, to be used later."""
        everything = [select.matching(self.library, "", trashed=where) for where in (False, True)]
        self.records = {model.id: model for found in everything for model in found}

    def add(self, paths: Sequence[str], **options: Any) -> object:
        plan = plan_add(self.library, paths, AddOptions(**options))
        return [
            [
                added.outcome,
                added.model.id,
                added.model.entry_name,
                added.new_bytes,
                added.shared_bytes,
            ]
            for added in carry_out(self.library, plan)
        ]

    def tag(self, ids: Sequence[int], tags: Sequence[str], remembered: bool = False) -> None:
        organise.tag(self.library, self._chosen(ids, remembered), tags)

    def untag(self, ids: Sequence[int], tags: Sequence[str], remembered: bool = False) -> int:
        return organise.untag(self.library, self._chosen(ids, remembered), tags)

    def assign(self, id_: int, values: Mapping[str, str], remembered: bool = False) -> None:
        (model,) = self._chosen([id_], remembered)
        organise.assign(self.library, model, values)

    def pin(self, ids: Sequence[int], pinned: bool, remembered: bool = False) -> None:
        organise.pin(self.library, self._chosen(ids, remembered), pinned=pinned)

    def rm(self, ids: Sequence[int], pinned_too: bool = False, remembered: bool = False) -> object:
        plan = self._plan(self._chosen(ids, remembered))
        removal.remove(self.library, plan, pinned_too=pinned_too)
        return None if remembered else [plan.freed_bytes, plan.shared_bytes]

    def restore(self, ids: Sequence[int], remembered: bool = False) -> object:
        chosen = self._chosen(ids, remembered, trashed=True)
        return [[model.id, name] for model, name in removal.restore(self.library, chosen)]

    def empty(self, ids: Sequence[int] | None = None, remembered: bool = False) -> object:
        if ids is None:
            ids = [model.id for model in select.matching(self.library, "", trashed=True)]
        plan = self._plan(self._chosen(ids, remembered, trashed=True))
        with_numbers = None if remembered else [plan.freed_bytes, plan.shared_bytes]
        self._freed = removal.empty_trash(self.library, plan)
        return with_numbers

    def gc(self) -> None:
        self._freed = collect(self.library, plan_collection(self.library, 0))

    def verify(self, data: bool, seal: bool) -> object:
        summary = CheckSummary()
        found = read(self.library, summary, seal=seal) if data else look(self.library, summary)
        return sorted([each.finding.blob, each.finding.kind] for each in found)

    def add_category(self, category: str) -> None:
        categories.add(self.library, category)

    def undo(self, number: int) -> None:
        change = changes.after(self.library.catalog, ChangeId(0))[number]
        undoing.undo(self.library, change)

    def _plan(self, chosen: Sequence[ModelRecord]) -> RemovalPlan:
        return removal.plan_removal(self.library, chosen)

    def _chosen(
        self, ids: Iterable[int], remembered: bool, *, trashed: bool = False
    ) -> list[ModelRecord]:
        if remembered:
            return [self.records[ModelId(id_)] for id_ in ids]
        return select.several(self.library, [f"#{id_}" for id_ in ids], trashed=trashed)


_DEEDS: dict[str, Callable[..., object]] = {
    name: getattr(Doer, name)
    for name in (
        *("add", "tag", "untag", "assign", "pin", "rm", "restore", "empty"),
        *("gc", "verify", "add_category", "undo"),
    )
}
