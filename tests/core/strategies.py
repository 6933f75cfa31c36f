"""What hypothesis draws: names that people and hubs come up with, records, whole catalogues."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from hypothesis import strategies as st

from modelfs.catalog.records import FileRecord, ModelRecord, State
from modelfs.identify import load_taxonomy
from modelfs.names import check_tag, legal_name, legal_path, shorten
from modelfs.types import BlobId, Facts, FileId, ModelId

WEIRD_NAMES = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("./ ~+,-_%*\n\t\0é\u0301ßİ"),
        st.characters(categories=["Cs"]),
    ),
    max_size=300,
)

# Few, so that they clash; some differ only by case or composition, one is a folder's name.
_COMMON = ["llama", "Llama", "LLAMA", "straße", "STRASSE", "é", "llm", "checkpoints", "x" * 250]
LEGAL_NAMES = st.sampled_from(_COMMON) | WEIRD_NAMES.map(legal_name)

TAGS = st.sampled_from(["a", "b", "c", "A", "fav", "日本"]) | st.text(max_size=20).filter(
    lambda text: check_tag(text) is None
)

EXTRA_CATEGORIES = ("mine", "mine/deep", "language", "image/lora/tiny")
CATEGORIES = st.sampled_from(
    [
        *(category.id for category in load_taxonomy().categories[:12]),
        *("image/checkpoint", "image/lora", "speech/speech-to-text"),
        *("language/llm", "language/llm", "language/projector"),
        *EXTRA_CATEGORIES,
    ]
)

SOURCES = st.sampled_from(
    [
        *("local:/x", "hf:org/repo@main", "hf:other/repo@1", "hf:a+b/../c", "ollama:llama3:8b"),
        *("hf:" + "o" * 300 + "/r", "hf:org/repo@" + "a" * 40, "hf:org/repo@" + "b" * 40),
    ]
)

CONTENTS = tuple(f"GGUF{number:06}".encode() for number in range(6))
SEALS = tuple(sha256(content).hexdigest() for content in CONTENTS)
"""The SHA-256 of what the blobs of drawn models hold, by their number."""

_PATHS = st.lists(
    st.lists(st.sampled_from("abcd.") | WEIRD_NAMES, min_size=1, max_size=3).map(legal_path),
    min_size=1,
    max_size=4,
)


def _consistent(paths: list[str]) -> list[str]:
    """Leave out what no folder can hold: doubles, and a file where others need a folder."""
    kept: list[str] = []
    for path in paths:
        clash = any(
            path == other or path.startswith(other + "/") or other.startswith(path + "/")
            for other in kept
        )
        if path and not clash:
            kept.append(path)
    return kept or ["only.bin"]


PATHS = _PATHS.map(_consistent)


@st.composite
def model_bodies(draw: st.DrawFn) -> ModelRecord:
    """Draw a model whose ids are still to be given."""
    paths = draw(PATHS)
    single = len(paths) == 1
    extension = draw(st.sampled_from(["", ".gguf", ".safetensors"])) if single else ""
    contents = st.tuples(st.integers(0, 5), st.booleans())
    drawn = [draw(contents) for _ in paths]
    return ModelRecord(
        id=ModelId(0),
        name=shorten(draw(LEGAL_NAMES), len(extension)) or "x",
        extension=extension,
        category=draw(CATEGORIES),
        category_by="guess",
        source=draw(SOURCES),
        facts=Facts(format="gguf") if extension == ".gguf" else Facts(),
        notes="",
        pinned=False,
        added_at=float(draw(st.integers(0, 10**9))),
        changed_at=0.0,
        trashed_at=draw(st.none() | st.none() | st.just(1.0)),
        files=tuple(
            FileRecord(
                FileId(0), path, BlobId(f"{blob:032x}"), 10, 0, SEALS[blob] if sealed else None
            )
            for path, (blob, sealed) in zip(paths, drawn, strict=True)
        ),
        tags=tuple(sorted(draw(st.sets(TAGS, max_size=3)))),
        auto_tags=(),
        family=draw(st.sampled_from([None, "language/llm one", "language/llm two"])),
    )


@dataclass
class Shelf:
    """A catalogue in memory that gives ids as the real one does: never twice."""

    models: dict[ModelId, ModelRecord] = field(default_factory=dict)
    last_model: int = 0
    last_file: int = 0

    def put(self, body: ModelRecord) -> ModelRecord:
        """Add a drawn model under new ids."""
        self.last_model += 1
        files = []
        for file in body.files:
            self.last_file += 1
            files.append(replace(file, id=FileId(self.last_file)))
        model = replace(body, id=ModelId(self.last_model), files=tuple(files))
        self.models[model.id] = model
        return model

    def alter(self, model_id: ModelId, body: ModelRecord) -> ModelRecord:
        """Give a model everything that may change, from a drawn one; its files keep their bytes."""
        before = self.models[model_id]
        following: dict[State, State] = {"ok": "damaged", "damaged": "missing", "missing": "ok"}
        model = replace(
            before,
            name=shorten(body.name, len(before.extension)) or "x",
            files=tuple(replace(file, state=following[file.state]) for file in before.files),
            category=body.category,
            tags=body.tags,
            trashed_at=body.trashed_at,
        )
        self.models[model_id] = model
        return model


def shelf(bodies: list[ModelRecord]) -> Shelf:
    """Return a shelf with these models on it."""
    made = Shelf()
    for body in bodies:
        made.put(body)
    return made


SHELVES = st.lists(model_bodies(), max_size=10).map(shelf)

Step = tuple[str, int, ModelRecord]
STEPS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["put", "alter", "forget"]), st.integers(0, 99), model_bodies()),
        min_size=1,
        max_size=3,
    ),
    max_size=5,
)
"""Rounds of changes; the number chooses the model, modulo those that there are."""


def apply_round(
    made: Shelf, steps: list[Step]
) -> tuple[Mapping[ModelId, ModelRecord], set[ModelId]]:
    """Carry out one round; return the models that changed, and the ids that went."""
    changed: dict[ModelId, ModelRecord] = {}
    gone: set[ModelId] = set()
    for action, number, body in steps:
        ids = sorted(made.models)
        if action == "put" or not ids:
            model = made.put(body)
            changed[model.id] = model
        elif action == "alter":
            model = made.alter(ids[number % len(ids)], body)
            changed[model.id] = model
        else:
            model_id = ids[number % len(ids)]
            del made.models[model_id]
            changed.pop(model_id, None)
            gone.add(model_id)
    return changed, gone
