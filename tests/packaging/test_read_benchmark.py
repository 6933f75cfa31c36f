"""The comparison of reads runs, and judges as it says. No bars in tests."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from faults.tally import count

CHECKOUT = Path(__file__).parents[2]
# Beside the tests, not among them, and in no package that is installed.
sys.path.insert(0, str(CHECKOUT))

from benchmarks import peers  # noqa: E402
from benchmarks.library import Shelved  # noqa: E402
from benchmarks.place import Failure, Place  # noqa: E402
from benchmarks.reads import memory, table, turns  # noqa: E402
from benchmarks.reads.bars import Verdict, verdicts  # noqa: E402
from benchmarks.reads.cases import CASES, READER, Case, Done, State  # noqa: E402
from benchmarks.reads.results import Reading, Results  # noqa: E402
from benchmarks.reads.sides import SIDES, Opened, Shelf, Side  # noqa: E402
from benchmarks.reads.storms import STORMS  # noqa: E402
from benchmarks.weights import write_gguf, write_weights  # noqa: E402

SOME_BYTES = 3_000_000


def bench(folder: Path, *arguments: str) -> dict[str, object]:
    """Run it, check how it ended, and return what it wrote."""
    written = folder / "results.json"
    place = folder / "place"
    place.mkdir()
    always = ("--rounds", "1", "--allow-missing", "--folder", str(place), "--json", str(written))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.read", *always, *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert list(place.iterdir()) == [], "it leaves nothing behind"
    document: dict[str, object] = json.loads(written.read_text())
    bars = document["bars"]
    assert isinstance(bars, list) and bars
    accepted = all(bar["held"] or bar["is_missing"] for bar in bars)
    assert done.returncode == (0 if accepted else 1)
    assert "held" in done.stdout
    return document


def test_a_file_is_read_in_several_ways(tmp_path: Path) -> None:
    document = bench(
        tmp_path,
        *("--size", "2MB", "--seconds", "0.05"),
        *("--sides", "native,passthrough,served-128k,bindfs", "--only", "first,4k-1"),
    )
    missing, cases = document["missing"], document["cases"]
    assert isinstance(missing, dict) and isinstance(cases, dict)
    sides = {"native", "passthrough", "served-128k", "bindfs"} - missing.keys()
    assert sides >= {"native", "served-128k"}, missing
    for name in {"first", "4k-1"} - missing.keys():
        assert cases[name]["sides"].keys() == sides
        (native,) = cases[name]["sides"]["native"]
        assert native["rate"] > 0 and native["requests"] in (0, None)
    (first,) = cases["first"]["sides"]["served-128k"]
    assert first["requests"] is None or first["requests"] >= SOME_BYTES // (2 << 20)
    assert first["copies"] is None or first["copies"] > 1
    if "passthrough" in sides:
        (through,) = cases["first"]["sides"]["passthrough"]
        assert through["requests"] in (0, None)
    count("benchmark", "reads measured", len(cases))  # type: ignore[arg-type]


def test_a_tree_is_listed_and_asked_for(tmp_path: Path) -> None:
    document = bench(tmp_path, "--models", "10", "--sides", "native,served", "--only", "find,stat")
    cases = document["cases"]
    assert isinstance(cases, dict) and cases.keys() == {"find", "stat"}
    for found in cases.values():
        assert found["sides"]["native"][0]["rate"] > 0 and found["sides"]["served"][0]["rate"] > 0


def results(requests: int = 0, copies: float = 1.0, **rates: float) -> Results:
    """Make results of a first read at these speeds; requests and copies are passthrough's."""
    made = Results()
    for side, rate in rates.items():
        its = (requests, copies) if side == "passthrough" else (0, 1.0)
        made.readings["first"][side.replace("_", "-")].append(Reading(rate, 0.1, 0.0, *its))
    return made


def judged(made: Results, bar: str) -> Verdict:
    sides = [side.name for side in SIDES]
    (verdict,) = (each for each in verdicts(made, sides, ["first"]) if each.bar.startswith(bar))
    return verdict


@pytest.mark.parametrize(
    ("bar", "rates", "held"),
    [
        ("at least 0.95x native", {"passthrough": 0.96, "native": 1.0}, True),
        ("at least 0.95x native", {"passthrough": 0.94, "native": 1.0}, False),
        ("at least 0.9x", {"served_128k": 0.95, "bindfs": 1.0, "mergerfs": 0.5}, True),
        ("at least 0.9x", {"served_128k": 0.95, "bindfs": 0.5, "mergerfs": 1.1}, False),
        ("at least 1.3x", {"served": 1.31, "bindfs": 1.0, "mergerfs": 0.5}, True),
        ("at least 1.3x", {"served": 1.29, "bindfs": 1.0, "mergerfs": 0.5}, False),
    ],
)
def test_a_bar_is_held_by_the_better_of_those_it_names(
    bar: str, rates: dict[str, float], held: bool
) -> None:
    verdict = judged(results(**rates), bar)
    assert verdict.held is held and not verdict.is_missing
    assert ("NOT HELD" in table.drawn(results(**rates), [verdict])) is not held


def test_one_read_request_is_too_many() -> None:
    assert judged(results(passthrough=1.0, native=1.0), "no read request").held
    made = results(requests=1, passthrough=1.0, native=1.0)
    assert not judged(made, "no read request").held


def test_a_counter_that_counts_nobody_proves_nothing() -> None:
    verdict = judged(results(passthrough=1.0, native=1.0, served=1.0), "no read request")
    assert not verdict.held and verdict.is_missing


def test_two_copies_in_memory_are_too_many() -> None:
    assert judged(results(passthrough=1.0, native=1.0), "in memory").held
    made = results(copies=2.0, passthrough=1.0, native=1.0)
    assert not judged(made, "in memory").held


def test_what_could_not_be_measured_is_not_held() -> None:
    made = results(native=1.0)
    made.missing["passthrough"] = "no passthrough: the kernel is too old"
    verdict = judged(made, "at least 0.95x native")
    assert not verdict.held and verdict.is_missing and "too old" in verdict.found
    assert "passthrough: not measured: no passthrough" in table.drawn(made, [verdict])


def test_bars_are_only_of_sides_that_were_asked_for() -> None:
    made = results(native=1.0, passthrough=1.0)
    assert {each.side for each in verdicts(made, ["native", "passthrough"], ["first"])} == {
        "passthrough"
    }
    assert verdicts(made, ["native", "served"], ["first"]) == []


def test_a_storm_may_take_twice_the_time() -> None:
    made = Results()
    for side, rate in (("native", 100.0), ("passthrough", 51.0), ("served", 49.0)):
        made.readings["ls"][side].append(Reading(rate, 0.1, 0.0))
    found = {each.side: each for each in verdicts(made, ["native", *made.readings["ls"]], ["ls"])}
    assert found["passthrough"].held and not found["served"].held
    assert found["served"].found.startswith("2.04x")


def test_every_case_and_side_has_its_own_name() -> None:
    names = [each.name for each in (*CASES, *STORMS, *SIDES)]
    assert len(set(names)) == len(names)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    place = Place(tmp_path, SOME_BYTES, cold=False)
    blob, copy = tmp_path / "blob", tmp_path / "copy"
    for path in (blob, copy):
        path.write_bytes(os.urandom(SOME_BYTES))
    shelved = Shelved(blob, copy)
    return Shelf(place, {"safetensors": shelved, "gguf": shelved})


def test_sides_take_turns_and_a_warm_case_has_its_first(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def case(name: str, state: State) -> Case:
        def run(_: Place, file: Path, seconds: float) -> Done:
            ran.append(f"{name} of {file.name}")
            return Done(10, seconds, 0.0)

        return Case(name, name, state, run, lambda: None)

    @contextmanager
    def opened(_: Shelf, path: Path) -> Iterator[Opened]:
        yield Opened({"safetensors": path, "gguf": path})

    @contextmanager
    def absent(_: Shelf) -> Iterator[Opened]:
        raise peers.Missing("no such thing")
        yield

    monkeypatch.setattr(turns, "SESSIONS", ((case("new", "new"), case("again", "warm")),))
    its = shelf.files["safetensors"]
    sides = [
        Side("a", "a", partial(opened, path=its.blob)),
        Side("b", "b", partial(opened, path=its.shown)),
        Side("c", "c", absent),
    ]
    made = Results()
    turns.take_turns(shelf, sides, ["again"], 2, 1.0, made, lambda _: None)
    b, a = ["new of copy", "again of copy"], ["new of blob", "again of blob"]
    assert ran == [*b, *a, *a, *b]
    assert made.missing == {"c": "no such thing"} and made.readings.keys() == {"again"}
    assert [reading.rate for reading in made.of("again", "a")] == [10.0, 10.0]


def test_what_is_in_memory_is_seen(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    # The machine's whole cache is not this test's to drop.
    monkeypatch.setattr(memory, "_DROP", shelf.place.root / "absent")
    files = shelf.files["safetensors"]
    with memory.watched(shelf.place, files.blob, files.shown) as file:
        if file.copies() is None:
            pytest.skip("this kernel has no cachestat (before 6.5)")
        os.sync()
        file.bring()
        assert file.copies() == pytest.approx(1.0, abs=0.01)
        files.shown.read_bytes()
        assert file.copies() == pytest.approx(2.0, abs=0.01)
        file.drop()
        assert file.copies() == 0
        monkeypatch.setattr(memory, "_forget", lambda _: None)
        files.blob.read_bytes()
        with pytest.raises(Failure, match="does not leave"):
            file.drop()


def test_a_case_is_done_anew_when_the_cache_was_emptied(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = shelf.files["gguf"].blob
    ran: list[float] = []
    with memory.watched(shelf.place, blob, blob) as file:
        if file.copies() is None:
            pytest.skip("this kernel has no cachestat (before 6.5)")

        def run(_: Place, path: Path, seconds: float) -> Done:
            ran.append(file.copies() or 0)
            if len(ran) == 1:
                with monkeypatch.context() as patch:
                    patch.setattr(memory, "_DROP", shelf.place.root / "absent")
                    file.drop()
            return Done(len(ran), seconds, 0.0)

        @contextmanager
        def opened(_: Shelf) -> Iterator[Opened]:
            yield Opened({"safetensors": blob, "gguf": blob})

        case = Case("new", "new", "new", run, lambda: None)
        monkeypatch.setattr(turns, "SESSIONS", ((case,),))
        made = Results()
        turns.take_turns(shelf, [Side("a", "a", opened)], ["new"], 1, 1.0, made, lambda _: None)
    assert ran == [pytest.approx(1.0, abs=0.01)] * 2, "brought into memory before each"
    assert [reading.rate for reading in made.of("new", "a")] == [2.0]


def test_one_file_is_one_copy(shelf: Shelf) -> None:
    blob = shelf.files["gguf"].blob
    with memory.watched(shelf.place, blob, blob) as file:
        if file.copies() is None:
            pytest.skip("this kernel has no cachestat (before 6.5)")
        blob.read_bytes()
        assert file.copies() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("how", ["read", "map", "safetensors", "gguf"])
def test_a_reader_reads_all_of_it(tmp_path: Path, how: str) -> None:
    for module in {"map": ["numpy"], "read": []}.get(how, ["numpy", how]):
        pytest.importorskip(module, reason=f"{module} is not installed: .[clients]")
    path = tmp_path / "weights"
    (write_gguf if how == "gguf" else write_weights)(path, SOME_BYTES, tensors=3)
    done = subprocess.run([sys.executable, READER, how, path], capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert found["amount"] == pytest.approx(SOME_BYTES, rel=0.01)
    assert found["seconds"] > 0 and found["processor_s"] >= 0
