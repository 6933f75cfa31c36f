"""Whether a library and its plain counterpart hold the same, seen from every side."""

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from core.reference.plain import Line, PlainLibrary, PlainModel, blob_id, folded
from core.views.cache import Looks
from modelfs.catalog import blobs, changes, models
from modelfs.catalog.records import ModelRecord
from modelfs.library import Library, categories, describe, organise, select
from modelfs.library.describe import appearances
from modelfs.types import ChangeId, FileId
from modelfs.views import FileNode, Tree

WORDS = (
    "llama",
    "ist",
    "gguf",
    "fa",
    "fav old",
    "language",
    "xxxxx",
    "kept",
    "unsorted",
    "nothing",
)
"""Looked for after every step; two at once must both be there."""


def listing(library: Library) -> list[dict[str, object]]:
    """Return what ``show --json`` says of every model, the trash behind the living."""
    return [
        _shown(library, model)
        for trashed in (False, True)
        for model in select.matching(library, "", trashed=trashed)
    ]


def _shown(library: Library, model: ModelRecord) -> dict[str, object]:
    shown = describe.shown(library, model)
    assert shown.items() >= (describe.listed(model) | {"added_at": shown["added_at"]}).items()
    for file in model.files:
        assert file.sha256 is None or len(file.sha256) == 64
    shown["files"] = [
        (file.path, file.size_bytes, file.blob, file.sha256 is not None, file.state)
        for file in model.files
    ]
    return shown


def plain_listing(plain: PlainLibrary) -> list[dict[str, object]]:
    """Return what ``listing`` should give, as far as a plain library knows it."""
    return [plain.listed(model) for model in plain.living() + plain.trash()]


def is_listed_alike(library: Library, plain: PlainLibrary) -> bool:
    """Say whether catalogue and plain library agree: models, blobs and the length of the log."""
    found, wanted = listing(library), plain_listing(plain)
    known = {blob.id: blob.state for blob in blobs.everything(library.catalog)}
    return (
        len(found) == len(wanted)
        and all(want.items() <= have.items() for have, want in zip(found, wanted, strict=True))
        and known == {blob_id(data): state for data, state in plain.states.items()}
        and len(log(library)) == len(plain.log)
        and {blob.id for blob in blobs.everything(library.catalog) if blob.sha256}
        == set(map(blob_id, plain.sealed))
    )


def log(library: Library) -> list[tuple[str, int]]:
    """Return the actions of the change log with their models, oldest first."""
    return [(c.action, c.model) for c in changes.after(library.catalog, ChangeId(0))]


def assert_agree(library: Library, plain: PlainLibrary) -> None:
    """Compare everything that does not need the tree."""
    for have, want in itertools.zip_longest(listing(library), plain_listing(plain), fillvalue={}):
        assert {key: have.get(key) for key in want} == want
        assert bool(have) == bool(want), "a model that should not be there"
    known = {blob.id: blob.state for blob in blobs.everything(library.catalog)}
    assert known == {blob_id(data): state for data, state in plain.states.items()}
    names = [folded(model.entry_name) for model in select.matching(library, "")]
    assert len(set(names)) == len(names)
    assert organise.tag_counts(library) == plain.tag_counts()
    found = blob_files(library.paths.root)
    assert_disk(found, plain)
    _assert_numbers(library, plain, disk_bytes(found.values()))
    _assert_found(library, plain)
    expected = Counter({(blob_id(d), there): n for (d, there), n in plain.set_aside.items()})
    assert set_aside_now(library) == expected


def _assert_numbers(library: Library, plain: PlainLibrary, used_bytes: int) -> None:
    found, wanted = models.summary(library.catalog), plain.numbers()
    assert {key: getattr(found, key) for key in wanted} == wanted
    told = describe.library_numbers(library)
    for key in ("models", "logical_bytes", "physical_bytes", "trash_bytes"):
        assert told[key] == wanted[key]
    by_category: dict[str, tuple[int, int]] = wanted["by_category"]  # type: ignore[assignment]
    counts = {
        each.category.id: (each.models, each.size_bytes) for each in categories.counted(library)
    }
    assert counts == dict.fromkeys(counts, (0, 0)) | by_category
    assert plain.categories <= counts.keys()
    if plain.disk == {data: data for data, state in plain.states.items() if state != "missing"}:
        assert used_bytes == told["physical_bytes"], "du says otherwise"


def _assert_found(library: Library, plain: PlainLibrary) -> None:
    """Search finds what the words say, and each filter what it means."""
    for words in WORDS:
        for trashed, there in ((False, plain.living()), (True, plain.trash())):
            wanted = [m.id for m in there if all(word in m.text() for word in words.split())]
            assert _ids(library, words, trashed=trashed) == wanted, words
    for model in plain.living()[:1]:
        for query, holds in _filters(plain, model).items():
            assert _ids(library, query) == holds, query


def _filters(plain: PlainLibrary, model: PlainModel) -> dict[str, list[int]]:
    living = plain.living()
    found = {
        f"category:{model.category}": [m.id for m in living if m.category == model.category],
        "pinned:yes": [m.id for m in living if m.pinned],
        "-state:ok": [m.id for m in living if plain.state(m) != "ok"],
        f"size>{model.size_bytes}": [m.id for m in living if m.size_bytes > model.size_bytes],
    }
    for tag in sorted(model.tags)[:1]:
        found[f"-tag:{tag}"] = [m.id for m in living if tag.lower() not in map(str.lower, m.tags)]
    return found


def _ids(library: Library, query: str, *, trashed: bool = False) -> list[int]:
    return [model.id for model in select.matching(library, query, trashed=trashed)]


def assert_disk(found: Mapping[str, Path], plain: PlainLibrary) -> None:
    """Compare what lies in ``blobs/`` byte for byte."""
    there = {blob: path.read_bytes() for blob, path in found.items()}
    assert there == {blob_id(data): now for data, now in plain.disk.items()}
    loose = {blob_id(data) for data in plain.loose}
    for blob, path in found.items():
        status = path.lstat()
        assert status.st_mode & 0o777 == (0o644 if blob in loose else 0o444)
        assert status.st_nlink == 1


def blob_files(store: Path) -> dict[str, Path]:
    """Return everything in ``blobs/`` by its name; one look at each of the 256 folders."""
    folders = (store / "blobs" / f"{number:02x}" for number in range(256))
    return {name: folder / name for folder in folders for name in os.listdir(folder)}


def disk_bytes(paths: Iterable[Path]) -> int:
    """Return the bytes of these files, each inode once, as du counts."""
    return sum({status.st_ino: status.st_size for status in map(os.lstat, paths)}.values())


def set_aside_now(library: Library) -> Counter[tuple[str, bytes]]:
    """Return the bytes in the quarantine, by the blob that they were."""
    files = library.paths.quarantine.iterdir()
    return Counter((path.name.partition(".")[0], path.read_bytes()) for path in files)


def assert_tree(library: Library, plain: PlainLibrary, tree: Tree, looks: Looks) -> None:
    """Compare a tree that was changed step by step with one built now, and its bytes with ours."""
    extra = sorted(plain.categories)
    living = select.matching(library, "")
    anew = Tree.build(tree.placer, living, 0, extra)
    fresh = Looks(anew)
    assert looks.names == fresh.names
    assert looks.links == fresh.links
    shown: Counter[FileId] = Counter()
    for path, node in fresh.nodes.items():
        if isinstance(node, FileNode):
            data = plain.models[node.model.id].files[node.file.path]
            assert node.file.blob == blob_id(data), path
            shown[node.file.id] += 1
    assert shown == tree.links
    for record in living:
        places = [p.relative_to(library.mountpoint).parts for p in appearances(library, record)]
        assert sorted(places) == sorted(anew.appearances(record.id))
        assert places and fresh.nodes.keys() >= set(places)
        assert sum(place[0] == "by-tag" for place in places) == len(record.tags)


def settle_log(library: Library, plain: PlainLibrary, since: int) -> None:
    """Compare what the log gained; lines about one blob's models may come in any order."""
    found, gained = log(library), plain.log[since:]
    assert [(line.action, line.model) for line in plain.log[:since]] == found[:since]
    assert Counter((line.action, line.model) for line in gained) == Counter(found[since:])
    waiting: list[Line] = gained
    settled = []
    for action, model in found[since:]:
        line = next(each for each in waiting if (each.action, each.model) == (action, model))
        waiting.remove(line)
        settled.append(line)
    plain.log[since:] = settled


def store_bytes(store: Path) -> int:
    """Return the bytes of everything in a store that may be collected."""
    beside = [path for name in ("staging", "quarantine") for path in (store / name).iterdir()]
    return disk_bytes([*blob_files(store).values(), *beside])
