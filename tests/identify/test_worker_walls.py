"""The process that follows pickles can reach nothing: no file, no socket, no import, no program."""

import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelfs.identify.pickles.process import Inspector

HOSTILE = b"\x80\x02cposix\nsystem\n(S'touch /tmp/never'\ntR."
FOLLOW = """
import sys
from modelfs.identify.pickles import inspect
sys.stdout.write("ready\\n")
for name in sys.argv[1:]:
    print(inspect(open(name, "rb").read(), several=True).verdict)
"""


def test_following_a_hostile_pickle_opens_and_starts_nothing(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    assert strace, "test.sh installs it"
    pickled, trace = tmp_path / "p", tmp_path / "trace"
    pickled.write_bytes(HOSTILE)
    watched = "open,openat,openat2,socket,connect,execve,fork,vfork,clone,clone3,unlink,prlimit64"
    done = subprocess.run(
        [
            *(strace, "-f", "-e", f"trace={watched}", "-o", str(trace)),
            *(sys.executable, "-c", FOLLOW, str(pickled)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "would run code when loaded: posix.system" in done.stdout
    lines = trace.read_text().splitlines()
    (shut,) = (n for n, line in enumerate(lines) if "RLIMIT_NOFILE, {rlim_cur=0" in line)
    worker = lines[shut].split()[0]
    after = [line for line in lines[shut + 1 :] if line.split()[0] == worker]
    harmless = ("prlimit64", "+++ exited", "+++ killed", "--- SIG")
    assert [line for line in after if not any(mark in line for mark in harmless)] == []


def _limits_of(inspector: Inspector) -> dict[str, str]:
    assert inspector.inspect(b"\x80\x02}.").problem == ""
    assert inspector._process is not None
    text = Path(f"/proc/{inspector._process.pid}/limits").read_text()
    return {line[:26].strip(): line[26:].split()[0] for line in text.splitlines()[1:]}


def test_the_worker_has_given_up_files_processes_and_memory() -> None:
    inspector = Inspector()
    try:
        limits = _limits_of(inspector)
        assert limits["Max open files"] == "0"
        assert limits["Max file size"] == "0"
        assert limits["Max core file size"] == "0"
        assert int(limits["Max address space"]) < 1 << 30
        assert inspector._process is not None
        held = os.listdir(f"/proc/{inspector._process.pid}/fd")
        assert sorted(held, key=int) == ["0", "1", "2"], "nothing of ours is open there"
    finally:
        inspector.close()


def test_the_worker_ends_with_its_parent() -> None:
    code = (
        "import os\nfrom modelfs.identify.pickles import process\n"
        "process.inspect(b'\\x80\\x02}.')\n"
        "print(process._inspector._process.pid, flush=True)\nos._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ready = select.poll()
    ready.register(handle, select.POLLIN)
    assert ready.poll(10_000), "it goes on without its parent"
    os.close(handle)


@pytest.mark.parametrize("name", ["open('/etc/passwd')", "__import__('socket').socket()"])
def test_even_code_that_ran_there_could_open_nothing(name: str) -> None:
    folder = (
        Path(__import__("modelfs.identify.pickles.process").__file__).parent / "identify/pickles"
    )
    start = (
        "import sys, types, socket\n"
        "for name in ('modelfs', 'modelfs.identify', 'modelfs.identify.pickles'):\n"
        "    sys.modules[name] = types.ModuleType(name); sys.modules[name].__path__ = []\n"
        f"sys.modules[name].__path__.append({str(folder)!r})\n"
        "from modelfs.identify.pickles import worker\n"
        f"worker._close_doors()\ntry:\n    {name}\nexcept OSError as e:\n    print(e.errno)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", start], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "24", "EMFILE: no descriptor is to be had"
