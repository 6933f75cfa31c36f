"""``gc`` takes only what nothing names, nobody holds, and is old enough."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from core import processes
from core.conftest import bring, content, write
from core.soundness import assert_sound, blob_files, every_model
from modelfs.catalog import edit
from modelfs.errors import CatalogBusy
from modelfs.library import Library, open_library, removal
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.library.collect import collect, plan_collection
from modelfs.store import blobs as store_blobs


def unnamed(library: Library, tmp_path: Path, seed: str) -> Path:
    """Leave a blob with a row and without a model, as an interrupted removal does."""
    (added,) = bring(library, write(tmp_path / f"{seed}.gguf", content(seed)))
    with library.catalog.write():
        edit.forget(library.catalog, added.model)
    return library.store.path(added.model.files[0].blob)


def test_what_is_younger_than_the_grace_stays(library: Library, tmp_path: Path) -> None:
    kept = [
        unnamed(library, tmp_path, "a"),
        write(library.paths.staging / "add-1-dead", b"half"),
        write(library.paths.blobs / "ab" / ("ab" * 16), b"unknown"),
    ]
    assert plan_collection(library).leftovers == (), "the library's own grace is an hour"
    assert plan_collection(library, 60).leftovers == ()
    assert [left.reason for left in plan_collection(library, 0).leftovers] == [
        "unnamed",
        "unknown",
        "left over",
    ]
    assert all(path.exists() for path in kept)


def test_a_clock_that_was_set_back_makes_nothing_old(library: Library) -> None:
    left = write(library.paths.staging / "add-1-dead", b"half")
    future = time.time() + 86400
    os.utime(left, (future, future))
    assert plan_collection(library, 60).leftovers == ()


def test_a_staging_file_that_a_living_process_holds_stays(library: Library) -> None:
    alive, dead = library.paths.staging / "add-alive", library.paths.staging / "add-dead"
    with processes.start("hold-file", alive) as holder, processes.start("hold-file", dead) as other:
        assert holder.stdout and other.stdout
        assert (holder.stdout.readline(), other.stdout.readline()) == ("held\n", "held\n")
        other.kill()
        other.wait(10)
        collect(library, plan_collection(library, 0))
        assert (alive.exists(), dead.exists()) == (True, False)
        holder.communicate("", timeout=10)
    collect(library, plan_collection(library, 0))
    assert not alive.exists()


def test_what_got_a_name_after_the_plan_stays(library: Library, tmp_path: Path) -> None:
    blob = unnamed(library, tmp_path, "a")
    plan = plan_collection(library, 0)
    assert plan.freed_bytes == 10_000
    (added,) = bring(library, write(tmp_path / "b.gguf", content("a")))
    assert collect(library, plan) == 0
    assert blob.read_bytes() == content("a")
    assert [model.id for model in every_model(library)] == [added.model.id]
    assert_sound(library.paths.root)


def test_bytes_collected_while_they_were_compared_come_in_after_all(
    library: Library, tmp_path: Path
) -> None:
    """An addition found its bytes in the store, and they are gone when it wants to name them."""
    unnamed(library, tmp_path, "a")
    source = write(tmp_path / "b.gguf", content("a"))
    collected = []

    def collect_meanwhile(progress: object) -> None:
        if not collected:
            with open_library(library.paths.root) as other:
                collected.append(collect(other, plan_collection(other, 0)))

    plan = plan_add(library, [str(source)], AddOptions())
    (added,) = add(library, plan, collect_meanwhile)
    assert collected == [10_000]
    assert (added.outcome, added.new_bytes) == ("added", 10_000)
    assert_sound(library.paths.root)


def test_nothing_is_deleted_while_somebody_enters(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = unnamed(library, tmp_path, "a")
    plan = plan_collection(library, 0)
    monkeypatch.setattr(store_blobs, "LOCK_TIMEOUT_S", 0.1)
    with library.store.entering(), pytest.raises(CatalogBusy):
        collect(library, plan)
    assert blob.exists()
    assert collect(library, plan) == 10_000


def test_nothing_is_swept_while_somebody_makes_a_file(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its creation and its lock a file on its way in looks dead."""
    left = write(library.paths.staging / "add-1-new", b"")
    monkeypatch.setattr(store_blobs, "LOCK_TIMEOUT_S", 0.1)
    with library.store.entering(), pytest.raises(CatalogBusy):
        plan_collection(library, 0)
    assert left.exists()


def test_what_another_collection_took_first_is_no_error(library: Library, tmp_path: Path) -> None:
    unnamed(library, tmp_path, "a")
    write(library.paths.staging / "add-1-dead", b"half")
    plan = plan_collection(library, 0)
    with open_library(library.paths.root) as other:
        assert collect(other, plan) == plan.freed_bytes == 10_004
    assert collect(library, plan) == 0


def test_what_is_no_file_is_left_alone(library: Library) -> None:
    """Nobody here makes folders or pipes among the blobs, so they are not ours to remove."""
    folder = library.paths.blobs / "ab" / ("ab" * 16)
    folder.mkdir()
    (library.paths.staging / "folder").mkdir()
    os.mkfifo(library.paths.staging / "pipe")
    collect(library, plan_collection(library, 0))
    assert folder.is_dir()
    assert len(list(library.paths.staging.iterdir())) == 2


def test_a_plan_removes_nothing(library: Library, tmp_path: Path) -> None:
    blob = unnamed(library, tmp_path, "a")
    plan_collection(library, 0)
    assert blob.exists()


def test_a_model_in_the_trash_keeps_its_bytes(library: Library, tmp_path: Path) -> None:
    (added,) = bring(library, write(tmp_path / "a.gguf", content("a")))
    removal.remove(library, removal.plan_removal(library, [added.model]))
    collect(library, plan_collection(library, 0))
    assert len(blob_files(library)) == 1


def race(library: Library, tmp_path: Path, adders: int, collectors: int, seconds: float) -> None:
    """Let processes add, remove and collect the same few contents against each other."""
    pool = tmp_path / "pool"
    for number in range(4):
        write(pool / f"{number}.gguf", content(number, 5000))
    store = library.paths.root
    running = [
        processes.start("keep-adding", store, pool, str(number), str(seconds))
        for number in range(adders)
    ]
    running += [processes.start("keep-collecting", store, str(seconds)) for _ in range(collectors)]
    counts = []
    for process in running:
        try:
            out, err = process.communicate(timeout=seconds + 60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert process.returncode == 0, err
        counts.append(int(out))
    assert all(counts), counts
    assert_sound(store)


def test_adders_and_collectors_together_lose_nothing(library: Library, tmp_path: Path) -> None:
    race(library, tmp_path, adders=2, collectors=2, seconds=3)


@pytest.mark.long
def test_many_adders_and_collectors_together_lose_nothing(library: Library, tmp_path: Path) -> None:
    race(library, tmp_path, adders=4, collectors=3, seconds=60)
