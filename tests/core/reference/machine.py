"""Random programs over a library, done by two processes and told on a plain dictionary."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from core.reference.choosing import SHIPPED
from core.reference.pair import Pair
from core.reference.plain import blob_id
from core.reference.sources import CONTENTS, NAMES, file_source, folder_source
from faults.tally import count

WHO = st.sampled_from(["here", "here", "neighbour", "neighbour", "doomed"])
"""Who does a deed: this process, the other one, or the other one and it is killed meanwhile."""
DIE_AT = st.integers(1, 70)
PICKS = st.lists(st.integers(0, 9), min_size=1, max_size=3)
BYTES = st.sampled_from(sorted(CONTENTS))
NAME = st.sampled_from(NAMES)
GIVEN_NAME = st.sampled_from([None, None, None, "llama", "Mistral.gguf", "kept"])
TAGS = st.lists(st.sampled_from(["a", "A", "fav", "gguf", "old", "日本", "no/tag"]), max_size=2)
CATEGORY = st.sampled_from([*SHIPPED, "mine", "language/llm/llama", "nonsense"])
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["llama", "LLAMA", "mistral", "kept.gguf", "new name"]),
        "category": CATEGORY,
        "notes": st.sampled_from(["", "kept for the old days", "faster"]),
    },
)


class TwoLibraries(Pair):
    """What may happen to a library, in any order."""

    # What is added

    @initialize(contents=st.lists(BYTES, min_size=1, max_size=4), kept=st.integers(0, 4))
    def begin(self, contents: Sequence[str], kept: int) -> None:
        """Begin with a few models, some of them in the trash, and remember these records."""
        for number, content in enumerate(contents):
            name = NAMES[number % 3]
            self.bring("here", 0, [file_source(self.bench.folder(), name, CONTENTS[content])], {})
        going = list(self.plain.models)[kept:]
        if going:
            self.do("here", "rm", {"ids": going})
        self.bench.doer.remember()

    @rule(
        who=WHO, at=DIE_AT, name=NAME, data=BYTES, given=GIVEN_NAME, tags=TAGS, move=st.booleans()
    )
    def add_file(
        self,
        who: str,
        at: int,
        name: str,
        data: str,
        given: str | None,
        tags: Sequence[str],
        move: bool,
    ) -> None:
        source = file_source(self.bench.folder(), name, CONTENTS[data])
        self.bring(who, at, [source], {"name": given, "tags": tags, "move": move})

    @rule(
        who=WHO,
        at=DIE_AT,
        contents=st.dictionaries(NAME, BYTES, min_size=1, max_size=3),
        given=GIVEN_NAME,
        category=st.none() | CATEGORY,
        move=st.booleans(),
    )
    def add_folder(
        self,
        who: str,
        at: int,
        contents: Mapping[str, str],
        given: str | None,
        category: str | None,
        move: bool,
    ) -> None:
        files = {name: CONTENTS[data] for name, data in contents.items()}
        source = folder_source(self.bench.folder(), files)
        self.bring(who, at, [source], {"name": given, "category": category, "move": move})

    @rule(who=WHO, at=DIE_AT, names=st.tuples(NAME, NAME), data=BYTES)
    def add_the_same_twice(self, who: str, at: int, names: tuple[str, str], data: str) -> None:
        sources = [file_source(self.bench.folder(), name, CONTENTS[data]) for name in names]
        self.bring(who, at, sources, {})

    @precondition(lambda self: self.plain.models)
    @rule(who=WHO, at=DIE_AT, pick=st.integers(0, 9), given=GIVEN_NAME, move=st.booleans())
    def add_again(self, who: str, at: int, pick: int, given: str | None, move: bool) -> None:
        """Add bytes that some model has: heals them where they are damaged."""
        known = sorted(self.plain.named(), key=blob_id)
        source = file_source(self.bench.folder(), NAMES[pick % 6], known[pick % len(known)])
        self.bring(who, at, [source], {"name": given, "move": move})

    # What is said about models

    @precondition(lambda self: self.plain.models)
    @rule(who=WHO, at=DIE_AT, picks=PICKS, tags=TAGS, remembered=st.booleans())
    def tag(
        self, who: str, at: int, picks: Sequence[int], tags: Sequence[str], remembered: bool
    ) -> None:
        self.do_to(who, at, "tag", picks, remembered, {"tags": tags})

    @precondition(lambda self: self.plain.models)
    @rule(who=WHO, at=DIE_AT, picks=PICKS, tags=TAGS, remembered=st.booleans())
    def untag(
        self, who: str, at: int, picks: Sequence[int], tags: Sequence[str], remembered: bool
    ) -> None:
        self.do_to(who, at, "untag", picks, remembered, {"tags": tags})

    @precondition(lambda self: self.plain.models)
    @rule(who=WHO, at=DIE_AT, pick=st.integers(0, 9), values=VALUES, remembered=st.booleans())
    def set_values(
        self, who: str, at: int, pick: int, values: Mapping[str, str], remembered: bool
    ) -> None:
        remembered, ids = self.ids(who, [pick], remembered, trashed=False)
        arguments = {"id_": ids[0], "values": dict(values), "remembered": remembered}
        self.do(who, "assign", arguments, at)

    @precondition(lambda self: self.plain.models)
    @rule(who=WHO, at=DIE_AT, picks=PICKS, pinned=st.booleans(), remembered=st.booleans())
    def pin(self, who: str, at: int, picks: Sequence[int], pinned: bool, remembered: bool) -> None:
        self.do_to(who, at, "pin", picks, remembered, {"pinned": pinned})

    @precondition(lambda self: self.plain.models and len(self.plain.categories) < 2)
    @rule(who=WHO, at=DIE_AT, category=st.sampled_from(["mine", "language/llm/llama"]))
    def add_category(self, who: str, at: int, category: str) -> None:
        self.do(who, "add_category", {"category": category}, at)

    # What goes and comes back

    @precondition(lambda self: self.plain.models)
    @rule(who=WHO, at=DIE_AT, picks=PICKS, pinned_too=st.booleans(), remembered=st.booleans())
    def rm(
        self, who: str, at: int, picks: Sequence[int], pinned_too: bool, remembered: bool
    ) -> None:
        self.do_to(who, at, "rm", picks, remembered, {"pinned_too": pinned_too})

    @precondition(lambda self: self.plain.trash())
    @rule(who=WHO, at=DIE_AT, picks=PICKS, remembered=st.booleans())
    def restore(self, who: str, at: int, picks: Sequence[int], remembered: bool) -> None:
        self.do_to(who, at, "restore", picks, remembered, {}, trashed=True)

    @precondition(lambda self: self.plain.trash())
    @rule(who=WHO, at=DIE_AT, picks=PICKS, remembered=st.booleans())
    def empty_some(self, who: str, at: int, picks: Sequence[int], remembered: bool) -> None:
        self.do_to(who, at, "empty", picks, remembered, {}, trashed=True)

    @precondition(lambda self: self.plain.trash())
    @rule(who=WHO, at=DIE_AT)
    def empty_all(self, who: str, at: int) -> None:
        self.do(who, "empty", {}, at)

    @precondition(lambda self: self.plain.models)
    @rule(who=WHO, at=DIE_AT, back=st.integers(0, 9))
    def undo(self, who: str, at: int, back: int) -> None:
        number = max(0, len(self.plain.log) - 1 - back)
        line = self.plain.log[number]
        originals: dict[str, bytes] = line.before.get("originals") or {}  # type: ignore[assignment]
        if all(self.plain.disk.get(data) == data for data in originals.values()):
            self.do(who, "undo", {"number": number}, at)
            for path, data in originals.items():
                assert not os.path.lexists(path) or Path(path).read_bytes() == data

    @precondition(lambda self: self.plain.disk)
    @rule(who=WHO, at=DIE_AT)
    def gc(self, who: str, at: int) -> None:
        self.do(who, "gc", {}, at)

    # What happens to the bytes

    @precondition(lambda self: self.plain.states)
    @rule(who=WHO, at=DIE_AT, data=st.booleans(), seal=st.booleans())
    def verify(self, who: str, at: int, data: bool, seal: bool) -> None:
        self.do(who, "verify", {"data": data, "seal": seal}, at)

    @precondition(lambda self: self.plain.disk)
    @rule(
        pick=st.integers(0, 9), how=st.sampled_from(["gone", "short", "wrong", "writable", "back"])
    )
    def plant(self, pick: int, how: str) -> None:
        """Do to a blob what disks and people do."""
        known = sorted({*self.plain.disk, *self.plain.states}, key=blob_id)
        data = known[pick % len(known)]
        path = self.bench.library.store.path(blob_id(data))
        there = self.plain.disk.get(data)
        if how == "back" and there is None:
            self.plain.disk[data] = data
            path.write_bytes(data)
            path.chmod(0o444)
        elif how == "gone" and there is not None:
            path.unlink()
            del self.plain.disk[data]
            self.plain.loose.discard(data)
        elif how in ("short", "wrong") and there == data and data:
            self.plain.disk[data] = data[:-1] if how == "short" else b"?" + data[1:]
            path.write_bytes(self.plain.disk[data])
        elif how == "writable" and there is not None:
            path.chmod(0o644)
            self.plain.loose.add(data)
        count("damage", f"reference: {how}")

    @rule(content=BYTES)
    def leave_behind(self, content: str) -> None:
        """Leave what an addition leaves that dies before its transaction."""
        data = CONTENTS[content]
        (self.bench.library.paths.staging / "add-1-dead").write_bytes(data)
        if data not in self.plain.disk and data not in self.plain.states:
            path = self.bench.library.store.path(blob_id(data))
            path.write_bytes(data)
            path.chmod(0o444)
            self.plain.disk[data] = data

    @rule()
    def reopen(self) -> None:
        self.bench.reopen()
        self.bench.neighbour.reopen()

    @rule()
    def read_records(self) -> None:
        """Keep records of now, to act on later, when others may have changed the models."""
        self.bench.doer.remember()
