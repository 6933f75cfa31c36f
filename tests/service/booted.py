"""A real systemd that runs in namespaces of its own, with a user who exists only there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mount.conftest import wait_for

CHECKOUT = Path(__file__).parents[2]
BOOT = Path(__file__).with_name("boot.sh")
USER, USER_ID = "ada", 64321
PROGRAM = Path(sys.executable).with_name("modelfs")


@dataclass(frozen=True)
class Booted:
    """The world of that systemd."""

    init: int
    """Its first process, as seen from here."""
    home: Path = Path("/home") / USER

    def run(
        self, *command: str, input: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there as root."""
        enter = ["nsenter", f"--target={self.init}"]
        enter += ["--mount", "--pid", "--ipc", "--uts", "--cgroup", "--wd=/", "--", "env", "-i"]
        path = f"PATH={PROGRAM.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        words = [path, "LC_ALL=C.UTF-8", *(f"{k}={v}" for k, v in environment.items()), *command]
        return subprocess.run(
            enter + words, input=input, capture_output=True, text=True, timeout=60, check=False
        )

    def ok(self, *command: str, **environment: str) -> str:
        """Run a command there as root, which must succeed; return what it says."""
        done = self.run(*command, **environment)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{self.log()}"
        return done.stdout

    def as_user(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command there as the user."""
        variables = {"HOME": str(self.home), "XDG_RUNTIME_DIR": f"/run/user/{USER_ID}"}
        # With no capability: what started the tests may have handed down some.
        become = [f"--reuid={USER}", f"--regid={USER_ID}", "--clear-groups", "--inh-caps=-all"]
        return self.run("setpriv", *become, *command, **variables)

    def user_ok(self, *command: str) -> str:
        """Run a command there as the user, which must succeed; return what it says."""
        done = self.as_user(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{self.log()}"
        return done.stdout

    def log(self) -> str:
        """Return what the units have said."""
        return self.run("cat", "/run/test/log").stdout

    def put(self, path: str, text: str) -> None:
        """Write a file there."""
        self.run("mkdir", "-p", str(Path(path).parent))
        self.run("tee", path, input=text)

    def is_mounted(self, mountpoint: str) -> bool:
        """Say whether something is mounted there, by the kernel's own list of that world."""
        return f" {mountpoint} " in Path(f"/proc/{self.init}/mountinfo").read_text()


@contextmanager
def booted(folder: Path) -> Iterator[Booted]:
    """Boot one, and leave nothing of it."""
    folder.mkdir()
    with open(folder / "said", "wb") as said:
        process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child",
             "--mount-proc", "sh", str(BOOT), str(folder), USER, str(USER_ID),
             str(CHECKOUT), sys.base_prefix],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", start_new_session=True,
        )  # fmt: skip
    try:
        wait_for(lambda: _child(process.pid), "the namespaces")
        world = Booted(_child(process.pid))

        def is_up() -> bool:
            if process.poll() is not None:
                pytest.fail(f"it did not boot: {(folder / 'said').read_text()}")
            return world.run("systemctl", "is-system-running").stdout.strip() == "running"

        wait_for(is_up, "systemd")
        yield world
    finally:
        process.kill()
        process.wait()
        _remove_groups(folder)


def _child(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    except (OSError, IndexError):
        return 0


def _remove_groups(folder: Path) -> None:
    """Remove the groups of processes, once the last process is gone."""
    try:
        name = Path((folder / "group").read_text().strip()).name
    except FileNotFoundError:
        return
    script = (
        'mount -t cgroup2 none "$1" && cd "$1" && '
        'find "$2" -depth -type d -exec rmdir {} + 2>/dev/null; test ! -e "$2"'
    )
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(folder / "groups"), name]
    wait_for(lambda: subprocess.run(command, cwd="/").returncode == 0, "no process is left")


assert os.geteuid() == 0, "namespaces and mounts are root's to make"
