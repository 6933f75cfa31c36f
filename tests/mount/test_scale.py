"""What must not grow with the library does not: counted in steps and calls, not in seconds.

``python -m benchmarks.scale`` measures the seconds.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
import pyfuse3
import pytest
import trio

import modelfs
from modelfs.catalog import edit, models
from modelfs.catalog.filters import Filter
from modelfs.catalog.records import ModelRecord, NewFile, NewModel
from modelfs.fs import requests
from modelfs.fs.launch import start, stop
from modelfs.fs.operations import Operations
from modelfs.library import Library, describe, open_library, organise, select
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.library.check import CheckSummary, look, read
from modelfs.types import BlobId, Facts
from modelfs.views import FolderNode, Tree, folder
from modelfs.views.inodes import ROOT_INODE, folder_inode

ROOT = Path(__file__).parents[2]
SMALL, LARGE = 100, 1000
PLENTY = 1.25
"""What a random difference between two libraries may add; ten times the models add far more."""


def run_benchmark(module: str, *arguments: str) -> None:
    """Run one of the benchmarks' programs with the package that is tested."""
    subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(Path(modelfs.__file__).parents[1])},
        check=True,
        stdout=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Two generated libraries, not to be changed."""
    folder = tmp_path_factory.mktemp("generated")
    for size in (SMALL, LARGE):
        run_benchmark("generate", str(size), str(folder / str(size)))
    return {size: folder / str(size) for size in (SMALL, LARGE)}


@pytest.fixture
def both(generated: dict[int, Path], tmp_path: Path) -> Iterator[list[Library]]:
    """A small library and one ten times as large, with catalogues of their own to change."""
    libraries = []
    for size, store in generated.items():
        copied = tmp_path / str(size)
        shutil.copytree(store, copied, ignore=lambda *_: ["blobs"])
        (copied / "blobs").symlink_to(store / "blobs")  # there are too many to copy
        text = (copied / "config.toml").read_text().replace(str(store), str(copied))
        (copied / "config.toml").write_text(text)
        libraries.append(open_library(copied))
    yield libraries
    for library in libraries:
        stop(library, lazy=True)
        library.close()


@contextmanager
def counted_steps() -> Iterator[list[int]]:
    """Count what SQLite's machine does on connections that are opened inside."""
    steps: list[int] = []

    def attach(connection: apsw.Connection) -> None:
        def note(event: dict[str, object]) -> None:
            status = event["stmt_status"]
            assert isinstance(status, dict)
            steps.append(int(status["SQLITE_STMTSTATUS_VM_STEP"]))

        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, note)

    apsw.connection_hooks.append(attach)
    try:
        yield steps
    finally:
        apsw.connection_hooks.remove(attach)


def steps_of(library: Library, action: Callable[[Library], object]) -> int:
    """Return how many steps SQLite takes for an action."""
    with counted_steps() as steps, open_library(library.paths.root) as counted:
        steps.clear()
        action(counted)
    assert steps
    return sum(steps)


def a_lora(library: Library) -> ModelRecord:
    return select.matching(library, "category:image/lora")[0]


def add_one(library: Library) -> None:
    path = library.paths.root.parent / "brand-new.gguf"
    path.write_bytes(b"GGUF brand new")
    plan = plan_add(library, [str(path)], AddOptions(category="language/llm"))
    (added,) = add(library, plan)
    assert added.outcome == "added"
    library.store.path(added.model.files[0].blob).unlink()  # it went to where all tests look


@pytest.mark.parametrize("action", ["add", "tag", "show", "path"])
def test_what_concerns_one_model_costs_the_same_in_any_library(
    both: list[Library], action: str
) -> None:
    names = {library.paths.root: a_lora(library).entry_name for library in both}

    def one(library: Library) -> ModelRecord:
        return select.one(library, names[library.paths.root])

    actions: dict[str, Callable[[Library], object]] = {
        "add": add_one,
        "tag": lambda library: organise.tag(library, [one(library)], ["new"]),
        "show": lambda library: describe.shown(library, one(library)),
        "path": lambda library: describe.path_for(library, one(library), "comfyui"),
    }
    small, large = (steps_of(library, actions[action]) for library in both)
    assert large < small * PLENTY


def test_listing_everything_costs_what_there_is(both: list[Library]) -> None:
    """Else counting steps would prove nothing."""
    small, large = (
        steps_of(library, lambda each: describe.listed_as_json(each, Filter())) for library in both
    )
    assert large > small * 5


def calls_of(action: Callable[[], object]) -> int:
    """Return how many Python functions an action calls."""
    calls = 0

    def note(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


def tree_of(library: Library) -> Tree:
    return Tree.build(library.placer, models.find(library.catalog, Filter()), 0)


def test_a_missing_name_costs_the_same_in_any_library(both: list[Library]) -> None:
    counts = []
    for library in both:
        tree = tree_of(library)
        node = tree.node(("by-category", "language", "llm"))
        assert isinstance(node, FolderNode) and len(tree.listing(node).names) > 10
        counts.append(calls_of(lambda tree=tree, node=node: tree.child(node, "absent.gguf")))  # type: ignore[misc]
    assert counts[0] == counts[1] > 0


def test_a_missing_name_is_answered_without_the_disk(both: list[Library], tmp_path: Path) -> None:
    library = both[1]
    state = start(library, links=False)
    llm = library.mountpoint / "by-category" / "language" / "llm"
    assert os.listdir(llm)
    log = tmp_path / "calls"
    command = ["strace", "-f", "-qq", "-e", "trace=openat,pread64,read,newfstatat,statx"]
    with subprocess.Popen([*command, "-o", log, "-p", str(state.pid)]) as traced:
        # Its first line is there once it has hold of the process.
        while not (log.exists() and log.stat().st_size):
            assert not (llm / "are-you-there").exists()
        before = len(log.read_text().splitlines())
        for number in range(500):
            assert not os.path.lexists(llm / f"absent-{number}.gguf")
        traced.terminate()
    seen = log.read_text().splitlines()[before:]
    on_disk = [line for line in seen if "blobs" in line or "pread64" in line or "openat" in line]
    assert len(seen) >= 500 and len(on_disk) < 50, on_disk[:10]


def test_names_of_a_large_folder_are_settled_by_a_thread(
    both: list[Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled_by = []
    settle = folder.settle

    def noted(*arguments: object) -> object:
        settled_by.append(threading.current_thread())
        return settle(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(folder, "settle", noted)
    monkeypatch.setattr(pyfuse3, "readdir_reply", lambda *_: False)
    monkeypatch.setattr(folder, "_SETTLED_AT_ONCE", 50)
    path = ("by-category", "language", "llm")
    inode = folder_inode(path)
    for ask in (
        lambda ops: ops.lookup(inode, b"absent.gguf", None),
        lambda ops: ops.readdir(inode, 0, None),
        lambda ops: ops.getattr(inode, None),
    ):
        operations = Operations(both[1].store, tree_of(both[1]), links=False)
        operations.known.remember(FolderNode(path, 0), inode)
        settled_by.clear()
        trio.run(_answer, ask, operations)
        (thread,) = settled_by
        assert thread is not threading.main_thread()
        assert operations.tree.unsettled(path) is None


async def _answer(ask: Callable[[Operations], object], operations: Operations) -> None:
    try:
        await ask(operations)  # type: ignore[misc]
    except Exception as error:  # that there is no such name is no matter here
        assert type(error).__name__ == "FUSEError"


def test_the_names_that_a_change_touches_are_settled_when_the_tree_is_made(
    both: list[Library],
) -> None:
    tree = tree_of(both[1])
    model = a_lora(both[1])
    path = ("by-category", *model.category.split("/"))
    before = tree.listing(FolderNode(path, 0)).names
    organise.tag(both[1], [model], ["new"])
    both[1].catalog.close()
    changed, _ = tree.changed([], [model.id], 1)
    view = changed.views[path]
    assert view._names is not None  # not merely few enough
    assert set(before) - set(view.names) == {model.entry_name}


def test_a_root_that_nobody_asked_for_is_known(
    both: list[Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    monkeypatch.setattr(pyfuse3, "readdir_reply", lambda _, name, *__: given.append(name) or True)
    operations = Operations(both[0].store, tree_of(both[0]), links=False)
    trio.run(operations.readdir, ROOT_INODE, 0, None)
    assert {b"by-category", b"by-tag", b"by-tool"} <= set(given)


class _Busy:
    """What stands in for a relay that always has a request."""

    device = -1

    def take(self, until: float) -> bool:
        return time.monotonic() < until

    def pass_replies(self) -> None:
        pass


def test_requests_that_are_there_are_taken_in_one_turn_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop looks at everything else in between, however many requests there are."""
    monkeypatch.setattr(requests, "_TURN_S", 0.1)  # of which a busy machine leaves us some
    assert 10 < trio.run(_take_until_others_had_a_turn) < 10_000_000


async def _take_until_others_had_a_turn() -> int:
    others: list[int] = []
    taken = 0
    quick = requests._Lowlevel(_Busy())  # type: ignore[arg-type]

    async def another() -> None:
        await trio.lowlevel.checkpoint()
        others.append(taken)

    async with trio.open_nursery() as nursery:
        await quick.wait_readable(0)  # the first begins a turn
        nursery.start_soon(another)
        while not others and taken < 10_000_000:
            await quick.wait_readable(0)
            taken += 1
    return taken


def test_whoever_waits_for_requests_does_so_alone_and_is_relieved() -> None:
    assert trio.run(_readers_by_turns) == [1, 1, 1, 1]


async def _readers_by_turns() -> list[int]:
    lock = requests._Lock(_Busy())  # type: ignore[arg-type]
    inside: list[int] = []
    now = 0

    async def reader() -> None:
        nonlocal now
        async with lock:
            now += 1
            inside.append(now)
            await trio.lowlevel.checkpoint()
            now -= 1
        await trio.lowlevel.checkpoint()  # its request waits for something

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(reader)
    return inside


def plant_troubles(library: Library) -> None:
    """Add what makes a model's files more than a list: damage, absence, sharing, the trash."""

    def new(name: str, files: Sequence[tuple[str, str]]) -> NewModel:
        made = [NewFile(path, BlobId(blob * 32), len(path), "s", None, 1) for path, blob in files]
        return NewModel(name, "", "other/unsorted", "user", "local:/", Facts(), made, ['"q"'])

    catalog = library.catalog
    with catalog.write():
        edit.add_model(catalog, new("damaged", [("a", "1"), ("b", "2")]))
        edit.add_model(catalog, new("missing", [("a", "3"), ("b", "2")]))
        edit.add_model(catalog, new("no copy", [("a", "4"), ('é\t"\\ b', "5")]))
        edit.add_model(catalog, new("twice", [("a", "6"), ("z", "6"), ("b/\u2028", "7")]))
        edit.add_model(catalog, new('"files": null', [("a", "8"), ("x", "9")]))
        trashed = edit.add_model(catalog, new("trashed", [("a", "a"), ("b", "1")]))
        edit.trash(catalog, models.get(catalog, [trashed])[trashed])
        catalog.rows("UPDATE copy SET state = 'damaged' WHERE blob = ?", ["1" * 32])
        catalog.rows("UPDATE copy SET state = 'missing' WHERE blob = ?", ["3" * 32])
        catalog.rows("DELETE FROM copy WHERE blob = ?", ["4" * 32])


@pytest.mark.parametrize("trashed", [False, True])
def test_a_fast_listing_says_what_the_records_say(both: list[Library], trashed: bool) -> None:
    library = both[0]
    plant_troubles(library)
    records = models.find(library.catalog, Filter(trashed=trashed))
    listed = [json.loads(t) for t in describe.listed_as_json(library, Filter(trashed=trashed))]
    assert listed == [describe.listed(record) for record in records] != []
    assert [list(each) for each in listed] == [list(describe.listed(each)) for each in records]


def test_models_are_the_same_read_together_and_one_by_one(both: list[Library]) -> None:
    library = both[0]
    plant_troubles(library)
    together = models.find(library.catalog, Filter())
    assert len(together) > models._FEW
    for model in together:
        assert models.get(library.catalog, [model.id]) == {model.id: model}
    assert {model.name for model in together if model.state != "ok"} == {
        "damaged", "missing", "no copy",
    }  # fmt: skip


def test_the_numbers_of_a_library_are_those_of_its_models(both: list[Library]) -> None:
    library = both[0]
    plant_troubles(library)
    living, gone = (models.find(library.catalog, Filter(trashed=t)) for t in (False, True))
    there = {f.blob: f.size_bytes for m in living + gone for f in m.files if f.state != "missing"}
    kept = {file.blob for model in living for file in model.files}
    summary = models.summary(library.catalog)
    assert summary.models == len(living) == sum(n for n, _ in summary.by_category.values())
    assert summary.logical_bytes == sum(model.size_bytes for model in living)
    assert summary.damaged == sum(model.state != "ok" for model in living) == 3
    assert summary.physical_bytes == sum(there.values())
    assert summary.trash_bytes == sum(n for blob, n in there.items() if blob not in kept) > 0


def test_a_generated_library_is_sound(generated: dict[int, Path]) -> None:
    with open_library(generated[SMALL]) as library:
        summary = CheckSummary()
        assert list(read(library, summary, seal=False)) == list(look(library, summary)) == []
        assert library.catalog.problems() == []


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ten_thousand_models_are_within_the_bars(tmp_path: Path) -> None:
    """Generously: a busy machine is no failure. ``docs/scale.md`` has the bars themselves."""
    result = tmp_path / "figures.json"
    run_benchmark(
        "scale", "10000", "--rounds", "1", "--json", str(result), "--folder", str(tmp_path)
    )
    (found,) = json.loads(result.read_text())
    assert found["files"] > 90_000
    assert found["rss_mb"] < 250
    assert found["mount_s"] < 8
    assert found["ls_lr_ratio"] < 5
    assert found["ls_json_s"] < 4
    assert found["tag_visible_ms"] < 2000
    assert found["stall_listing_ms"] < 1000 and found["stall_change_ms"] < 1000
