"""What install.sh does on a machine that lacks something; a machine is a PATH of a few tools."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
TOOLS = ("sh", "cat", "dirname", "env", "mkdir", "readlink", "tail", "wc")

APT = "apt-get install -y --no-install-recommends fuse3 pkg-config libfuse3-dev gcc"


class Machine:
    """A PATH on which only what the test puts there is found; what is called is written down."""

    def __init__(self, root: Path, uid: int) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        self.root = root
        self.calls = root / "calls"
        self.calls.touch()
        for name in TOOLS:
            found = shutil.which(name)
            assert found is not None
            (self.bin / name).symlink_to(found)
        self.put("id", f"echo {uid}")

    def put(self, name: str, body: str) -> None:
        """Make a command of this machine."""
        command = self.bin / name
        command.write_text(f"#!{shutil.which('sh')}\n{body}\n")
        command.chmod(0o755)

    def put_recorder(self, name: str, then: str = ":") -> None:
        """Make a command that writes down how it was called."""
        self.put(name, f'echo "{name} $*" >>"{self.calls}"\n{then}')

    def put_python(self) -> None:
        # Not a link: an interpreter finds its library beside the name it is run by.
        self.put("python3", f'exec "{os.path.realpath(sys.executable)}" "$@"')

    def install(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CHECKOUT / "install.sh", "--no-mount"],
            env={"PATH": str(self.bin), "HOME": str(self.root)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def person(tmp_path: Path) -> Machine:
    return Machine(tmp_path, uid=1000)


@pytest.fixture
def root(tmp_path: Path) -> Machine:
    return Machine(tmp_path, uid=0)


def test_without_sudo_the_command_to_run_is_shown(person: Machine) -> None:
    person.put_python()
    person.put_recorder("apt-get")
    done = person.install()
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith(f"as root run: {APT}")
    assert person.calls.read_text() == ""


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("dnf", "dnf install -y fuse3 pkgconf-pkg-config fuse3-devel gcc"),
        ("pacman", "pacman -S --needed --noconfirm fuse3 pkgconf gcc"),
    ],
)
def test_other_distributions_have_other_names(person: Machine, manager: str, command: str) -> None:
    person.put_python()
    person.put_recorder(manager)
    assert person.install().stderr.rstrip().endswith(f"as root run: {command}")


def test_sudo_is_used_where_it_is(person: Machine) -> None:
    person.put_python()
    person.put_recorder("apt-get")
    person.put("sudo", f'echo sudo >>"{person.calls}"; exec "$@"')
    done = person.install()
    assert "Installing system packages: fuse3 pkg-config libfuse3-dev gcc" in done.stdout
    assert person.calls.read_text().splitlines() == ["sudo", "apt-get update", "sudo", APT]
    assert done.returncode == 1
    assert "still missing after that: fuse3" in done.stderr


def test_a_failed_package_run_shows_its_output_and_the_log(root: Machine) -> None:
    root.put_python()
    root.put_recorder("apt-get", then="echo 'no such package'; exit 100")
    done = root.install()
    assert done.returncode == 100
    assert "no such package" in done.stderr
    assert done.stderr.rstrip().endswith(str(root.root / ".local/share/modelfs-app/install.log"))


def test_a_machine_without_python_gets_one(person: Machine) -> None:
    person.put_recorder("apt-get")
    assert "python3 python3-venv python3-dev fuse3" in person.install().stderr


def test_an_old_python_is_named(person: Machine) -> None:
    person.put("python3", '[ "$1" = --version ] && echo Python 3.10.12 || exit 1')
    person.put_recorder("apt-get")
    done = person.install()
    assert done.returncode == 1
    assert "needs Python 3.11 or newer; this is Python 3.10.12" in done.stderr


def test_the_newest_python_is_chosen_and_gets_its_own_packages(person: Machine) -> None:
    person.put_python()
    # A Python 3.12 without venv and headers.
    person.put("python3.12", "case $2 in *ensurepip*) exit 1 ;; *get_path*) echo /none ;; esac")
    person.put_recorder("apt-get")
    assert "python3.12-venv python3.12-dev fuse3" in person.install().stderr


def test_an_unknown_distribution_is_told_what_is_missing(person: Machine) -> None:
    person.put_python()
    done = person.install()
    assert done.returncode == 1
    assert "fuse3 pkg-config libfuse3-dev gcc" in done.stderr
