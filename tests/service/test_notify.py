"""The notify protocol, against a real socket and the real ``modelfs mount --foreground``."""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelfs.service import notify
from mount.conftest import DEADLINE_S, Home, wait_for

SLOW_TO_ANSWER = """
import sys
from pathlib import Path
import pyfuse3
from modelfs.fs.operations import Operations
gate, real = Path(sys.argv.pop(1)), Operations.readdir
async def readdir(self, *arguments):
    if not gate.exists():
        raise pyfuse3.FUSEError(5)
    return await real(self, *arguments)
Operations.readdir = readdir
from modelfs.cli.main import run
run()
"""
NOTING_LS = """#!/bin/sh
echo "$PPID $*" >>"{asked}"
exec {ls} "$@"
"""


class Manager:
    """A service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        self.socket.settimeout(DEADLINE_S)

    def hears(self) -> dict[str, str]:
        """Return the next message."""
        lines = self.socket.recv(65536).decode().split("\n")
        return {name: value for name, _, value in (line.partition("=") for line in lines)}

    def has_heard(self) -> bool:
        """Say whether there is a message."""
        return bool(select.select([self.socket], [], [], 0)[0])

    @contextmanager
    def starts(self, *command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Run a service."""
        process = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, notify.SOCKET_VARIABLE: self.address, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.socket.close()


MOUNT = ("-m", "modelfs", "mount", "--foreground")


def test_a_mount_says_when_it_is_ready_and_when_it_ends(home: Home, manager: Manager) -> None:
    home.add("one.gguf", b"GGUF", "language/llm")
    with manager.starts(*MOUNT) as process:
        first = manager.hears()
        assert first["READY"] == "1"
        path = home.state().read_path
        assert first["STATUS"] == f"1 model at {home.mountpoint}, {path}"
        process.send_signal(signal.SIGTERM)
        assert manager.hears() == {"STOPPING": "1", "STATUS": "unmounting"}
        assert process.wait(DEADLINE_S) == 0
    assert not manager.has_heard()


def test_its_status_follows_the_library(
    home: Home, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    with manager.starts(*MOUNT, WATCHDOG_USEC="200000") as process:
        assert manager.hears()["STATUS"].startswith("0 models")
        home.add("one.gguf", b"GGUF", "language/llm")
        wait_for(lambda: manager.hears().get("STATUS", "").startswith("1 model "), "the new one")
        process.send_signal(signal.SIGINT)
        wait_for(lambda: "STOPPING" in manager.hears(), "the end")


def test_it_is_ready_only_when_a_listing_answers_that_another_process_asked_for(
    home: Home, manager: Manager, tmp_path: Path
) -> None:
    asked, gate, ls = tmp_path / "asked", tmp_path / "gate", tmp_path / "bin" / "ls"
    asked.touch()
    ls.parent.mkdir()
    ls.write_text(NOTING_LS.format(asked=asked, ls=shutil.which("ls")))
    ls.chmod(0o755)
    command = ("-c", SLOW_TO_ANSWER, str(gate), "mount", "--foreground")
    with manager.starts(*command, PATH=f"{ls.parent}:{os.environ['PATH']}") as process:
        wait_for(lambda: asked.read_text().count("\n") >= 3, "it is asked again")
        assert not manager.has_heard()
        gate.touch()
        assert manager.hears()["READY"] == "1"
    assert set(asked.read_text().splitlines()) == {f"{process.pid} -A -- {home.mountpoint}"}


def test_who_has_files_open_at_the_end_is_named(home: Home, manager: Manager) -> None:
    with manager.starts(*MOUNT) as process:
        manager.hears()
        user = subprocess.Popen(["sleep", "60"], cwd=home.mountpoint)
        try:
            process.send_signal(signal.SIGTERM)
            assert "STOPPING" in manager.hears()
            who = f"sleep ({user.pid})"
            assert manager.hears() == {"STATUS": f"unmounting, taken away from {who}"}
            assert process.wait(DEADLINE_S) == 0
            assert process.stderr is not None
            assert f"WARNING taken away from {who}" in process.stderr.read()
        finally:
            user.kill()
            user.wait()


def test_the_watchdog_hears_of_a_loop_that_turns(home: Home, manager: Manager) -> None:
    with manager.starts(*MOUNT, WATCHDOG_USEC="200000"):
        manager.hears()
        assert [manager.hears() for _ in range(3)] == [{"WATCHDOG": "1"}] * 3


def test_a_loop_that_stands_still_is_not_heard_of(home: Home, manager: Manager) -> None:
    with manager.starts(*MOUNT, WATCHDOG_USEC="200000") as process:
        manager.hears()
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: _state(process.pid) == "T", "it stands")
        while manager.has_heard():
            manager.hears()
        manager.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            manager.hears()


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_mount_in_the_background_says_nothing_to_the_manager_of_who_began_it(
    home: Home, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(notify.SOCKET_VARIABLE, manager.address)
    home.mount()
    (home.mountpoint / "by-category").stat()
    home.umount()
    assert not manager.has_heard()


def test_an_abstract_address_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager(f"@modelfs-test-{os.getpid()}")
    monkeypatch.setenv(notify.SOCKET_VARIABLE, manager.address)
    assert notify.tell("READY=1", "STATUS=in two\nlines")
    assert manager.hears() == {"READY": "1", "STATUS": "in two lines"}
    manager.socket.close()


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "/nowhere/at/all", "@nobody-listens"])
def test_where_nobody_listens_nothing_is_said(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(notify.SOCKET_VARIABLE, address)
    assert notify.tell("READY=1") is False


def test_the_watchdog_of_another_process_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    assert notify.watchdog_period_s() == 1.5
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert notify.watchdog_period_s() is None
