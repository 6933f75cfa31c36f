"""Damage beside the blobs: found by its name, mended where that loses nothing, then clean."""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import pytest

from core.conftest import bring, content, write
from core.processes import run, strace
from core.soundness import assert_sound, every_model, stored
from faults.tally import count
from modelfs.catalog.filters import Filter
from modelfs.catalog.records import ModelRecord
from modelfs.library import Library, describe, open_library, organise, removal, select
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.library.check import look, read
from modelfs.library.checked import Checked, CheckSummary
from modelfs.library.collect import collect, plan_collection
from modelfs.library.health import check_library
from modelfs.views import Tree

DATA = content("mended", 50_000)


@pytest.fixture
def model(library: Library, tmp_path: Path) -> ModelRecord:
    bring(library, write(tmp_path / "other.gguf", content("other")))
    return bring(library, write(tmp_path / "a.gguf", DATA), tags=["mine"])[0].model


def looked(library: Library) -> list[Checked]:
    return list(look(library, CheckSummary()))


def read_all(library: Library) -> list[Checked]:
    return list(read(library, CheckSummary(), seal=False))


def verdicts(library: Library) -> dict[str, str]:
    return {check.name: check.verdict for check in check_library(library)}


def plant(library: Library, *statements: str) -> None:
    """Change rows as no command does: without the foreign keys."""
    connection = apsw.Connection(str(library.paths.catalog))
    connection.execute("PRAGMA foreign_keys = OFF")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def assert_mended(library: Library, kinds: Sequence[str], *, healthy: bool = True) -> list[Checked]:
    """The first pass finds exactly these, the second nothing."""
    found = looked(library)
    count("damage", ", ".join(kinds) or "folder of blobs gone")
    assert [checked.finding.kind for checked in found] == list(kinds), found
    assert looked(library) == [], "the second pass is clean"
    if healthy:
        assert set(verdicts(library).values()) == {"ok"}
        assert_sound(library.paths.root)
    return found


ORPHANS: list[tuple[str, str]] = [
    ("DELETE FROM copy", "no copy"),
    ("INSERT INTO tag VALUES (77, 'stray', 'user')", "no owner: tag"),
    ("INSERT INTO use VALUES (77, 'program', 1, 0)", "no owner: use"),
    ("INSERT INTO copy (blob, pool) VALUES ('ff', 1)", "no owner: copy"),
    ("DELETE FROM model_text", "no text"),
    ("INSERT INTO model_text (rowid, text) VALUES (77, 'stray')", "text of nothing"),
    ("DELETE FROM blob", "no blob"),
]


@pytest.mark.parametrize(("statement", "what"), ORPHANS)
def test_an_orphan_row_is_found_and_mended(
    library: Library, model: ModelRecord, statement: str, what: str
) -> None:
    before = {m.id: (m.entry_name, m.tags, stored(library, m)) for m in every_model(library)}
    plant(library, statement)
    found = looked(library)
    assert found and {checked.finding.kind for checked in found} == {"orphan"}, found
    count("damage", f"orphan row: {what}")
    assert looked(library) == []
    assert verdicts(library)["catalogue"] == "ok"
    now = {m.id: (m.entry_name, m.tags, stored(library, m)) for m in every_model(library)}
    assert now == before
    assert [m.id for m in select.matching(library, "a.gguf")] == [model.id]
    assert_sound(library.paths.root)


def test_files_without_their_model_are_listed_again_as_the_log_knows_them(
    library: Library, model: ModelRecord
) -> None:
    organise.assign(library, model, {"category": "image/lora"})
    plant(library, f"DELETE FROM model WHERE id = {model.id}")
    found = looked(library)
    assert {checked.finding.kind for checked in found} == {"orphan"}
    assert looked(library) == []
    back = select.one(library, "a.gguf")
    assert (back.id, back.category) == (model.id, "image/lora")
    assert {"mine", "recovered"} <= set(back.tags)
    assert stored(library, back) == {"a.gguf": DATA}
    assert_sound(library.paths.root)


def test_files_of_a_model_that_was_emptied_do_not_come_back(
    library: Library, model: ModelRecord
) -> None:
    row = library.catalog.rows("SELECT * FROM file WHERE model = ?", [model.id])[0]
    blob = library.store.path(model.files[0].blob)
    kept = write(library.paths.root.parent / "kept", blob.read_bytes())
    removal.remove(library, removal.plan_removal(library, [model]))
    removal.empty_trash(library, removal.plan_removal(library, [model]))
    shutil.copy(kept, blob)
    blob.chmod(0o444)
    plant(library, f"INSERT INTO file VALUES ({row[0]}, {row[1]}, 'a.gguf', '{row[3]}', 0)")
    looked(library)
    assert looked(library) == []
    assert [m.entry_name for m in every_model(library)] == ["other.gguf"]


def test_a_file_whose_bytes_nobody_has_is_listed_as_missing_and_healed_by_adding(
    library: Library, model: ModelRecord, tmp_path: Path
) -> None:
    blob = model.files[0].blob
    plant(library, f"DELETE FROM blob WHERE id = '{blob}'")
    library.store.path(blob).unlink()
    kinds = [checked.finding.kind for checked in looked(library)]
    assert "orphan" in kinds and "missing" in kinds
    assert select.one(library, "a.gguf").state == "missing"
    bring(library, write(tmp_path / "again.gguf", DATA))
    assert looked(library) == []
    assert stored(library, select.one(library, "a.gguf")) == {"a.gguf": DATA}
    assert_sound(library.paths.root)


def test_a_model_without_files_is_named_and_stops_nothing(
    library: Library, model: ModelRecord
) -> None:
    plant(library, f"DELETE FROM file WHERE model = {model.id}")
    (checked,) = looked(library)
    assert (checked.finding.kind, checked.finding.is_damage) == ("hollow", True)
    assert "a.gguf" in checked.finding.detail
    assert select.one(library, "a.gguf").state == "missing"
    assert any('"a.gguf"' in text for text in describe.listed_as_json(library, Filter()))
    assert Tree.build(library.placer, every_model(library), 0).appearances(model.id)
    removal.remove(library, removal.plan_removal(library, [select.one(library, "a.gguf")]))


def test_a_damaged_index_is_made_again(library: Library, model: ModelRecord) -> None:
    root = library.catalog.value("SELECT rootpage FROM sqlite_schema WHERE name = 'file_blob'")
    store = library.paths
    library.close()
    with open(store.catalog, "r+b") as file:
        file.seek((root - 1) * 4096 + 8)
        entries = file.read(4)
        file.seek((root - 1) * 4096 + 8)
        file.write(entries[2:] + entries[:2])  # two entries change places
    with open_library(store.root) as reopened:
        (checked,) = assert_mended(reopened, ["index"])
        assert "file_blob" in checked.finding.detail
        assert stored(reopened, select.one(reopened, "a.gguf")) == {"a.gguf": DATA}


STRAYS: list[Callable[[Library], Path]] = [
    lambda library: write(library.paths.blobs / "ab" / "notes.txt", b"mine"),
    lambda library: write(library.paths.blobs / "notes.txt", b"mine"),
    lambda library: write(library.paths.blobs / "ab" / ("cd" * 16), b"in a wrong folder"),
    lambda library: write(library.paths.blobs / "zz" / ("ab" * 16), b"in no folder of ours").parent,
    lambda library: write(library.paths.blobs / "ab" / "folder" / "file", b"deep").parent,
    lambda library: write(library.paths.blobs / "ab" / ("AB" * 16), b"an id has small letters"),
]


@pytest.mark.parametrize("stray", STRAYS)
def test_a_stray_file_is_moved_to_lost_and_found_and_never_collected(
    library: Library, model: ModelRecord, stray: Callable[[Library], Path]
) -> None:
    path = stray(library)
    assert plan_collection(library, 0).leftovers == ()
    assert_mended(library, ["stray"])
    assert not os.path.lexists(path)
    collect(library, plan_collection(library, 0))
    assert (library.paths.lost_found / path.name).exists()


def test_two_strays_of_one_name_are_both_kept(library: Library, model: ModelRecord) -> None:
    for number in range(2):
        write(library.paths.blobs / "ab" / "notes.txt", b"%d" % number)
        assert_mended(library, ["stray"])
    kept = sorted(path.read_bytes() for path in library.paths.lost_found.iterdir())
    assert kept == [b"0", b"1"]


def test_a_blob_that_strayed_goes_back_to_its_place(library: Library, model: ModelRecord) -> None:
    place = library.store.path(model.files[0].blob)
    other = library.paths.blobs / ("00" if place.parent.name != "00" else "01") / place.name
    place.rename(other)
    (checked,) = assert_mended(library, ["stray"])
    assert "its place" in checked.action
    assert stored(library, model) == {"a.gguf": DATA}


def test_a_folder_of_blobs_that_was_removed_is_made_again(
    library: Library, model: ModelRecord, tmp_path: Path
) -> None:
    named = {file.blob[:2] for each in every_model(library) for file in each.files}
    for folder in library.paths.blobs.iterdir():
        if folder.name not in named:
            folder.rmdir()
    assert_mended(library, [])
    for number in range(3):
        bring(library, write(tmp_path / f"{number}.gguf", content(number)))
    assert_sound(library.paths.root)


def test_a_move_that_was_cut_off_is_ended(tmp_path: Path, library: Library) -> None:
    source = write(tmp_path / "in" / "a.gguf", DATA)
    # The first unlink is that of a trial; with an error too, as the call is not to happen.
    fault = "error=EIO:signal=KILL:when=2"
    killed = run("move", library.paths.root, source, prefix=strace("unlink", fault))
    assert killed.returncode in (-9, 137) and source.exists() and len(every_model(library)) == 1
    (checked,) = assert_mended(library, ["linked"])
    assert str(source) in checked.action
    assert not source.exists()
    (model,) = every_model(library)
    assert stored(library, model) == {"a.gguf": DATA}


def test_a_second_name_that_no_move_left_stays_and_the_store_gets_its_own_copy(
    library: Library, model: ModelRecord, tmp_path: Path
) -> None:
    blob = library.store.path(model.files[0].blob)
    os.link(blob, tmp_path / "theirs")
    (checked,) = looked(library)
    assert (checked.finding.kind, checked.finding.is_damage) == ("linked", False)
    assert "verify --data" in checked.action
    (again,) = read_all(library)
    assert again.finding.kind == "linked"
    assert looked(library) == read_all(library) == []
    (tmp_path / "theirs").chmod(0o644)
    (tmp_path / "theirs").write_bytes(b"changed by its owner")
    assert stored(library, model) == {"a.gguf": DATA}
    assert_sound(library.paths.root)


def test_a_wrong_mode_is_mended_by_the_full_read_too(library: Library, model: ModelRecord) -> None:
    library.store.path(model.files[0].blob).chmod(0o644)
    (checked,) = read_all(library)
    assert checked.finding.kind == "mode"
    assert read_all(library) == looked(library) == []


def test_nothing_is_written_to_a_catalogue_with_damaged_pages(
    library: Library, tmp_path: Path
) -> None:
    for number in range(40):
        bring(library, write(tmp_path / f"{number}.gguf", content(number)))
    store = library.paths.root
    library.close()
    file = store / "catalog.sqlite3"
    root = _leaf_of(file)
    with open(file, "r+b") as damaged:
        damaged.seek(root * 4096)
        damaged.write(os.urandom(4096))
    before = file.read_bytes()
    with open_library(store, read_only=True) as reopened:
        for check in (looked, read_all):
            found = check(reopened)
            assert {checked.finding.kind for checked in found} == {"page"}, found
            assert all("--rebuild" in checked.action for checked in found)
        assert verdicts(reopened)["catalogue"] == "problem"
    assert file.read_bytes() == before


def _leaf_of(file: Path) -> int:
    data = file.read_bytes()
    pages = [data[start : start + 4096] for start in range(0, len(data), 4096)]
    return max(
        (n for n, page in enumerate(pages) if page[0] == 0x0D),
        key=lambda n: pages[n].count(b"local:"),
    )


def test_a_clock_that_was_set_back_loses_nothing_and_is_told(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count("damage", "clock set back")
    now = time.time()
    with monkeypatch.context() as tomorrow:
        tomorrow.setattr(time, "time", lambda: now + 86400)
        first = bring(library, write(tmp_path / "a.gguf", DATA))[0].model
        removal.remove(library, removal.plan_removal(library, [first]))
        assert read_all(library) == []
    assert verdicts(library)["clock"] == "warning"
    removal.restore(library, [select.one(library, "a.gguf", trashed=True)])
    second = bring(library, write(tmp_path / "b.gguf", content("b")))[0].model
    assert [m.id for m in every_model(library)] == [first.id, second.id]
    assert plan_collection(library).leftovers == ()
    assert looked(library) == read_all(library) == []
    organise.tag(library, [second], ["later"])
    assert select.one(library, "b.gguf").tags == ("later",)
    assert_sound(library.paths.root)
    monkeypatch.setattr(time, "time", lambda: now + 2 * 86400)
    assert verdicts(library)["clock"] == "ok"


def test_a_snapshot_from_the_future_does_not_keep_new_ones_away(
    library: Library, tmp_path: Path
) -> None:
    future = time.time() + 86400
    for path in library.paths.snapshots.iterdir():
        os.utime(path, (future, future))
    plan = plan_add(library, [str(write(tmp_path / "a.gguf", DATA))], AddOptions())
    list(add(library, plan))
    before = set(library.paths.snapshots.iterdir())
    root = library.paths
    library.close()
    assert set(root.snapshots.iterdir()) - before
