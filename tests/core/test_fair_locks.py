"""Nobody waits for ever: neither who wants to be alone among many, nor who writes now and then."""

import subprocess
import sys
import threading
import time
from pathlib import Path

from core.processes import environment
from faults.tally import count
from modelfs import locks
from modelfs.catalog import edit, models
from modelfs.catalog.filters import Filter
from modelfs.catalog.records import NewFile, NewModel
from modelfs.library import Library
from modelfs.types import BlobId, Facts

HOLD_S = 0.05
"""For how long each of many shares a lock; while one does, others begin."""

TAG_WITHOUT_A_PAUSE = """
import sys, time
from pathlib import Path
from modelfs.catalog import edit, models
from modelfs.catalog.database import Catalog
from modelfs.catalog.filters import Filter
catalog = Catalog.open(Path(sys.argv[1]))
done = 0
until = time.monotonic() + float(sys.argv[2])
print("begun", flush=True)
while time.monotonic() < until:
    with catalog.write():
        (model,) = models.find(catalog, Filter())
        edit.tag(catalog, model, ["theirs"])
    done += 1
print(done)
"""


def test_one_who_wants_to_be_alone_gets_in_among_many_who_share(tmp_path: Path) -> None:
    lock, over = tmp_path / "lock", threading.Event()

    def share() -> None:
        while not over.is_set():
            with locks.hold(lock, exclusive=False, timeout_s=60):
                over.wait(HOLD_S)

    # Threads stand for processes: flock belongs to the open file, and each opens its own.
    sharers = [threading.Thread(target=share) for _ in range(4)]
    for sharer in sharers:
        sharer.start()
    try:
        waits = [_wait_to_be_alone(lock) for _ in range(20)]
    finally:
        over.set()
        for sharer in sharers:
            sharer.join()
    count("operation", "locks: alone among many who share", len(waits))
    assert max(waits) < 20 * HOLD_S, "one holder's time, and room for a busy machine"


def _wait_to_be_alone(lock: Path) -> float:
    started = time.monotonic()
    with locks.hold(lock, exclusive=True, timeout_s=5):
        return time.monotonic() - started


def test_those_who_share_get_in_beside_one_who_is_alone_again_and_again(tmp_path: Path) -> None:
    lock, over = tmp_path / "lock", threading.Event()

    def exclude() -> None:
        while not over.is_set():
            with locks.hold(lock, exclusive=True, timeout_s=60):
                over.wait(HOLD_S)

    excluder = threading.Thread(target=exclude)
    excluder.start()
    try:
        for _ in range(20):
            started = time.monotonic()
            with locks.hold(lock, exclusive=False, timeout_s=5):
                assert time.monotonic() - started < 20 * HOLD_S
    finally:
        over.set()
        excluder.join()


def test_a_writer_has_its_turn_beside_one_who_writes_without_a_pause(library: Library) -> None:
    catalog = library.catalog
    file = NewFile("a.gguf", BlobId("a" * 32), 1, "sample", None, 0)
    new = NewModel("a", ".gguf", "language/llm", "user", "local:a", Facts(), [file], [], [])
    with catalog.write():
        edit.add_model(catalog, new)
    ours, seconds = 0, 3.0
    command = [sys.executable, "-c", TAG_WITHOUT_A_PAUSE, str(catalog.file), str(seconds)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "begun\n"
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with catalog.write():
                (model,) = models.find(catalog, Filter())
                edit.tag(catalog, model, ["ours"])
            ours += 1
        theirs = int(other.stdout.readline())
    count("operation", "catalogue: writes beside another writer", ours)
    assert ours > theirs / 10
