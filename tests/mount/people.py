"""Users of this machine, made for a test and gone after it, and what they may do."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .conftest import wait_for

FUSE = Path("/dev/fuse")

_READS_ALL = "dac_read_search"
"""The capability that lets a user run the Python of the tests, wherever that is."""


@dataclass(frozen=True)
class Person:
    """An ordinary user."""

    name: str
    uid: int
    gid: int
    home: Path

    def __call__(
        self, *command: str, capabilities: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, with these capabilities and no others."""
        return subprocess.run(
            [*self._become(capabilities), *command],
            capture_output=True, text=True, check=False, timeout=60, env=self._environment(),
        )  # fmt: skip

    def modelfs(
        self, *words: str, capabilities: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of modelfs as this user."""
        program = (sys.executable, "-m", "modelfs", *words)
        return self(*program, capabilities=(_READS_ALL, *capabilities))

    def _become(self, capabilities: tuple[str, ...]) -> list[str]:
        command = ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        if capabilities:
            wanted = ",".join(f"+{name}" for name in capabilities)
            command += [f"--inh-caps={wanted}", f"--ambient-caps={wanted}"]
        return command

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C"}


@contextmanager
def fuse_for_all(folder: Path) -> Iterator[None]:
    """Have a /dev/fuse that everybody may open, as udev makes it; the machine's stays below."""
    node = folder / "fuse"
    os.mknod(node, 0o020666, FUSE.stat().st_rdev)
    node.chmod(0o666)
    subprocess.run(["mount", "--bind", node, FUSE], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", FUSE], check=True)


@contextmanager
def person(name: str) -> Iterator[Person]:
    """Make a user, and remove the user and all that is the user's."""
    home = Path("/tmp") / name
    subprocess.run(["useradd", "--create-home", "--home-dir", str(home), name], check=True)
    status = home.stat()
    try:
        home.chmod(0o755)
        yield Person(name, status.st_uid, status.st_gid, home)
    finally:
        # A mount's process ends a moment after its mount, and who has one is not removed.
        wait_for(lambda: not _has_processes(status.st_uid), f"the processes of {name} to end")
        subprocess.run(["userdel", name], check=True, capture_output=True)
        shutil.rmtree(home)


def _has_processes(uid: int) -> bool:
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if place.stat().st_uid == uid:
                return True
        except OSError:
            continue
    return False


@contextmanager
def owner_of(content: bytes, folder: Path) -> Iterator[Person]:
    """Make a user with a library of one model, ``one.gguf``, which is not mounted."""
    with fuse_for_all(folder), person(f"modelfs-{os.getpid()}") as made:
        original = made.home / "one.gguf"
        original.write_bytes(content)
        original.chmod(0o644)
        for words in (["init"], ["add", str(original), "--category", "language/llm"]):
            done = made.modelfs(*words)
            assert done.returncode == 0, done.stderr
        yield made
