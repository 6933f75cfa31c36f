"""The benchmarks run, whatever peers are here: their machinery must not rot. No bars in tests."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from faults.tally import count

CHECKOUT = Path(__file__).parents[2]
PAIRS = (
    "start-up",
    "move",
    "reflink",
    "copy",
    "annex-copy",
    "annex-move",
    "fetch",
    "fetch-small",
)
# Beside the tests, not among them, and in no package that is installed.
sys.path.insert(0, str(CHECKOUT))

from benchmarks import peers, table  # noqa: E402
from benchmarks.__main__ import PAIRS as ALL_PAIRS  # noqa: E402
from benchmarks.pair import OURS, Bar, Pair, Result, Side, measure  # noqa: E402
from benchmarks.place import Place  # noqa: E402


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_there_is_a_pair_for_each_promise() -> None:
    assert tuple(pair.name for pair in ALL_PAIRS) == PAIRS


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_is_measured_or_says_what_is_missing(tmp_path: Path, name: str) -> None:
    written = tmp_path / "results.json"
    folder = tmp_path / "place"
    folder.mkdir()
    done = bench(
        *("--size", "1MB", "--rounds", "1", "--only", name, "--allow-missing"),
        *("--folder", str(folder), "--json", str(written)),
    )
    assert done.returncode in (0, 1), done.stderr
    (pair,) = json.loads(written.read_text())["pairs"]
    assert pair["name"] == name and name in done.stdout
    if pair["missing"] is None:
        assert len(pair["times_s"][OURS]) == 1 and pair["ratio"] > 0
        assert done.returncode == (0 if pair["held"] else 1)
    else:
        assert pair["missing"] in done.stdout
    assert list(folder.iterdir()) == [], "it leaves nothing behind"
    count("benchmark", "measured" if pair["missing"] is None else "peer missing")


def test_a_missing_peer_is_a_failure_unless_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    strict = bench("--size", "1MB", "--rounds", "1", "--only", "annex-move")
    assert strict.returncode == 1 and "not measured: no git" in strict.stdout
    lenient = bench("--size", "1MB", "--rounds", "1", "--only", "annex-move", "--allow-missing")
    assert lenient.returncode == 0, lenient.stderr


def _sides(
    ran: list[str], **seconds: float
) -> Callable[[Place], AbstractContextManager[list[Side]]]:
    """Make sides that take as long as they are told, and note that they ran."""

    def side(name: str, its: float) -> Side:
        def run() -> float:
            ran.append(name)
            return its

        return Side(name, run)

    @contextmanager
    def sides(_: Place) -> Iterator[list[Side]]:
        yield [side(name, its) for name, its in seconds.items()]

    return sides


def test_sides_take_turns_and_the_fastest_peer_counts(tmp_path: Path) -> None:
    ran: list[str] = []
    sides = _sides(ran, modelfs=3.0, slow=9.0, fast=2.0, shown=1.0)
    pair = Pair("a", "an example", Bar("time", 1.5), ["slow", "fast"], sides)
    result = measure(pair, Place(tmp_path, 1, cold=False), 2)
    first_not_counted = ["shown", "fast", "slow", "modelfs"]
    assert ran == [*first_not_counted, *reversed(first_not_counted), *first_not_counted]
    assert result.times_s["modelfs"] == [3.0, 3.0]
    assert (result.peer, result.ratio, result.held) == ("fast", 1.5, True)
    assert "a: shown 1.000 s" in table.drawn([result])


@pytest.mark.parametrize(
    ("bar", "ours", "theirs", "ratio", "held"),
    [
        (Bar("time", 1.5), 3.1, 2.0, 1.55, False),
        (Bar("time", 1.5), 1.0, 2.0, 0.5, True),
        (Bar("speed", 2), 1.0, 2.0, 2.0, True),
        (Bar("speed", 0.8), 2.0, 1.0, 0.5, False),
    ],
)
def test_a_bar_holds_by_time_or_by_speed(
    bar: Bar, ours: float, theirs: float, ratio: float, held: bool
) -> None:
    pair = Pair("a", "an example", bar, ["peer"], _sides([]))
    result = Result(pair, {OURS: [ours], "peer": [theirs]})
    assert result.ratio == pytest.approx(ratio) and result.held is held
    assert ("NO" in table.drawn([result])) is not held


def test_what_is_not_measured_is_not_held() -> None:
    pair = Pair("a", "an example", Bar("time", 1), ["peer"], _sides([]))
    result = Result(pair, {}, "no peer: install peer")
    assert not result.held and "no peer: install peer" in table.drawn([result])


def test_every_peer_says_its_version() -> None:
    assert all(version for version in peers.versions().values())
