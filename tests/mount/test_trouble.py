"""What the mount withstands: bugs, a broken connection, a stopped process, clocks, haste.

It ends or goes on; nobody who waits for it hangs, and the next ``mount`` is not in the way.
"""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.processes import environment
from modelfs.fs import mountinfo
from modelfs.fs.launch import stop
from modelfs.library import select

from .conftest import BOTH_WAYS, Home, run_python, wait_for

READ_PATHS = BOTH_WAYS
PLACE = "by-tag/x/one.gguf"
CONTENT = bytes(range(256)) * 4000
BROKEN = (errno.ECONNABORTED, errno.ENOTCONN, errno.EIO)
"""What those get whose request nobody answers any more."""


def _mounts(home: Home) -> int:
    return len(mountinfo.mounts_at(home.mountpoint))


def _is_running(pid: int | None) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _errno(home: Home, call: str) -> str:
    """Return how a call on the model's file ends, in a process that is killed if it hangs."""
    script = (
        "import errno, os, sys\n"
        f"try: {call}; print('done')\n"
        "except OSError as error: print(errno.errorcode[error.errno])\n"
    )
    done = run_python(script, str(home.mountpoint / PLACE))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


READ = "open(sys.argv[1], 'rb').read()"

BUGS = {
    "a request is taken": (
        "def bug(whole):\n"
        "    def answered(self, message):\n"
        "        if b'boom' in bytes(message): raise RuntimeError('planted')\n"
        "        return whole(self, message)\n"
        "    return answered\n"
        "relay.Relay._answered = bug(relay.Relay._answered)\n",
        "os.stat(sys.argv[1] + 'boom')",
    ),
    "the device is closed": (
        "import os\n"
        "def bug(whole):\n"
        "    def answered(self, message):\n"
        "        if b'boom' in bytes(message):\n"
        "            print('planted', flush=True); os.close(self.device)\n"
        "        return whole(self, message)\n"
        "    return answered\n"
        "relay.Relay._answered = bug(relay.Relay._answered)\n",
        "os.stat(sys.argv[1] + 'boom')",
    ),
    "a reply is passed on": (
        "def decide(self, reply, inode, handle): raise RuntimeError('planted')\n"
        "relay.Relay._decide = decide\n",
        READ,
    ),
    "a read is answered": (
        "def answer(*_): raise RuntimeError('planted')\n"
        "relay.Reads.answer = answer\n"
        "relay.Relay._decide = lambda *_: True\n",  # so that reads come here on both ways
        READ,
    ),
    "a cold read is answered": (
        "def cold(*_): raise RuntimeError('planted')\n"
        "reads.Reads._send_cold = cold\n"
        "reads._is_in_memory = lambda *_: False\n"
        "relay.Relay._decide = lambda *_: True\n",
        READ,
    ),
}


@pytest.mark.parametrize("where", BUGS)
def test_a_bug_in_the_relay_ends_the_mount_and_nobody_hangs(home: Home, where: str) -> None:
    home.add("one.gguf", CONTENT, "language/llm", ["x"])
    script, call = BUGS[where]
    home.mount_with("from modelfs.fs.kernel import relay, reads\n" + script)
    pid = home.state().pid
    assert _errno(home, call) in [errno.errorcode[number] for number in BROKEN]
    wait_for(lambda: not _is_running(pid), "the process to end")
    assert "planted" in home.log()
    assert not _mounts(home), "nothing dead stays behind"
    assert home.mount().mounted
    assert (home.mountpoint / PLACE).read_bytes() == CONTENT


@contextmanager
def _connection(home: Home, tmp_path: Path) -> Iterator[Path]:
    """The kernel's own controls of the mount."""
    controls = tmp_path / "controls"
    controls.mkdir()
    subprocess.run(["mount", "-t", "fusectl", "none", controls], check=True)
    try:
        (mount,) = mountinfo.mounts_at(home.mountpoint)
        yield controls / mount.device.partition(":")[2]
    finally:
        subprocess.run(["umount", "-l", controls], check=True)


SLOW = (
    "import os, time\n"
    "from modelfs.fs import operations\n"
    "whole = operations.open_blob\n"
    "def open_blob(store, node):\n"
    "    print('SLOW', flush=True)\n"
    "    while not os.path.exists({gate!r}): time.sleep(0.01)\n"
    "    return whole(store, node)\n"
    "operations.open_blob = open_blob\n"
)


def test_a_connection_that_is_aborted_ends_the_process_and_frees_who_waits(
    home: Home, tmp_path: Path
) -> None:
    home.add("one.gguf", CONTENT, "language/llm", ["x"])
    gate = tmp_path / "gate"
    home.mount_with(SLOW.format(gate=str(gate)))
    pid = home.state().pid
    waiting = subprocess.Popen(["cat", home.mountpoint / PLACE], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: "SLOW" in home.log(), "a request that is not answered")
    with _connection(home, tmp_path) as connection:
        (connection / "abort").write_text("1")
        _, errors = waiting.communicate(timeout=10)
        assert "connection" in errors.lower() or "not connected" in errors, errors
    gate.touch()
    wait_for(lambda: not _is_running(pid), "the process to end")
    assert not _mounts(home)
    assert home.mount().mounted
    assert (home.mountpoint / PLACE).read_bytes() == CONTENT


def test_who_reads_while_the_process_is_stopped_goes_on_or_waits(
    home: Home, read_path: str
) -> None:
    home.add("one.gguf", CONTENT, "language/llm", ["x"])
    home.mount()
    pid = home.state().pid
    assert pid is not None
    script = (
        "import sys\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    print('open', flush=True); input()\n"
        "    print(file.read() == bytes(range(256)) * 4000, flush=True)\n"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", script, home.mountpoint / PLACE],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert reader.stdin is not None and reader.stdout is not None
    assert reader.stdout.readline() == "open\n"
    os.kill(pid, signal.SIGSTOP)
    try:
        reader.stdin.write("\n")
        reader.stdin.flush()
        if read_path == "auto":
            assert reader.stdout.readline() == "True\n", "the kernel reads by itself"
    finally:
        os.kill(pid, signal.SIGCONT)
    out, _ = reader.communicate(timeout=20)
    assert out == ("" if read_path == "auto" else "True\n") and reader.returncode == 0
    assert home.state().mounted


YEAR_S = 365 * 86400


@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S], ids=["a year on", "a year back"])
def test_a_clock_that_jumps_changes_nothing_but_the_times(home: Home, jump_s: int) -> None:
    """As after a long sleep, or when the time is set: what waits goes by another clock."""
    home.add("one.gguf", CONTENT, "language/llm", ["x"])
    jump = home.originals.parent / "jump"
    home.mount_with(
        "import os, time\n"
        "whole, whole_ns = time.time, time.time_ns\n"
        f"def jumped(): return {jump_s} if os.path.exists({str(jump)!r}) else 0\n"
        "time.time = lambda: whole() + jumped()\n"
        "time.time_ns = lambda: whole_ns() + jumped() * 10**9\n"
        "from modelfs.fs import daemon; daemon._COUNT_S = 0.1\n"
    )
    place = home.mountpoint / PLACE
    assert place.read_bytes() == CONTENT

    def used_at() -> float:
        return select.one(home.library, "one.gguf").last_used_at or 0.0

    wait_for(used_at, "the first use")
    before = used_at()
    jump.touch()
    home.add("two.gguf", b"GGUF2", "language/llm", ["x"])
    wait_for((home.mountpoint / "by-tag/x/two.gguf").exists, "the change", 2.0)
    assert place.read_bytes() == CONTENT
    opened = "import sys; open(sys.argv[1], 'rb').read()"
    assert run_python(opened, str(home.mountpoint / "by-tag/x/two.gguf")).returncode == 0
    wait_for(lambda: select.one(home.library, "two.gguf").last_used_at, "the use to be counted")
    assert used_at() >= before
    assert home.state().mounted and "ERROR" not in home.log()
    pid = home.state().pid
    home.umount()
    wait_for(lambda: not _is_running(pid), "the process to end")


@pytest.mark.parametrize("command", [["umount"], ["fusermount3", "-uz"]], ids=lambda c: c[0])
def test_whoever_unmounts_it_the_process_ends(home: Home, command: list[str]) -> None:
    home.add("one.gguf", CONTENT, "language/llm", ["x"])
    home.mount()
    pid = home.state().pid
    assert (home.mountpoint / PLACE).read_bytes() == CONTENT
    subprocess.run([*command, home.mountpoint], check=True)
    wait_for(lambda: not _is_running(pid), "the process to end")
    state = home.state()
    assert not state.mounted and not state.problem and not _mounts(home)
    assert "ERROR" not in home.log() and "Traceback" not in home.log()
    assert home.mount().mounted


def test_two_who_mount_at_once_get_one_mount(home: Home) -> None:
    home.add("one.gguf", CONTENT, "language/llm", ["x"])
    command = [sys.executable, "-m", "modelfs", "mount"]
    both = [
        subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=60)[1] for process in both]
    failed = [error for process, error in zip(both, errors, strict=True) if process.returncode]
    assert len(failed) <= 1 and all("mounted already" in error for error in failed), errors
    assert _mounts(home) == 1 and home.state().mounted
    assert (home.mountpoint / PLACE).read_bytes() == CONTENT


def _memory_bytes(home: Home) -> int:
    pages = int(Path(f"/proc/{home.state().pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _look_up(home: Home, number: int) -> None:
    script = (
        "import os, sys\n"
        "for number in range(int(sys.argv[2])):\n"
        "    try: os.stat(f'{sys.argv[1]}-{number}')\n"
        "    except FileNotFoundError: pass\n"
        "os.stat(sys.argv[1])\n"
    )
    done = run_python(script, str(home.mountpoint / PLACE), str(number))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("number", [10_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_lookups_leave_nothing_in_memory(home: Home, number: int) -> None:
    home.add("one.gguf", CONTENT, "language/llm", ["x"])
    home.mount()
    _look_up(home, 2000)
    before, started = _memory_bytes(home), time.monotonic()
    _look_up(home, number)
    grown = _memory_bytes(home) - before
    # A hundred bytes for each would be a megabyte for ten thousand.
    assert grown < max(1 << 20, number * 20), (grown, time.monotonic() - started)


def test_told_to_stop_it_does_not_wait_for_a_disk_that_does_not_answer(
    home: Home, tmp_path: Path
) -> None:
    home.add("one.gguf", CONTENT, "language/llm", ["x"])
    home.mount_with(SLOW.format(gate=str(tmp_path / "never")))
    pid = home.state().pid
    assert pid is not None
    waiting = subprocess.Popen(["cat", home.mountpoint / PLACE], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: "SLOW" in home.log(), "a request that is not answered")
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not _is_running(pid), "the process to end")
    _, errors = waiting.communicate(timeout=10)
    assert waiting.returncode == 1 and errors
    assert not _mounts(home)


def test_a_mount_that_does_not_answer_is_taken_away_and_who_waits_for_it_is_freed(
    home: Home,
) -> None:
    home.add("one.gguf", CONTENT, "language/llm", ["x"])
    home.mount()
    pid = home.state().pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        waiting = subprocess.Popen(
            ["cat", home.mountpoint / PLACE], stderr=subprocess.PIPE, text=True
        )
        assert stop(home.library, lazy=True)
        _, errors = waiting.communicate(timeout=10)
        assert waiting.returncode == 1 and errors
        assert not _mounts(home)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not _is_running(pid), "the process to end")
