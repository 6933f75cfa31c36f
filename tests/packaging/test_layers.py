"""The import contracts of pyproject.toml notice what they forbid."""

import subprocess
import sys
from pathlib import Path

import pytest

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

# Where a forbidden line is planted, and the line.
BREACHES = [
    ("catalog/planted.py", "import modelfs.library"),
    ("store/planted.py", "import modelfs.catalog"),
    ("library/planted.py", "import modelfs.fs"),
    ("planted.py", ""),
    ("library/planted.py", "import trio"),
    ("views/planted.py", "from pyfuse3 import FUSEError"),
    ("library/deep/planted.py", "def late() -> None:\n    import apsw"),
    ("catalog/planted.py", "import sqlite3"),
    ("cli/planted.py", "from PySide6 import QtCore"),
    ("adopt/planted.py", "import huggingface_hub"),
    ("library/planted.py", "import hf_xet"),
    ("library/planted.py", "import http.client"),
]

ALLOWED = [
    ("fs/deep/planted.py", "import pyfuse3, trio"),
    ("catalog/deep/planted.py", "import apsw"),
    ("gui/planted.py", "from PySide6 import QtCore"),
    ("fetch/planted.py", "import huggingface_hub"),
    ("views/planted.py", "import modelfs.catalog"),
    ("cli/planted.py", "import modelfs.fs, modelfs.library"),
]


def lint(tree: Path, path: str, line: str) -> subprocess.CompletedProcess[str]:
    """Check a small package that has every layer, and one module with one line in it."""
    package = tree / "modelfs"
    planted = package / path
    folders = {package / name for name in ("fs", "library", "fetch", "views", "store", "catalog")}
    folders |= {package, planted.parent, package / planted.relative_to(package).parts[0]}
    for folder in folders - {planted}:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
    planted.write_text(line + "\n")
    start = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", start, "--config", str(PYPROJECT), "--no-cache", "--no-logo"],
        cwd=tree,
        env={"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(("path", "line"), BREACHES)
def test_a_forbidden_import_breaks_one_contract(tmp_path: Path, path: str, line: str) -> None:
    done = lint(tmp_path, path, line)
    assert done.returncode == 1
    assert "1 broken." in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(("path", "line"), ALLOWED)
def test_what_a_layer_is_for_is_allowed(tmp_path: Path, path: str, line: str) -> None:
    done = lint(tmp_path, path, line)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("line", ["import sqlite3", "from PySide6 import QtSql"])
def test_a_second_sqlite_is_refused_with_the_reason(tmp_path: Path, line: str) -> None:
    (tmp_path / "planted.py").write_text(line + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(PYPROJECT), "planted.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "TID251" in done.stdout
    assert "drops the first one's locks; use modelfs.catalog" in done.stdout
