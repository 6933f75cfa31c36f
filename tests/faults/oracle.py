"""What a person finds in a place, as plain lines of text, and what must be true of any of it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from core.soundness import every_model
from faults.scenarios import bytes_of
from modelfs import config
from modelfs.catalog import blobs, changes
from modelfs.errors import Damaged, NotFound
from modelfs.library import Library, open_library
from modelfs.library.check import read
from modelfs.library.checked import CheckSummary
from modelfs.paths import StorePaths

_SEEDS = ("old", "new", "known", "one", "two", "three", "gone", "other", "bad", "unknown")
_SEEDS_OF_A_PIPELINE = ("model_index.json", "unet/one.safetensors")


@cache
def _names() -> dict[str, str]:
    return {
        hashlib.sha256(bytes_of(seed)).hexdigest(): seed for seed in _SEEDS + _SEEDS_OF_A_PIPELINE
    }


def _called(path: Path) -> str:
    """Return what the bytes of a file are called: their seed."""
    try:
        return _names().get(hashlib.sha256(path.read_bytes()).hexdigest(), "strange")
    except FileNotFoundError:
        return "nothing"


def look(place: Path) -> dict[str, str]:
    """Return what a person finds, as lines: models, files by content, originals, settings."""
    found = dict(_originals(place / "in"))
    paths = StorePaths(place / "store")
    if paths.settings.exists():
        settings = config.load_settings(paths.settings)
        found["reserve"] = settings.reserve
        if settings.mount:
            found["mount"] = Path(settings.mount).name
    pointer = place / "home" / "modelfs" / "config.toml"
    if pointer.exists():
        found["home"] = "points here" if str(paths.root) in pointer.read_text() else "strange"
    try:
        library = open_library(paths.root)
    except NotFound:
        return found
    except Damaged:
        # Killed before its first transaction, ``init`` leaves an empty file, and takes it over.
        is_lost = any(paths.blobs.glob("??/*"))
        return found | ({"catalogue": "lost"} if is_lost else {})
    with library:
        latest = changes.latest(library.catalog, 1)
        found |= {"library": "there"} | ({"history": latest[0].action} if latest else {})
        for model in every_model(library):
            flags = ["pinned"] * model.pinned + ["trashed"] * (model.trashed_at is not None)
            typed = sorted(set(model.tags) - set(model.auto_tags))
            found[f"model {model.entry_name}"] = " ".join([model.category, *typed, *flags])
            for file in model.files:
                called = _called(library.store.path(file.blob))
                found[f"file {model.entry_name}/{file.path}"] = f"{file.state} {called}"
    return found


def _originals(folder: Path) -> dict[str, str]:
    """Return the person's own files; what a dead undo was writing is looked for at the end."""
    return {
        f"original {path.relative_to(folder)}": _called(path)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".modelfs-")
    }


def strays(place: Path) -> list[str]:
    """Return what lies about that nobody would ever remove: drafts, in the store or outside."""
    return [
        str(path.relative_to(place))
        for path in place.rglob("*")
        if path.name.startswith(".") or path.name.endswith(".tmp")
    ]


def assert_bytes_of_names(library: Library) -> None:
    """Whatever the catalogue calls whole is whole, and a full check finds nothing."""
    assert library.catalog.problems() == []
    for record in blobs.everything(library.catalog):
        assert record.state == "ok"
        assert library.store.has(record.id, record.size_bytes), f"{record.id} has no bytes"
    found = list(read(library, CheckSummary(), seal=False))
    damage = [checked for checked in found if checked.finding.is_damage]
    assert not damage, f"verify --data: {damage}"


def difference(found: Mapping[str, str], allowed: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Say how a state differs from each that is allowed."""
    for state in allowed:
        lines = set(found.items()) ^ set(state.items())
        yield f"not a state that may be: {sorted(line for line in lines)}"
