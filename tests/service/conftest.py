"""A library to serve, and a machine whose programs write down how they are called."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.conftest import program
from modelfs.fs import mountinfo
from modelfs.fs.launch import stop
from modelfs.library import create_library, open_library
from mount.conftest import Home, home, read_path

__all__ = ["Home", "home", "program", "read_path"]

# /run is the machine's own: what is booted by systemd has a folder there.
_WITH_SYSTEMD = (
    'mount -t tmpfs none /run && mkdir -p /run/systemd/system && PATH="$0:$PATH" exec "$@"'
)


@dataclass(frozen=True)
class Fakery:
    """A machine with a systemd that only writes down what is asked of it."""

    bin: Path
    calls_file: Path
    config: Path

    def put(self, name: str, body: str) -> None:
        """Make a program that writes down its call, and does this then."""
        program = self.bin / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.calls_file}"\n{body}\n')
        program.chmod(0o755)

    def calls(self) -> list[str]:
        """Return the calls so far, and forget them."""
        lines = self.calls_file.read_text().splitlines()
        self.calls_file.write_text("")
        return lines

    def modelfs(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command of modelfs on that machine."""
        command = ["unshare", "--mount", "sh", "-c", _WITH_SYSTEMD, str(self.bin)]
        done = subprocess.run(
            [*command, sys.executable, "-m", "modelfs", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    @property
    def units(self) -> Path:
        return self.config / "systemd" / "user"


@pytest.fixture
def fakery(
    tmp_path: Path, temporary_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Fakery]:
    """A library, and such a machine."""
    monkeypatch.setenv("MODELFS_LIBRARY", str(tmp_path / "store"))
    create_library(tmp_path / "store", tmp_path / "models").close()
    made = Fakery(tmp_path / "bin", tmp_path / "calls", Path(os.environ["XDG_CONFIG_HOME"]))
    made.bin.mkdir()
    made.calls_file.touch()
    made.put("systemctl", "")
    yield made
    with open_library() as library:
        stop(library, lazy=True)
    assert not mountinfo.mounts_at(tmp_path / "models")
