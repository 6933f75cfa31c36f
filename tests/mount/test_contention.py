"""Everybody at once: adders, taggers, removers, collectors, verifiers, readers and remounts.

Nothing that was reported is lost, no byte is wrong, nobody waits in vain, and the mount neither
stalls nor grows.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from core.soundness import assert_sound, every_model, stored
from faults.tally import count
from modelfs.fs.state import mount_state, read_note
from modelfs.library import organise, select
from mount import onlooker, weights
from mount.conftest import Home
from mount.crowd import Crowd

STALL_S = 1.0
"""No answer of a mount that is there takes longer."""

ENDS_WITHIN_S = 60.0
"""After the time is up everybody only finishes a step."""

REMOUNTED = 0.3
"""The part of a run in which the mount is taken away and brought back; then its size is watched."""

MORE_BYTES = 2 << 20
MORE = 1.03
"""What a process that does not leak may gain from one third of a run to the next: the allocator
keeps what the largest step so far needed. A tree that stays with every change is more than this."""

MORE_DESCRIPTORS = 4
"""Several may be open in the middle of a step; one that is never closed is open by the hundred."""


@dataclass
class Run:
    """A run that is over."""

    home: Home
    crowd: Crowd
    started: float
    seconds: float


def play(home: Home, roles: Mapping[str, int], seconds: float) -> Run:
    """Let a crowd loose on a mounted library and see it out."""
    weights.fill(home.originals.parent / "pool")
    anchor = home.add("w1-anchor.safetensors", weights.weights(1), "language/llm")
    organise.pin(home.library, [select.one(home.library, anchor)], pinned=True)
    home.mount()
    assert (home.mountpoint / onlooker.ANCHOR).read_bytes() == weights.weights(1)
    crowd = Crowd(home.library.paths.root)
    started = time.monotonic()
    crowd.enter("remount", 1, started + seconds * REMOUNTED)
    for role, number in roles.items():
        crowd.enter(role, number, started + seconds)
    try:
        crowd.play(lambda: _pid(home), seconds + ENDS_WITHIN_S)
    finally:
        crowd.stop()
    return Run(home, crowd, started, seconds)


def _pid(home: Home) -> int | None:
    note = read_note(home.library.paths)
    return int(str(note["pid"])) if note else None


def assert_all_ended_well(run: Run) -> None:
    """Everybody exited with 0 and complained of nothing."""
    failed = [(a.name, a.process.returncode, a.errors) for a in run.crowd.cast]
    assert [each for each in failed if each[1:] != (0, "")] == []
    assert [line for line in run.home.log().splitlines() if " INFO " not in line] == []


def assert_nothing_is_lost(run: Run) -> None:
    """Every model that was reported and not removed is there, with the bytes it was given."""
    trashed, emptied = set(run.crowd.told("trashed")), set(run.crowd.told("emptied"))
    known = {model.id: model for model in every_model(run.home.library)}
    kept = 0
    for id_, numbers in run.crowd.told("added"):
        if id_ in emptied:
            continue
        model = known[id_]
        assert model.trashed_at is None or id_ in trashed
        assert sorted(weights.number_of(file.path) for file in model.files) == sorted(numbers)
        for path, data in stored(run.home.library, model).items():
            assert data == weights.weights(weights.number_of(path)), model.entry_name
        kept += 1
    assert kept > 0


def assert_the_mount_answered(run: Run) -> float:
    """Nobody had trouble or waited too long but for a remount; return the longest wait."""
    pauses = list(run.crowd.told("pauses"))
    assert pauses
    trouble = [each for each in run.crowd.told("trouble") if not _overlaps(each, pauses)]
    assert trouble == []
    waits = [each for each in run.crowd.told("waits") if not _overlaps(each, pauses)]
    longest: float = max(end - start for start, end in waits)
    assert longest < STALL_S
    return longest


def _overlaps(moment: Sequence[float], pauses: Sequence[Sequence[float]]) -> bool:
    return any(moment[0] <= pause[1] and pause[0] <= moment[1] for pause in pauses)


def assert_nothing_grew(run: Run) -> Iterator[str]:
    """In the time without remounts no process gained memory or descriptors."""
    settled = run.started + run.seconds * REMOUNTED
    for name in run.crowd.watch.sizes:
        if name.startswith("remount"):
            continue
        middle, last = run.crowd.watch.growth(name, settled, run.started + run.seconds)
        yield f"{name}: {middle} -> {last}"
        assert last.memory_bytes <= middle.memory_bytes * MORE + MORE_BYTES, name
        assert last.descriptors <= middle.descriptors + MORE_DESCRIPTORS, name


def judge(run: Run) -> None:
    """Hold a run to everything that it must fulfil."""
    assert_all_ended_well(run)
    for what, times in run.crowd.done().items():
        count("operation", f"all at once: {what}", times)
    assert_nothing_is_lost(run)
    worst = assert_the_mount_answered(run)
    lines = list(assert_nothing_grew(run))
    sys.stdout.write("\n".join([str(run.crowd.done()), f"longest wait {worst:.3f} s", *lines]))
    assert mount_state(run.home.library.paths).mounted
    run.home.umount()
    assert_sound(run.home.library.paths.root)


def test_everybody_at_once(home: Home) -> None:
    roles = {"add": 2, "organise": 1, "remove": 1, "collect": 1, "verify": 1, "read": 1, "probe": 1}
    judge(play(home, roles, 24))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_at_once_for_minutes(home: Home) -> None:
    roles = {"add": 4, "organise": 3, "remove": 2, "collect": 2, "verify": 2, "read": 3, "probe": 1}
    judge(play(home, roles, 300))
