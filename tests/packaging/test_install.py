"""install.sh as a person runs it: a fresh home, paths with spaces, twice."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Home:
    """A person's home, away from that of whoever runs the tests."""

    root: Path

    @property
    def store(self) -> Path:
        return self.root / "my models"

    @property
    def mount(self) -> Path:
        return self.root / "AI folder" / "models"

    @property
    def link(self) -> Path:
        return self.root / "own bin" / "modelfs"

    @property
    def app(self) -> Path:
        return self.root / "da ta" / "modelfs-app"

    def environment(self) -> dict[str, str]:
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("MODELFS_", "XDG_"))}
        folders = {
            "HOME": self.root,
            "XDG_DATA_HOME": self.root / "da ta",
            "XDG_CONFIG_HOME": self.root / "config",
            "XDG_CACHE_HOME": self.root / "cache",
            "XDG_STATE_HOME": self.root / "state",
            "MODELFS_BIN_DIR": self.link.parent,
        }
        # Nothing is missing here, so the system's installer must not be asked for anything.
        path = f"{self.root / 'no apt'}:{ours['PATH']}"
        return ours | {name: str(folder) for name, folder in folders.items()} | {"PATH": path}

    def install(
        self, *options: str | Path, checkout: Path = CHECKOUT, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [checkout / "install.sh", *options],
            cwd=self.root,
            env=self.environment() | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def modelfs(self, *arguments: str | Path) -> str:
        done = subprocess.run(
            [self.link, *arguments],
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.modelfs("status", "--json"))
        return answer

    def mounts(self) -> int:
        """Return how many mounts are stacked on ours."""
        place = str(self.mount).replace(" ", "\\040")
        return Path("/proc/self/mountinfo").read_text().count(f" {place} ")


def make_home(root: Path) -> Home:
    trap = root / "no apt" / "apt-get"
    trap.parent.mkdir(parents=True)
    trap.write_text("#!/bin/sh\necho 'apt-get was called' >&2\nexit 99\n")
    trap.chmod(0o755)
    return Home(root)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


@pytest.fixture(scope="module")
def first_run(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Home, subprocess.CompletedProcess[str]]]:
    home = make_home(tmp_path_factory.mktemp("a home"))
    yield home, home.install("--store", home.store, "--mount", home.mount)
    if home.link.exists():
        subprocess.run([home.link, "umount"], env=home.environment(), capture_output=True)
    if home.mounts():
        subprocess.run(["fusermount3", "-uz", home.mount], check=True)


@pytest.fixture
def installed(first_run: tuple[Home, subprocess.CompletedProcess[str]]) -> Home:
    home, done = first_run
    assert done.returncode == 0, done.stdout + done.stderr
    return home


def test_it_says_what_is_there_and_what_to_type(
    first_run: tuple[Home, subprocess.CompletedProcess[str]],
) -> None:
    home, done = first_run
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (home.store, home.mount, "modelfs add FILE", "modelfs ls", "modelfs doctor"):
        assert str(line) in done.stdout
    assert f'export PATH="{home.link.parent}:$PATH"' in done.stdout
    assert done.stderr == ""


def test_the_linked_command_answers(installed: Home) -> None:
    assert "0.1.0" in installed.modelfs("--version")
    status = installed.status()
    assert status["mounted"] is True
    assert status["store"] == str(installed.store)
    assert status["mountpoint"] == str(installed.mount)


def test_the_mount_shows_its_folders(installed: Home) -> None:
    expected = {"by-category", "by-tag", "by-tool", "inbox"}
    assert expected <= set(os.listdir(installed.mount))


def test_every_file_of_the_package_is_installed(installed: Home) -> None:
    question = "import modelfs, pathlib; print(pathlib.Path(modelfs.__file__).parent)"
    python = installed.app / "venv" / "bin" / "python"
    answer = subprocess.run(
        [python, "-c", question], cwd=installed.root, capture_output=True, text=True, check=True
    )
    package = Path(answer.stdout.strip())
    assert package.is_relative_to(installed.app)
    source = CHECKOUT / "src" / "modelfs"
    files = [f.relative_to(source) for f in source.rglob("*") if f.is_file()]
    missing = [f for f in files if f.suffix != ".pyc" and not (package / f).is_file()]
    assert missing == []


def test_running_again_upgrades_and_keeps_the_library_without_a_network(
    installed: Home, tmp_path: Path
) -> None:
    model = tmp_path / "tiny.bin"
    model.write_bytes(b"not much of a model")
    installed.modelfs("add", model, "--name", "kept")
    newer = tmp_path / "newer checkout"
    shutil.copytree(CHECKOUT / "src", newer / "src")
    for name in ("install.sh", "pyproject.toml", "setup.py", "LICENSE"):
        shutil.copy(CHECKOUT / name, newer)
    (newer / "src" / "modelfs" / "newer.toml").touch()
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}

    done = installed.install(checkout=newer, **offline)

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(installed.app.rglob("newer.toml"))) == 1
    assert not list(newer.rglob("build")), "a build must not write into the checkout"
    assert os.listdir(installed.link.parent) == ["modelfs"]
    assert installed.mounts() == 1
    assert installed.status()["store"] == str(installed.store)
    assert [row["name"] for row in json.loads(installed.modelfs("ls", "--json"))] == ["kept"]


def test_no_mount_leaves_it_unmounted(installed: Home) -> None:
    installed.modelfs("umount")
    done = installed.install("--no-mount")
    assert done.returncode == 0, done.stdout + done.stderr
    assert installed.mounts() == 0
    assert "modelfs mount" in done.stdout
    installed.modelfs("mount")
    assert installed.status()["mounted"] is True


@pytest.mark.parametrize("options", [["--frobnicate"], ["--store"], ["--mount", ""], ["extra"]])
def test_a_wrong_option_is_one_line_and_status_2(home: Home, options: list[str]) -> None:
    done = home.install(*options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert not home.app.exists()


def test_help_names_every_option(home: Home) -> None:
    done = home.install("--help")
    assert done.returncode == 0
    for option in ("--store DIR", "--mount DIR", "--no-mount", "--help", "MODELFS_BIN_DIR"):
        assert option in done.stdout


def test_a_command_that_is_not_ours_is_left_alone(home: Home) -> None:
    home.link.parent.mkdir()
    home.link.write_text("somebody else's")
    done = home.install()
    assert done.returncode == 1
    assert str(home.link) in done.stderr
    assert home.link.read_text() == "somebody else's"
    assert not home.app.exists()
