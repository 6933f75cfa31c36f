"""A catalogue that is lost or damaged comes back: from its remains, a snapshot and the blobs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from core.conftest import bring, content, make_library, write
from core.processes import environment
from core.soundness import assert_sound, every_model, stored
from faults.tally import count
from identify.builders import gguf
from modelfs.errors import Damaged, ModelfsError, Refused
from modelfs.library import create_library, open_library, organise, removal, select
from modelfs.library.rebuild import RebuildPlan, end_interrupted, plan_rebuild, rebuild
from modelfs.library.snapshots import snapshots, take_snapshot
from modelfs.paths import StorePaths

PAGE = 4096


def furnish(root: Path, models: int = 12) -> None:
    """Make a library of models of one and two files, with tags, categories, trash and seals."""
    with make_library(root) as library:
        for number in range(models):
            bring(
                library, write(root / f"m{number}.gguf", content(number)), tags=[f"t{number % 3}"]
            )
        for name in ("x", "y"):
            write(root / "pair" / f"{name}.bin", content(name))
        bring(library, root / "pair", name="pair")
        organise.assign(library, select.one(library, "m1"), {"category": "image/lora"})
        removal.remove(library, removal.plan_removal(library, [select.one(library, "m2")]))


def picture(store: Path) -> dict[str, object]:
    """Return what a library is, without what a rebuild may renew."""
    with open_library(store) as library:
        return {
            model.entry_name: (
                model.id,
                model.category,
                model.tags,
                model.trashed_at,
                stored(library, model),
            )
            for model in every_model(library)
        }


def rebuilt(store: Path) -> RebuildPlan:
    plan = plan_rebuild(StorePaths(store))
    rebuild(StorePaths(store), plan)
    return plan


def lose(store: Path) -> None:
    for name in ("catalog.sqlite3", "catalog.sqlite3-wal", "catalog.sqlite3-shm"):
        (store / name).unlink(missing_ok=True)


def empty(store: Path) -> None:
    lose(store)
    (store / "catalog.sqlite3").touch()


def forget(store: Path) -> None:
    """Leave a database that is sound and has no tables."""
    lose(store)
    connection = apsw.Connection(str(store / "catalog.sqlite3"))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.close()


def scribble_header(store: Path) -> None:
    with open(store / "catalog.sqlite3", "r+b") as file:
        file.write(os.urandom(PAGE))


def cut_short(store: Path) -> None:
    os.truncate(store / "catalog.sqlite3", PAGE * 3)


@pytest.mark.parametrize("damage", [lose, empty, forget, scribble_header, cut_short])
def test_everything_comes_back_from_a_snapshot_that_knows_all(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    furnish(tmp_path)
    store = tmp_path / "store"
    before = picture(store)
    with open_library(store) as library:
        take_snapshot(library.store, library.catalog)
    damage(store)
    count("damage", f"catalogue: {damage.__name__}")
    with pytest.raises(ModelfsError):
        open_library(store).catalog.problems()
    plan = rebuilt(store)
    assert plan.snapshot is not None and not plan.foundlings
    assert picture(store) == before
    assert_sound(store)
    with pytest.raises(Refused, match="sound"):
        plan_rebuild(StorePaths(store))


def test_every_page_in_turn_is_damaged_and_nothing_with_bytes_is_lost(tmp_path: Path) -> None:
    furnish(tmp_path)
    store = tmp_path / "store"
    before = picture(store)
    with open_library(store) as library:
        take_snapshot(library.store, library.catalog)
    pages = (store / "catalog.sqlite3").stat().st_size // PAGE
    for page in range(pages):
        copy = tmp_path / "copy" / str(page)
        shutil.copytree(store, copy)
        with open(copy / "catalog.sqlite3", "r+b") as file:
            file.seek(page * PAGE)
            file.write(os.urandom(PAGE))
        count("damage", "catalogue: one page")
        try:
            rebuilt(copy)
        except Refused as refusal:
            assert "sound" in refusal.message  # a page that is free says nothing
        assert picture(copy) == before, f"page {page} of {pages}"
        assert_sound(copy)


def test_without_any_snapshot_the_readable_rows_come_back_and_the_rest_by_its_bytes(
    tmp_path: Path,
) -> None:
    furnish(tmp_path, models=60)
    store = tmp_path / "store"
    before = picture(store)
    shutil.rmtree(store / "snapshots")
    damaged = _page_of(store / "catalog.sqlite3", b"m30")
    with open(store / "catalog.sqlite3", "r+b") as file:
        file.seek(damaged * PAGE)
        file.write(bytes(PAGE))
    rebuilt(store)
    after = picture(store)
    assert {name: value for name, value in after.items() if name in before}
    assert sum(name in after for name in before) >= len(before) * 2 // 3
    bytes_before = sorted(data for model in before.values() for data in model[4].values())  # type: ignore[index]
    bytes_after = sorted(data for model in after.values() for data in model[4].values())  # type: ignore[index]
    assert bytes_after == bytes_before, "every file of every model is listed again"
    assert_sound(store)


def _page_of(file: Path, text: bytes) -> int:
    """Return the table page that holds a model's row: the fullest one with its name."""
    data = file.read_bytes()
    pages = [data[start : start + PAGE] for start in range(0, len(data), PAGE)]
    leaves = [n for n, page in enumerate(pages) if page[0] == 0x0D and text in page]
    return max(leaves, key=lambda n: pages[n].count(b"local:"))


def test_with_nothing_but_blobs_each_is_listed_by_what_its_bytes_say(tmp_path: Path) -> None:
    with make_library(tmp_path) as library:
        bring(
            library,
            write(
                tmp_path / "a.gguf", gguf({"general.name": "Tiny", "general.architecture": "llama"})
            ),
        )
        bring(library, write(tmp_path / "b.bin", content("no model's header")))
    store = tmp_path / "store"
    lose(store)
    shutil.rmtree(store / "snapshots")
    plan = plan_rebuild(StorePaths(store))
    assert (plan.snapshot, plan.models, len(plan.foundlings)) == (None, 0, 2)
    assert any("2 files" in loss for loss in plan.losses)
    rebuild(StorePaths(store), plan)
    with open_library(store) as library:
        named = {model.entry_name: model for model in every_model(library)}
        assert len(named) == 2
        (tiny,) = (model for name, model in named.items() if name.startswith("Tiny"))
        assert (tiny.extension, tiny.facts.architecture) == (".gguf", "llama")
        assert all("recovered" in model.tags for model in named.values())
        assert "recovered files" in named
    assert_sound(store)


def test_what_came_after_the_snapshot_is_listed_as_lost_and_its_bytes_come_back(
    tmp_path: Path,
) -> None:
    store = tmp_path / "store"
    with make_library(tmp_path) as library:
        bring(library, write(tmp_path / "old.gguf", content("old")))
        take_snapshot(library.store, library.catalog)
        bring(library, write(tmp_path / "new.gguf", content("new")))
        gone = bring(library, write(tmp_path / "gone.gguf", content("gone")))[0].model
        removal.remove(library, removal.plan_removal(library, [gone]))
    lose(store)
    plan = rebuilt(store)
    assert len(plan.foundlings) == 2
    assert any("after 20" in loss for loss in plan.losses), plan.losses
    with open_library(store) as library:
        held = [stored(library, model) for model in every_model(library)]
        contents = sorted(data for files in held for data in files.values())
        assert contents == sorted([content("old"), content("new"), content("gone")])
        assert select.one(library, "old").tags == ()
    assert_sound(store)


def test_a_model_whose_bytes_went_after_the_snapshot_is_named(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with make_library(tmp_path) as library:
        gone = bring(library, write(tmp_path / "gone.gguf", content("gone")))[0].model
        take_snapshot(library.store, library.catalog)
        removal.remove(library, removal.plan_removal(library, [gone]))
        removal.empty_trash(library, removal.plan_removal(library, [gone]))
    lose(store)
    paths = StorePaths(store)
    assert rebuild(paths, plan_rebuild(paths)) == ["gone.gguf"]
    with open_library(store) as library:
        assert select.one(library, "gone").state == "missing"


def test_a_model_deleted_for_good_stays_deleted_when_the_log_says_so(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with make_library(tmp_path) as library:
        gone = bring(library, write(tmp_path / "gone.gguf", content("gone")))[0].model
        bring(library, write(tmp_path / "kept.gguf", content("kept")))
        take_snapshot(library.store, library.catalog)
        removal.remove(library, removal.plan_removal(library, [gone]))
        removal.empty_trash(library, removal.plan_removal(library, [gone]))
    damaged = _page_of(store / "catalog.sqlite3", b"kept")
    with open(store / "catalog.sqlite3", "r+b") as file:
        file.seek(damaged * PAGE)
        file.write(os.urandom(PAGE))
    rebuilt(store)
    assert list(picture(store)) == ["kept.gguf"]


def test_numbers_of_lost_models_are_not_given_again(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with make_library(tmp_path) as library:
        take_snapshot(library.store, library.catalog)
        lost = bring(library, write(tmp_path / "a.gguf", content("a")))[0].model
    lose(store)
    rebuilt(store)
    with open_library(store) as library:
        (found,) = every_model(library)
        assert found.id > lost.id and found.files[0].id > lost.files[0].id


def test_the_old_catalogue_is_kept(tmp_path: Path) -> None:
    furnish(tmp_path)
    store = tmp_path / "store"
    scribble_header(store)
    before = (store / "catalog.sqlite3").read_bytes()
    rebuilt(store)
    (aside,) = (store / "lost+found").iterdir()
    assert (aside / "catalog.sqlite3").read_bytes() == before


def test_no_new_library_takes_the_place_of_a_lost_catalogue(tmp_path: Path) -> None:
    """It would know nothing, and gc would take every blob for a leftover."""
    furnish(tmp_path)
    store = tmp_path / "store"
    for damage in (lose, empty, forget):
        damage(store)
        with pytest.raises(Damaged, match=r"lost|empty"):
            create_library(store, None)
        with pytest.raises(Damaged, match=r"lost|empty"):
            open_library(store)


def test_a_library_in_use_is_not_rebuilt(tmp_path: Path) -> None:
    furnish(tmp_path)
    store = tmp_path / "store"
    with open_library(store, read_only=True):
        lose(store)
        with pytest.raises(Refused, match="in use"):
            plan_rebuild(StorePaths(store))
    rebuilt(store)


def test_a_damaged_snapshot_gives_way_to_an_older_one(tmp_path: Path) -> None:
    furnish(tmp_path)
    store = tmp_path / "store"
    with open_library(store) as library:
        first = take_snapshot(library.store, library.catalog)
        shutil.copy2(first, first.with_name("catalog-999999.sqlite3"))
    with open(first.with_name("catalog-999999.sqlite3"), "r+b") as file:
        file.write(bytes(200))
    before = picture(store)
    lose(store)
    plan = rebuilt(store)
    assert plan.snapshot is not None and plan.snapshot.path == first
    assert picture(store) == before
    assert snapshots(StorePaths(store))


def test_cut_off_between_the_two_catalogues_the_same_command_ends_it(tmp_path: Path) -> None:
    furnish(tmp_path)
    store, paths = tmp_path / "store", StorePaths(tmp_path / "store")
    before = picture(store)
    shutil.copy2(paths.catalog, paths.rebuilt_catalog)
    lose(store)
    with pytest.raises(Damaged, match="lost"):
        open_library(store)
    assert end_interrupted(paths), "the complete one took its place"
    assert not end_interrupted(paths)
    assert picture(store) == before
    assert not paths.rebuilt_catalog.exists()


def test_the_cli_shows_asks_and_rebuilds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(tmp_path)
    store = tmp_path / "store"
    before = picture(store)
    with open_library(store) as library:
        take_snapshot(library.store, library.catalog)
    lose(store)
    monkeypatch.setenv("MODELFS_LIBRARY", str(store))
    doctor = _modelfs("doctor")
    assert doctor.returncode == 1 and "doctor --rebuild" in doctor.stdout
    assert _modelfs("gc", "--yes").returncode == 1
    asked = _modelfs("doctor", "--rebuild")
    assert asked.returncode == 4 and not (store / "catalog.sqlite3").exists()
    done = _modelfs("doctor", "--rebuild", "--yes")
    assert done.returncode == 0, done.stderr
    assert picture(store).keys() == before.keys()
    assert _modelfs("doctor").returncode == 0


def _modelfs(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "modelfs", *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
