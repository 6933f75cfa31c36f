"""Evicting lets go of what can be proved to come back the same, and of nothing else."""

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core import processes
from core.conftest import bring, content, write
from core.soundness import assert_sound, blob_files, stored
from modelfs import hashing
from modelfs.catalog import edit, models
from modelfs.catalog.records import ModelRecord
from modelfs.errors import Refused
from modelfs.library import (
    Library,
    check,
    eviction,
    open_library,
    organise,
    rebuild,
    removal,
    select,
    undo,
)
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.library.check import CheckSummary, look
from modelfs.library.collect import collect, plan_collection
from modelfs.library.eviction import EvictionPlan
from modelfs.library.health import check_library
from modelfs.library.snapshots import take_snapshot

HUB = f"hf:org/repo@{'0123456789' * 4}"
SIZE = 10_000
BLOCKS = 12_288
"""What ``SIZE`` takes on a disk of 4 KiB blocks."""


def nobody(_: ModelRecord) -> bool:
    return False


def say_source(library: Library, model: ModelRecord, source: str = HUB) -> None:
    """Let a model come from somewhere."""
    with library.catalog.write():
        library.catalog.rows("UPDATE model SET source = ? WHERE id = ?", [source, model.id])


def fetched(library: Library, folder: Path, name: str, *seeds: str) -> ModelRecord:
    """Add a sealed model that came from the hub: a file for each seed, of 10 kB of its content."""
    for number, seed in enumerate(seeds or [name]):
        write(folder / name / f"{number}.bin", content(seed, SIZE))
    (added,) = bring(library, folder / name, name=name, seal=True)
    say_source(library, added.model)
    return now(library, added.model)


def now(library: Library, model: ModelRecord) -> ModelRecord:
    return models.get(library.catalog, [model.id])[model.id]


def plan(library: Library, *chosen: ModelRecord) -> EvictionPlan:
    return eviction.plan_eviction(library, chosen, is_open=nobody)


def evict(library: Library, *chosen: ModelRecord) -> int:
    return eviction.evict(library, plan(library, *chosen), is_open=nobody)


def names(found: Sequence[ModelRecord]) -> list[str]:
    return [model.name for model in found]


def reasons(made: EvictionPlan) -> dict[str, str]:
    return {model.name: why for model, why in made.kept}


def blocks(library: Library) -> int:
    """Return what the blobs take of the disk, as ``df`` counts."""
    paths = (path for path in library.paths.root.rglob("*") if path.is_file())
    kept = (path for path in paths if path.parent.parent.name == "blobs" or "gone" in path.name)
    return sum(path.lstat().st_blocks * 512 for path in kept)


def test_it_goes_from_the_disk_stays_listed_and_comes_back_the_same(
    library: Library, tmp_path: Path
) -> None:
    model = fetched(library, tmp_path, "one")
    before = blocks(library)
    made = plan(library, model)
    assert (names(made.models), made.freed_bytes, made.kept) == (["one"], before, ())
    assert eviction.evict(library, made, is_open=nobody) == before
    assert blocks(library) == 0 and blob_files(library) == set()
    away = now(library, model)
    assert (away.state, away.local_bytes, away.size_bytes) == ("remote", 0, SIZE)
    assert_sound(library.paths.root)
    (added,) = bring(library, tmp_path / "one")
    assert (added.outcome, added.new_bytes) == ("already there", SIZE)
    assert now(library, model) == model, "same rows, same inodes, same seals"
    assert stored(library, model) == {"0.bin": content("one", SIZE)}
    assert_sound(library.paths.root)


def test_what_is_away_is_no_damage_and_takes_no_space(library: Library, tmp_path: Path) -> None:
    model = fetched(library, tmp_path, "one")
    whole = fetched(library, tmp_path, "two")
    evict(library, model)
    numbers = models.summary(library.catalog)
    assert (numbers.damaged, numbers.remote) == (0, 1)
    assert (numbers.logical_bytes, numbers.physical_bytes) == (2 * SIZE, SIZE)
    assert names(select.matching(library, "state:remote")) == ["one"]
    assert names(select.matching(library, "state:ok")) == ["two"]
    assert names(select.matching(library, "-state:ok")) == ["one"]
    for found in (look(library, CheckSummary()), check.read(library, CheckSummary(), seal=True)):
        assert list(found) == []
    assert {each.verdict for each in check_library(library)} == {"ok"}
    assert plan_collection(library, 0).leftovers == ()
    removing = removal.plan_removal(library, [model, whole])
    assert removing.freed_bytes == SIZE
    removal.remove(library, removal.plan_removal(library, [model]))
    assert models.summary(library.catalog).trash_bytes == 0
    (in_trash,) = select.several(library, ["one"], trashed=True)
    assert removal.empty_trash(library, removal.plan_removal(library, [in_trash])) == 0
    assert_sound(library.paths.root)


def _unsealed(library: Library, model: ModelRecord) -> None:
    with library.catalog.write():
        library.catalog.rows("UPDATE blob SET sha256 = NULL WHERE id = ?", [model.files[0].blob])


def _lost(library: Library, model: ModelRecord) -> None:
    library.store.path(model.files[0].blob).unlink()
    list(look(library, CheckSummary()))


Spoil = Callable[[Library, ModelRecord], object]
SPOILT: dict[str, tuple[Spoil, str]] = {
    "pinned": (lambda library, m: organise.pin(library, [m], pinned=True), "pinned"),
    "unsealed": (_unsealed, "SHA-256"),
    "of a file": (lambda library, m: say_source(library, m, "local:/a"), "local file"),
    "of a branch": (lambda library, m: say_source(library, m, "hf:org/repo@main"), "commit"),
    "of nowhere": (lambda library, m: say_source(library, m, ""), "not known"),
    "in the trash": (
        lambda library, m: removal.remove(library, removal.plan_removal(library, [m])),
        "trash",
    ),
    "lost": (_lost, "missing"),
    "gone already": (evict, "evicted already"),
}


@pytest.mark.parametrize("which", SPOILT)
def test_what_might_not_come_back_stays_and_the_reason_is_said(
    library: Library, tmp_path: Path, which: str
) -> None:
    spoil, why = SPOILT[which]
    model, other = fetched(library, tmp_path, "one"), fetched(library, tmp_path, "two")
    early = plan(library, model, other)
    spoil(library, model)
    there = blob_files(library) & {file.blob for file in model.files}
    made = plan(library, now(library, model), other)
    assert names(made.models) == ["two"] and why in reasons(made)["one"]
    eviction.evict(library, early, is_open=nobody)
    assert blob_files(library) == there, "what was spoilt since the plan stays, the other goes"
    assert now(library, other).state == "remote"


@pytest.mark.parametrize(
    "source",
    [HUB, f"{HUB}/folder", "ollama:smollm:135m", "civitai:1@2", "ms:org/repo@master",
     "https://example.org/a.gguf"],
)  # fmt: skip
def test_every_kind_of_source_that_gives_again_is_known(
    library: Library, tmp_path: Path, source: str
) -> None:
    model = fetched(library, tmp_path, "one")
    say_source(library, model, source)
    assert plan(library, now(library, model)).models


def test_what_is_open_stays_even_when_it_was_opened_after_the_plan(
    library: Library, tmp_path: Path
) -> None:
    model = fetched(library, tmp_path, "one")
    made = eviction.plan_eviction(library, [model], is_open=lambda _: True)
    assert (made.models, reasons(made), made.is_refused) == ((), {"one": "it is open"}, True)
    assert eviction.evict(library, plan(library, model), is_open=lambda _: True) == 0
    assert now(library, model).state == "ok"


def test_what_others_need_stays_until_they_go_too(library: Library, tmp_path: Path) -> None:
    one = fetched(library, tmp_path, "one", "common", "own1")
    two = fetched(library, tmp_path, "two", "common", "own2")
    same = fetched(library, tmp_path, "same", "own2")
    assert plan(library, one).freed_bytes == BLOCKS
    nothing = plan(library, same)
    assert reasons(nothing) == {"same": "all its bytes are also those of two"}
    assert nothing.is_refused and nothing.freed_bytes == 0
    assert plan(library, one, two, same).freed_bytes == 3 * BLOCKS
    assert evict(library, one) == BLOCKS
    assert stored(library, two)["0.bin"] == content("common", SIZE)
    assert now(library, one).state == "remote" and now(library, two).state == "ok"
    assert evict(library, now(library, two)) == BLOCKS, "who is evicted needs nothing here"
    assert now(library, same).state == "ok"
    assert_sound(library.paths.root)


def test_what_the_trash_needs_stays(library: Library, tmp_path: Path) -> None:
    one = fetched(library, tmp_path, "one", "common")
    two = fetched(library, tmp_path, "two", "common", "own")
    removal.remove(library, removal.plan_removal(library, [two]))
    assert plan(library, one).models == ()


def test_a_second_name_outside_promises_nothing(library: Library, tmp_path: Path) -> None:
    model = fetched(library, tmp_path, "one")
    os.link(library.store.path(model.files[0].blob), tmp_path / "other")
    assert "free nothing" in reasons(plan(library, model))["one"]


def _used(library: Library, model: ModelRecord, at: float) -> None:
    with library.catalog.write():
        library.catalog.rows("UPDATE model SET added_at = 0 WHERE id = ?", [model.id])
        edit.count_use(library.catalog, model.id, "test", 1, at)


def test_to_fit_takes_the_least_used_first_and_one_model_too_many_at_most(
    library: Library, tmp_path: Path
) -> None:
    for seed in range(12):
        chance = random.Random(seed)
        with open_library(library.paths.root) as opened:
            folder = tmp_path / str(seed)
            pool = [f"{seed}-{number}" for number in range(6)]
            made = [
                fetched(opened, folder, f"m{seed}-{n}", *chance.sample(pool, chance.randint(1, 3)))
                for n in range(5)
            ]
            for model in made:
                _used(opened, model, chance.random() * 1000)
            organise.pin(opened, [made[0]], pinned=True)
            _check_fit(opened, chance.randrange(1, 6 * BLOCKS))
            eviction.evict(opened, plan(opened, *made[1:]), is_open=nobody)


def _check_fit(library: Library, wanted: int) -> None:
    order = sorted(eviction.here(library), key=eviction.used_at)
    made = eviction.plan_to_fit(library, wanted, is_open=nobody)
    everything = plan(library, *order).freed_bytes
    assert made.freed_bytes >= min(wanted, everything)
    assert not any(model.pinned for model in made.models)
    last = max(map(eviction.used_at, made.models))
    before = [model for model in order if eviction.used_at(model) < last]
    assert plan(library, *before).freed_bytes < wanted, "enough without the last"
    if everything >= wanted:
        had_their_turn = {*names(made.models), *reasons(made)}
        assert had_their_turn >= set(names(before)), "nobody was passed over in silence"
        assert all(eviction.used_at(model) <= last for model, _ in made.kept)


def test_to_fit_what_fits_already_takes_nothing(library: Library, tmp_path: Path) -> None:
    fetched(library, tmp_path, "one")
    for wanted in (0, -1):
        made = eviction.plan_to_fit(library, wanted, is_open=nobody)
        assert (made.models, made.kept, made.is_refused) == ((), (), False)


def test_by_age_only_what_was_neither_used_nor_added_since(
    library: Library, tmp_path: Path
) -> None:
    old, new = fetched(library, tmp_path, "old"), fetched(library, tmp_path, "new")
    fetched(library, tmp_path, "just added")
    _used(library, old, 1000.0)
    _used(library, new, new.added_at)
    assert names(eviction.plan_older_than(library, 3600, is_open=nobody).models) == ["old"]


def test_the_sum_for_a_full_disk_is_what_evicting_all_would_free(
    library: Library, tmp_path: Path
) -> None:
    fetched(library, tmp_path, "one", "common", "own1")
    two = fetched(library, tmp_path, "two", "common", "own2")
    assert eviction.evictable_bytes(library) == 3 * SIZE
    organise.pin(library, [two], pinned=True)
    assert eviction.evictable_bytes(library) == SIZE


def test_it_is_logged_and_taken_back_by_fetching_only(library: Library, tmp_path: Path) -> None:
    model = fetched(library, tmp_path, "one")
    evict(library, model)
    change, name = undo.history(library, 1)[0]
    assert (change.action, name) == ("evict", "one.bin")
    with pytest.raises(Refused, match="not here") as refused:
        undo.undo(library, change)
    assert refused.value.hint and "modelfs restore one.bin" in refused.value.hint
    bring(library, tmp_path / "one")
    assert undo.history(library, 1)[0][0].action == "heal"
    with pytest.raises(Refused, match="here again"):
        undo.undo(library, change)


@pytest.mark.parametrize("withdrawn", [0, 1])
def test_killed_after_the_commit_it_is_remote_and_the_next_check_tidies(
    library: Library, tmp_path: Path, withdrawn: int
) -> None:
    model = fetched(library, tmp_path, "one", "a", "b")
    store = library.paths.root
    # With an error too, as the call is not to happen.
    fault = processes.strace("/^rename", f"error=EIO:signal=KILL:when={withdrawn + 1}")
    killed = processes.run("evict", store, "one", prefix=fault)
    assert killed.returncode in (-9, 137), killed.stderr
    assert now(library, model).state == "remote"
    left = blob_files(library)
    assert len(left) == 2 - withdrawn
    found = list(look(library, CheckSummary()))
    assert {each.finding.blob for each in found} == left
    assert {each.finding.kind for each in found} == {"back"}
    states = {file.blob: file.state for file in now(library, model).files}
    assert states == {f.blob: "ok" if f.blob in left else "remote" for f in model.files}
    assert_sound(store)
    collect(library, plan_collection(library, 0))
    assert list(library.paths.staging.iterdir()) == []
    bring(library, tmp_path / "one")
    assert now(library, model).state == "ok"
    assert_sound(store)


def test_a_check_that_was_reading_does_not_call_whole_what_went_meanwhile(
    library: Library, tmp_path: Path
) -> None:
    model = fetched(library, tmp_path, "one")
    gone = []

    def evict_meanwhile(_: object) -> None:
        if not gone:
            with open_library(library.paths.root) as other:
                gone.append(evict(other, now(other, model)))

    found = list(check.read(library, CheckSummary(), seal=False, report=evict_meanwhile))
    assert found == [] and gone == [BLOCKS]
    assert now(library, model).state == "remote"
    assert_sound(library.paths.root)


def test_what_is_evicted_while_it_is_added_again_comes_in_after_all(
    library: Library, tmp_path: Path
) -> None:
    model = fetched(library, tmp_path, "one")
    gone = []

    def evict_meanwhile(_: object) -> None:
        if not gone:
            with open_library(library.paths.root) as other:
                gone.append(evict(other, now(other, model)))

    made = plan_add(library, [str(tmp_path / "one")], AddOptions())
    (added,) = add(library, made, evict_meanwhile)
    assert gone == [BLOCKS] and (added.outcome, added.new_bytes) == ("already there", SIZE)
    assert now(library, model).state == "ok"
    assert_sound(library.paths.root)


def test_a_rebuilt_catalogue_knows_what_is_away_and_what_is_here(
    library: Library, tmp_path: Path
) -> None:
    away, back = fetched(library, tmp_path, "one"), fetched(library, tmp_path, "two")
    evict(library, away, back)
    take_snapshot(library.store, library.catalog)
    bring(library, tmp_path / "two")
    library.close()
    library.paths.catalog.unlink()
    for suffix in ("-wal", "-shm"):
        Path(f"{library.paths.catalog}{suffix}").unlink(missing_ok=True)
    assert rebuild.rebuild(library.paths, rebuild.plan_rebuild(library.paths)) == []
    with open_library(library.paths.root) as reopened:
        assert [now(reopened, model).state for model in (away, back)] == ["remote", "ok"]
    assert_sound(library.paths.root)


def test_wrong_bytes_in_the_place_of_what_is_away_are_set_aside(
    library: Library, tmp_path: Path
) -> None:
    model = fetched(library, tmp_path, "one")
    evict(library, model)
    write(library.store.path(model.files[0].blob), b"short")
    (checked,) = look(library, CheckSummary())
    assert checked.finding.kind == "size" and "fetched again" in checked.action
    assert now(library, model).state == "remote"
    assert_sound(library.paths.root)


def test_other_bytes_do_not_take_the_place_of_absent_ones(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forged XXH3 collision with a blob that is away: its seal decides."""
    model = fetched(library, tmp_path, "theirs")
    evict(library, model)
    real = hashing.Hasher.digests

    def forged(self: hashing.Hasher) -> hashing.Digests:
        return replace(real(self), xxh3=model.files[0].blob)

    monkeypatch.setattr(hashing.Hasher, "digests", forged)
    with pytest.raises(Refused, match="another SHA-256"):
        bring(library, write(tmp_path / "forged.gguf", content("forged")))
