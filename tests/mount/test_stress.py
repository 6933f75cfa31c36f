"""Page faults by many processes at once, while the library changes below the mount."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.processes import environment
from faults.tally import count
from modelfs.library import organise, removal, select

from . import toucher
from .conftest import BOTH_WAYS, Home

READ_PATHS = BOTH_WAYS
PROCESSES = 8
STALL_S = 1.0
"""No page takes longer, however many want one. Among other tests it may take twice what it takes
who maps the blob itself at the same time, as the disk and the machine are busy with them."""
CONTROLS = 2
START_S = 2.0
"""How long the processes may take to start."""


def _touch(place: Path, number: int, until: float) -> list[subprocess.Popen[str]]:
    here = environment()
    here["PYTHONPATH"] += f":{Path(__file__).parents[1]}"
    command = [sys.executable, "-W", "error", "-m", "mount.toucher", str(place)]
    return [
        subprocess.Popen(
            [*command, str(seed), str(until)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=here,
        )
        for seed in range(number)
    ]  # fmt: skip


def _change(home: Home, until: float) -> int:
    """Add, retag, rename and remove, with a look at each change so that the kernel knows of it."""
    done = 0
    while time.monotonic() < until:
        name = home.add(f"guest-{done}.gguf", os.urandom(50_000), "language/llm", ["busy"])
        (home.mountpoint / "by-tag/busy" / name).exists()
        os.listdir(home.mountpoint / "by-category/language/llm")
        guest, big = select.one(home.library, name), select.one(home.library, "counters.gguf")
        organise.tag(home.library, [big], [f"t{done % 7}"])
        organise.untag(home.library, [big], [f"t{(done + 3) % 7}"])
        organise.assign(home.library, guest, {"name": f"renamed-{done}.gguf"})
        (home.mountpoint / "by-tag/busy" / f"renamed-{done}.gguf").exists()
        guest = select.one(home.library, f"renamed-{done}.gguf")
        plan = removal.plan_removal(home.library, [guest])
        removal.remove(home.library, plan)
        removal.empty_trash(home.library, plan)
        done += 1
    return done


def _heard(crowd: list[subprocess.Popen[str]]) -> list[dict[str, float]]:
    """What processes say at their end; one that hangs or meets an error fails the test."""
    told = [process.communicate(timeout=30) for process in crowd]
    assert [process.returncode for process in crowd] == [0] * len(crowd), [err for _, err in told]
    return [json.loads(out) for out, _ in told]


def _stress(home: Home, read_path: str, size_bytes: int, seconds: float, *, controls: int) -> None:
    original = home.originals / "counters.gguf"
    toucher.fill(original, size_bytes)
    home.add_path(original, "language/llm", ["x"])
    original.unlink()
    home.mount()
    pid = home.state().pid
    subprocess.run(["sync", "-f", str(home.library.paths.root)], check=True)
    Path("/proc/sys/vm/drop_caches").write_text("1")
    place = home.mountpoint / "by-tag/x/counters.gguf"
    until = time.monotonic() + START_S + seconds
    crowd = _touch(place, PROCESSES, until)
    beside = _touch(home.blob_path("counters.gguf"), controls, until)
    changes = _change(home, until)
    said, plain = _heard(crowd), _heard(beside)
    allowed = max([STALL_S, *(2 * each["longest_s"] for each in plain)])
    assert max(each["longest_s"] for each in said) < allowed, (said, plain)
    assert min(each["touched"] for each in said) > 1000 and changes > 3
    count("operation", f"page touched: {read_path}", int(sum(each["touched"] for each in said)))
    state = home.state()
    assert state.mounted and state.pid == pid
    assert "ERROR" not in home.log() and "Traceback" not in home.log()


def test_page_faults_never_stall_while_the_library_changes(home: Home, read_path: str) -> None:
    _stress(home, read_path, 256 << 20, 4.0, controls=CONTROLS)


@pytest.mark.long
def test_page_faults_never_stall_for_a_minute(home: Home, read_path: str) -> None:
    _stress(home, read_path, 4 << 30, 60.0, controls=0)
