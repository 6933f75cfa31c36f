"""Asking the CLI for help must not cost the start of what only the mount or a download needs."""

import json
import subprocess
import sys

HEAVY = ("apsw", "huggingface_hub", "pyfuse3", "trio", "PySide6")

QUESTION = f"""
import json, sys
import modelfs.cli.main
loaded = {{name.partition(".")[0] for name in sys.modules}}
print(json.dumps(sorted(loaded & set({HEAVY!r}))))
"""


def test_importing_the_cli_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", QUESTION], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_help_loads_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "modelfs", "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.split("\n")
    }
    assert "typer" in imported
    assert imported.isdisjoint(HEAVY)
