"""What a check saw may be over when it acts: blobs come, go and are healed meanwhile."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.conftest import bring, content, write
from modelfs.catalog import blobs, models
from modelfs.catalog.filters import Filter
from modelfs.errors import CatalogBusy
from modelfs.hashing import Digests
from modelfs.library import Library, open_library, removal
from modelfs.library.check import look, read
from modelfs.library.checked import Checked, CheckSummary
from modelfs.library.collect import collect, plan_collection
from modelfs.store import BlobStore, Finding, scrub
from modelfs.types import BlobId

Meanwhile = Callable[[Library], object]


def _during(
    monkeypatch: pytest.MonkeyPatch, store: Path, before: Meanwhile, after: Meanwhile
) -> None:
    """Have others do something right before and right after the look at a blob."""
    real = scrub.look

    def slow(blob_store: BlobStore, blob: BlobId, size_bytes: int) -> Finding | None:
        with open_library(store) as other:
            before(other)
            found = real(blob_store, blob, size_bytes)
            after(other)
        return found

    monkeypatch.setattr(scrub, "look", slow)


def _remove_all(library: Library) -> None:
    known = models.find(library.catalog, Filter())
    removal.remove(library, removal.plan_removal(library, known))
    removal.empty_trash(library, removal.plan_removal(library, known))


def test_a_blob_that_was_collected_and_came_again_is_not_missing(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.gguf", content("a"))
    (added,) = bring(library, source)
    _during(monkeypatch, library.paths.root, _remove_all, lambda other: bring(other, source))
    assert list(look(library, CheckSummary())) == []
    record = blobs.get(library.catalog, added.model.files[0].blob)
    assert record is not None and record.state == "ok"


def test_a_blob_that_was_collected_is_not_missing(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(library, write(tmp_path / "a.gguf", content("a")))
    _during(monkeypatch, library.paths.root, _remove_all, lambda _: None)
    assert list(look(library, CheckSummary())) == []


def test_a_blob_that_was_healed_since_it_was_read_is_not_set_aside(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.gguf", content("a"))
    (added,) = bring(library, source)
    blob = library.store.path(added.model.files[0].blob)
    blob.chmod(0o644)
    write(blob, content("damage")).chmod(0o444)
    real = scrub.read_through

    def slow(*arguments: object, **more: object) -> tuple[Finding | None, Digests | None]:
        found = real(*arguments, **more)  # type: ignore[arg-type]
        with open_library(library.paths.root) as other:
            assert [c.finding.kind for c in _read_as_it_is(other, real)] == ["data"]
            bring(other, source)
        return found

    monkeypatch.setattr(scrub, "read_through", slow)
    assert list(read(library, CheckSummary(), seal=False)) == []
    assert blob.read_bytes() == source.read_bytes()


def _read_as_it_is(library: Library, real: object) -> list[Checked]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scrub, "read_through", real)
        return list(read(library, CheckSummary(), seal=False))


def test_a_blob_that_was_missing_and_is_healed_already_is_not_told_again(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.gguf", content("a"))
    (added,) = bring(library, source)
    library.store.path(added.model.files[0].blob).unlink()
    assert [c.finding.kind for c in look(library, CheckSummary())] == ["missing"]
    _during(monkeypatch, library.paths.root, lambda other: bring(other, source), lambda _: None)
    assert list(look(library, CheckSummary())) == []


def test_a_move_that_goes_on_is_not_taken_for_one_that_was_cut_off(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.gguf", content("a"))
    found: list[object] = []
    real = Path.unlink

    def look_first(path: Path, missing_ok: bool = False) -> None:
        if path == source:
            with open_library(library.paths.root) as other, pytest.raises(CatalogBusy):
                found.extend(look(other, CheckSummary()))
        real(path, missing_ok)

    # Whoever checks waits here until the original is gone, and then sees one name.
    monkeypatch.setattr("modelfs.store.blobs.LOCK_TIMEOUT_S", 0.0)
    monkeypatch.setattr(Path, "unlink", look_first)
    bring(library, source, move=True)
    assert found == [] and not source.exists()


def test_a_collection_that_meets_another_takes_what_is_left(
    library: Library, tmp_path: Path
) -> None:
    listed = library.store.paths.blobs / "00"
    first, second = (write(listed / f"{'0' * 31}{number}", b"x") for number in (1, 2))
    names = library.store.listed()
    assert next(names)[0] == first.name
    second.unlink()
    assert list(names) == []
    collect(library, plan_collection(library, 0))
    assert not first.exists()
