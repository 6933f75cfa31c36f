"""What must hold of a library at any moment, whatever happened to it before."""

from pathlib import Path

import xxhash

from modelfs.catalog import blobs, models
from modelfs.catalog.filters import Filter
from modelfs.catalog.records import ModelRecord
from modelfs.library import Library, open_library
from modelfs.library.check import CheckSummary, look, read
from modelfs.library.collect import collect, plan_collection


def every_model(library: Library) -> list[ModelRecord]:
    """Return all models, the trash included."""
    return models.find(library.catalog, Filter()) + models.find(
        library.catalog, Filter(trashed=True)
    )


def stored(library: Library, model: ModelRecord) -> dict[str, bytes]:
    """Return the bytes of a model's files, straight from the store."""
    return {file.path: library.store.path(file.blob).read_bytes() for file in model.files}


def blob_files(library: Library) -> set[str]:
    """Return the names of everything in ``blobs/``."""
    return {blob for blob, _ in library.store.listed()}


def disk_bytes(folder: Path) -> int:
    """Return the bytes of the regular files below a folder, each inode once, as du counts."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        if path.is_file() and not path.is_symlink():
            found[status.st_ino] = status.st_size
    return sum(found.values())


def assert_named_bytes_are_there(library: Library) -> None:
    """No pointer without data: what the catalogue has and did not let go is whole and read-only."""
    assert library.catalog.problems() == []
    for record in blobs.everything(library.catalog):
        if record.state == "remote":
            continue
        path = library.store.path(record.id)
        content = path.read_bytes()
        assert len(content) == record.size_bytes
        assert xxhash.xxh3_128_hexdigest(content) == record.id.partition("~")[0]
        assert path.stat().st_mode & 0o777 == 0o444


def assert_sound(store: Path) -> None:
    """Open a library afresh: whole, and after a collection without anything left over."""
    with open_library(store) as library:
        assert_named_bytes_are_there(library)
        assert not [found for found in look(library, CheckSummary()) if found.finding.is_damage]
        assert list(read(library, CheckSummary(), seal=False)) == []
        collect(library, plan_collection(library, 0))
        files = [file for model in every_model(library) for file in model.files]
        assert {file.blob for file in files} == set(blobs.all_ids(library.catalog))
        assert blob_files(library) == {file.blob for file in files if file.state != "remote"}
        assert list(library.paths.staging.iterdir()) == []
