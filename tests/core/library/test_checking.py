"""Each kind of damage is found by its name, recorded, kept for inspection, and healed by adding."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.conftest import bring, content, write
from core.soundness import assert_sound, every_model, stored
from modelfs.catalog import blobs, changes, models
from modelfs.catalog.records import ModelRecord
from modelfs.library import Library
from modelfs.library.check import Checked, CheckSummary, look, read
from modelfs.library.collect import collect, plan_collection
from modelfs.types import BlobId

DATA = content("checked", 200_000)


def flip(blob: Path) -> None:
    blob.chmod(0o644)
    with blob.open("r+b") as file:
        file.seek(100_000)
        file.write(bytes([DATA[100_000] ^ 1]))
    blob.chmod(0o444)


def truncate(blob: Path) -> None:
    os.truncate(blob, 1000)


def lengthen(blob: Path) -> None:
    with blob.open("ab") as file:
        file.write(b"more")


def remove(blob: Path) -> None:
    blob.unlink()


def make_writable(blob: Path) -> None:
    blob.chmod(0o644)


def make_folder(blob: Path) -> None:
    blob.unlink()
    write(blob / "inside", b"somebody put it there")


def make_dangling_link(blob: Path) -> None:
    blob.unlink()
    blob.symlink_to("nowhere")


def make_link(blob: Path) -> None:
    target = write(blob.parents[3] / "elsewhere", blob.read_bytes())
    blob.unlink()
    blob.symlink_to(target)


def make_pipe(blob: Path) -> None:
    blob.unlink()
    os.mkfifo(blob)


Damage = Callable[[Path], None]
LOOKED: list[tuple[Damage, str]] = [
    (truncate, "size"),
    (lengthen, "size"),
    (remove, "missing"),
    (make_folder, "data"),
    (make_dangling_link, "data"),
    (make_link, "data"),
    (make_pipe, "data"),
]
READ: list[tuple[Damage, str]] = [*LOOKED, (flip, "data")]


@pytest.fixture
def model(library: Library, tmp_path: Path) -> ModelRecord:
    bring(library, write(tmp_path / "whole.gguf", content("whole")))
    (added,) = bring(library, write(tmp_path / "a.gguf", DATA))
    return added.model


def blob_of(library: Library, model: ModelRecord) -> Path:
    return library.store.path(model.files[0].blob)


def looked(library: Library) -> list[Checked]:
    return list(look(library, CheckSummary()))


def read_all(library: Library) -> list[Checked]:
    return list(read(library, CheckSummary(), seal=False))


def state(library: Library, model: ModelRecord) -> str:
    return models.get(library.catalog, [model.id])[model.id].state


def assert_found(
    library: Library, model: ModelRecord, check: Callable[[Library], list[Checked]], kind: str
) -> None:
    (checked,) = check(library)
    assert checked.finding.blob == model.files[0].blob
    assert (checked.finding.kind, checked.models) == (kind, ["a.gguf"])
    assert state(library, model) == ("missing" if kind == "missing" else "damaged")
    assert changes.latest(library.catalog, 1)[0].action == "damage"
    assert not os.path.lexists(blob_of(library, model)), "wrong bytes stay under their name"
    assert len(list(library.paths.quarantine.iterdir())) == (kind != "missing")
    (again,) = check(library)
    assert again.finding.kind == "missing"
    assert check(library) == [again], "a third pass says the same as the second"


def heal(library: Library, model: ModelRecord, tmp_path: Path) -> None:
    (added,) = bring(library, write(tmp_path / "again.gguf", DATA))
    assert (added.outcome, added.model.id) == ("already there", model.id)
    assert state(library, model) == "ok"
    assert stored(library, model) == {"a.gguf": DATA}
    assert looked(library) == read_all(library) == []
    collect(library, plan_collection(library, 0))
    assert_sound(library.paths.root)


@pytest.mark.parametrize(("damage", "kind"), LOOKED)
def test_the_cheap_look_finds_it_and_adding_heals(
    library: Library, model: ModelRecord, tmp_path: Path, damage: Damage, kind: str
) -> None:
    damage(blob_of(library, model))
    assert_found(library, model, looked, kind)
    heal(library, model, tmp_path)


@pytest.mark.parametrize(("damage", "kind"), READ)
def test_the_full_read_finds_it_and_adding_heals(
    library: Library, model: ModelRecord, tmp_path: Path, damage: Damage, kind: str
) -> None:
    damage(blob_of(library, model))
    assert_found(library, model, read_all, kind)
    heal(library, model, tmp_path)


@pytest.mark.parametrize(("damage", "kind"), READ)
def test_adding_heals_what_nobody_has_found_yet(
    library: Library, model: ModelRecord, tmp_path: Path, damage: Damage, kind: str
) -> None:
    """Above all the flipped bit: the bytes must not be taken for those that are there."""
    damage(blob_of(library, model))
    heal_or_find(library, model, tmp_path)


def heal_or_find(library: Library, model: ModelRecord, tmp_path: Path) -> None:
    (added,) = bring(library, write(tmp_path / "again.gguf", DATA), name="again")
    assert stored(library, added.model) == {"again.gguf": DATA}
    assert stored(library, model) == {"a.gguf": DATA}
    assert read_all(library) == []
    assert_sound(library.paths.root)


def test_a_wrong_mode_is_mended_and_is_no_damage(library: Library, model: ModelRecord) -> None:
    make_writable(blob_of(library, model))
    (checked,) = looked(library)
    assert (checked.finding.kind, checked.finding.is_damage) == ("mode", False)
    assert state(library, model) == "ok"
    assert blob_of(library, model).stat().st_mode & 0o777 == 0o444
    assert looked(library) == []


def test_one_damaged_blob_is_damage_of_every_model_that_has_it(
    library: Library, model: ModelRecord, tmp_path: Path
) -> None:
    bring(library, write(tmp_path / "b.gguf", DATA), name="b")
    flip(blob_of(library, model))
    (checked,) = read_all(library)
    assert sorted(checked.models) == ["a.gguf", "b.gguf"]
    assert models.summary(library.catalog).damaged == 2


def test_damaged_bytes_are_kept_until_they_are_healed(
    library: Library, model: ModelRecord, tmp_path: Path
) -> None:
    flip(blob_of(library, model))
    read_all(library)
    (kept,) = library.paths.quarantine.iterdir()
    collect(library, plan_collection(library, 0))
    assert kept.exists()
    bring(library, write(tmp_path / "again.gguf", DATA))
    collect(library, plan_collection(library, 0))
    assert not kept.exists()


def test_a_second_damaged_copy_replaces_no_first(
    library: Library, model: ModelRecord, tmp_path: Path
) -> None:
    for _ in range(2):
        flip(blob_of(library, model))
        read_all(library)
        bring(library, write(tmp_path / "again.gguf", DATA))
    assert len(list(library.paths.quarantine.iterdir())) == 2


def test_a_file_that_is_back_is_listed_as_whole(library: Library, model: ModelRecord) -> None:
    blob = blob_of(library, model)
    away = blob.rename(library.paths.root / "away")
    looked(library)
    assert state(library, model) == "missing"
    away.rename(blob)
    (checked,) = looked(library)
    assert (checked.finding.kind, state(library, model)) == ("back", "ok")
    assert not checked.finding.is_damage
    assert looked(library) == []


def test_bytes_changed_behind_an_unchanged_hash_do_not_fit_their_seal(
    library: Library, model: ModelRecord
) -> None:
    """As a forger of XXH3 would: the seal is what notices."""
    with library.catalog.write():
        blobs.set_checked(library.catalog, model.files[0].blob, "00" * 32)
    (checked,) = read(library, CheckSummary(), seal=True)
    assert (checked.finding.kind, "seal" in checked.finding.detail) == ("data", True)
    assert state(library, model) == "damaged"


def test_sealing_computes_the_sha256_of_each_blob(library: Library, model: ModelRecord) -> None:
    summary = CheckSummary()
    assert list(read(library, summary, seal=True, unsealed_only=True)) == []
    assert (summary.sealed, summary.looked_at) == (2, 2)
    for one in every_model(library):
        (file,) = one.files
        data = library.store.path(file.blob).read_bytes()
        assert file.sha256 == hashlib.sha256(data).hexdigest()
    again = CheckSummary()
    list(read(library, again, seal=True, unsealed_only=True))
    assert (again.sealed, again.looked_at) == (0, 0)


def test_a_slice_goes_on_with_what_was_not_read_for_longest(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        bring(library, write(tmp_path / f"{number}.gguf", content(number)))
    clock = iter(range(1000))
    monkeypatch.setattr("modelfs.library.check.time.monotonic", lambda: next(clock))
    seen: list[str] = []
    for _ in range(3):  # the clock ticks once at the start and once a blob
        summary = CheckSummary()
        order = [record.id for record in blobs.everything(library.catalog)]
        assert list(read(library, summary, seal=False, max_time_s=3)) == []
        assert (summary.looked_at, summary.unread) == (2, 4)
        seen += order[:2]
    assert len(set(seen)) == 6
    assert [record.id for record in blobs.everything(library.catalog)] == seen


def test_a_second_name_outside_is_found_and_is_no_damage(
    library: Library, model: ModelRecord, tmp_path: Path
) -> None:
    """Through it the blob could change."""
    os.link(blob_of(library, model), tmp_path / "original")
    (checked,) = looked(library)
    assert (checked.finding.kind, checked.finding.is_damage) == ("linked", False)
    assert "verify --data" in checked.action and state(library, model) == "ok"
    (tmp_path / "original").unlink()
    assert looked(library) == []


def test_what_cannot_be_read_is_read_last_the_next_time(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a bad place on the disk would take the time of every slice."""
    ids = [
        bring(library, write(tmp_path / f"{n}.gguf", content(n)))[0].model.files[0].blob
        for n in range(4)
    ]
    first = min(ids)
    opened = library.store.open

    def fail(blob: BlobId) -> int:
        if blob == first:
            raise OSError(errno.EIO, "bad sector")
        return opened(blob)

    monkeypatch.setattr(library.store, "open", fail)
    assert [checked.finding.kind for checked in read_all(library)] == ["unreadable"]
    assert next(iter(blobs.everything(library.catalog))).id != first
