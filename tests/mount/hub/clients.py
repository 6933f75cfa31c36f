"""Versions of huggingface_hub, each installed once into an environment of its own and kept."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

_CHECKOUT = Path(__file__).parents[3]
_SCRIPT = Path(__file__).with_name("ask.py")
INSTALLED = ""
"""The version that the tests run with themselves."""

Call = tuple[str, dict[str, Any]]


def python_of(version: str) -> str:
    """Return the Python that has a version of the client, making it first if need be."""
    if version == INSTALLED:
        return sys.executable
    root = _CHECKOUT / ".cache" / "hub-clients"
    root.mkdir(parents=True, exist_ok=True)
    minor = ".".join(map(str, sys.version_info[:2]))
    folder = root / f"{version}-python{minor}"
    with open(root / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs may share the cache
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(folder)])
            pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check"]
            _run([*pip, "install", "--no-input", "--quiet", f"huggingface_hub=={version}"])
            (folder / "complete").touch()
    return str(folder / "bin/python")


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"


class HubClient:
    """One version of the client, pointed at a cache; its own home is elsewhere and writable."""

    def __init__(self, version: str, cache: Path, home: Path) -> None:
        self._python = python_of(version)
        unwanted = ("HF_", "HUGGING", "PYTHON", "TRANSFORMERS_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
        self._environment = kept | {
            "HF_HOME": str(home / "hf"),
            "HF_HUB_CACHE": str(cache),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def offline(self, *calls: Call) -> list[Any]:
        """Return what each call gives when there is no network."""
        return self._ask(calls, {"HF_HUB_OFFLINE": "1"})

    def online(self, endpoint: str, *calls: Call) -> list[Any]:
        """Return what each call gives with a hub at an address."""
        return self._ask(calls, {"HF_ENDPOINT": endpoint})

    def _ask(self, calls: tuple[Call, ...], more: dict[str, str]) -> list[Any]:
        done = subprocess.run(
            [self._python, str(_SCRIPT), json.dumps(calls)],
            env=self._environment | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        answers = json.loads(done.stdout.splitlines()[-1])
        return [answer.get("gave", answer) for answer in answers]
