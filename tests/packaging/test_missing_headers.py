"""Without what pyfuse3 is compiled with, pip says in one line what to install."""

import os
import shutil
import subprocess
import venv
from collections.abc import Mapping
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment without pyfuse3."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True, symlinks=True)
    return folder / "bin" / "python"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy, since a build writes into its tree."""
    copy = tmp_path / "checkout"
    unwanted = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(CHECKOUT / "src", copy / "src", ignore=unwanted)
    for file in CHECKOUT.iterdir():
        if file.is_file():
            shutil.copy(file, copy)
    return copy


@pytest.fixture
def no_headers(tmp_path: Path) -> dict[str, str]:
    """An environment in which pkg-config knows no library."""
    (tmp_path / "pkgconfig").mkdir()
    without = {k: v for k, v in os.environ.items() if not k.startswith("PKG_CONFIG")}
    return {**without, "PKG_CONFIG_LIBDIR": str(tmp_path / "pkgconfig")}


def run(environment: Mapping[str, str], *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def lines_of_ours(output: str) -> list[str]:
    """Return what setup.py said: pip shows a failed step's output between these two lines."""
    lines = [line.strip(" │") for line in output.splitlines()]
    start = next(i for i, line in enumerate(lines) if "lines of output]" in line)
    return lines[start + 1 : lines.index("[end of output]")]


@pytest.mark.parametrize("how", [[], ["--editable"]])
def test_pip_shows_one_line_and_fetches_nothing(
    python: Path, checkout: Path, no_headers: dict[str, str], how: list[str]
) -> None:
    done = run(no_headers, python, "-m", "pip", "install", *how, checkout)
    assert done.returncode == 1
    [line] = lines_of_ours(done.stderr)
    assert "apt install libfuse3-dev (Debian, Ubuntu)" in line
    assert "dnf install fuse3-devel (Fedora)" in line
    assert "pacman -S fuse3 (Arch)" in line
    assert "Collecting pyfuse3" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_missing_pkg_config_and_compiler_are_named_too(
    python: Path, checkout: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "CC"} | {"PATH": str(empty)}
    done = run(environment, python, "-m", "pip", "install", checkout)
    [line] = lines_of_ours(done.stderr)
    assert "apt install libfuse3-dev pkg-config gcc (Debian, Ubuntu)" in line


def test_an_installed_pyfuse3_needs_no_headers(
    python: Path, checkout: Path, no_headers: dict[str, str]
) -> None:
    question = "import sysconfig; print(sysconfig.get_path('platlib'))"
    packages = Path(run(no_headers, python, "-c", question).stdout.strip())
    stand_in = packages / "pyfuse3"
    stand_in.mkdir()
    (stand_in / "__init__.py").touch()
    try:
        done = run(no_headers, python, "-m", "pip", "install", "--no-deps", checkout)
    finally:
        shutil.rmtree(stand_in)
    assert done.returncode == 0, done.stderr


def test_a_release_is_built_without_headers(
    python: Path, checkout: Path, no_headers: dict[str, str], tmp_path: Path
) -> None:
    got = run(no_headers, python, "-m", "pip", "install", "build")
    assert got.returncode == 0, got.stderr
    done = run(no_headers, python, "-m", "build", "--outdir", tmp_path / "dist", checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(file.suffix for file in (tmp_path / "dist").iterdir()) == [".gz", ".whl"]
