"""A library and its plain counterpart, and how a deed is done on both."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, invariant

from core.reference import aftermath, agreement
from core.reference.bench import Bench
from core.reference.foretold import foretell
from core.reference.plain import PlainLibrary, PlainModel
from core.reference.sources import Source
from faults.tally import count
from modelfs.catalog import blobs


class Pair(RuleBasedStateMachine):
    """The library and its plain counterpart; after each step they agree."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        bench.clear()
        self.bench = bench
        self.plain = PlainLibrary()
        self.in_doubt = False

    def teardown(self) -> None:
        """Whatever happened, a collection leaves only what is named."""
        if self.in_doubt:
            return
        self.do("here", "gc", {})
        self.agree()
        assert self.plain.disk.keys() <= self.plain.named()
        assert list(self.bench.library.paths.staging.iterdir()) == []
        assert self.bench.library.catalog.problems() == []

    @invariant()
    def agree(self) -> None:
        """Every view, list and number says the same."""
        agreement.assert_agree(self.bench.library, self.plain)
        tree = self.bench.tree()
        agreement.assert_tree(self.bench.library, self.plain, tree, self.bench.looks)

    def bring(self, who: str, at: int, sources: list[Source], options: dict[str, Any]) -> None:
        move = bool(options.get("move"))
        self.do(who, "add", {"paths": [s.path for s in sources], **options}, at, sources)
        aftermath.assert_originals(sources, self.plain, move=move)
        for source in sources:  # the owner clears away what is left, so that names come again
            for path in source.files:
                Path(path).unlink(missing_ok=True)

    def do_to(
        self,
        who: str,
        at: int,
        deed: str,
        picks: Sequence[int],
        remembered: bool,
        arguments: dict[str, Any],
        *,
        trashed: bool = False,
    ) -> None:
        remembered, ids = self.ids(who, picks, remembered, trashed=trashed)
        self.do(who, deed, {"ids": ids, "remembered": remembered, **arguments}, at)

    def ids(
        self, who: str, picks: Sequence[int], remembered: bool, *, trashed: bool
    ) -> tuple[bool, list[int]]:
        """Choose models: among those where they should be, or, rarely, any that ever were."""
        records = self.bench.doer.records
        right = [id_ for id_, record in records.items() if bool(record.trashed_at) == trashed]
        if remembered and who == "here" and right:
            return True, [right[pick % len(right)] for pick in picks]
        there: list[PlainModel] = self.plain.trash() if trashed else self.plain.living()
        known = [model.id for model in there]
        if not known or 9 in picks:
            known = list(range(1, self.plain.last_id + 2))
        return False, [known[pick % len(known)] for pick in picks]

    def do(
        self,
        who: str,
        deed: str,
        arguments: dict[str, Any],
        at: int = 0,
        sources: list[Source] | None = None,
    ) -> None:
        """Do a deed on both libraries and compare the answers; a killed one may be half done."""
        self.in_doubt = True
        before, self.plain.stages = self.plain.copy(), []
        told = {key: value for key, value in arguments.items() if key != "paths"}
        if sources is not None:
            told["sources"] = sources
        if deed == "verify":
            told["order"] = [each.id for each in blobs.everything(self.bench.library.catalog)]
        expected = foretell(self.plain, deed, told)
        stages, self.plain.stages = self.plain.stages, None
        frees = deed in ("gc", "empty")
        held_bytes = agreement.store_bytes(self.bench.store) if frees else 0
        answer: dict[str, Any] | None
        if who == "here":
            answer = self.bench.doer.perform(deed, arguments)
        else:
            answer = self.bench.neighbour.perform(deed, arguments, at if who == "doomed" else 0)
        if answer is None:
            count("kill", f"reference: {deed}")
            self.plain = aftermath.settle(self.bench.library, before, stages, sources or [])
        else:
            count("operation", f"reference: {deed}")
            freed = answer.pop("freed")
            assert answer == expected, f"{deed} answers {answer}, not {expected}"
            if frees:
                assert freed == held_bytes - agreement.store_bytes(self.bench.store)
        agreement.settle_log(self.bench.library, self.plain, len(before.log))
        self.in_doubt = False
