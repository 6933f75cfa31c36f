"""Running the programs in ``clients/``: each in a process of its own, asked and answering in JSON.

The tests' own process never maps a file of the mount: while it waits for a page it holds Python's
lock, so that a mount that hangs would hang the test run with it.
"""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

CLIENTS = Path(__file__).parent / "clients"
_TIMEOUT_S = 240.0
_ONLY_ON_3_11 = {"torch", "transformers", "sentence_transformers"}


def needs(*modules: str) -> None:
    """Skip a test whose client does not exist for this Python.

    The extra ``clients`` installs all others, so one of those that is missing is a failure.
    """
    absent = _ONLY_ON_3_11.intersection(modules)
    if absent and sys.version_info[:2] != (3, 11):
        version = ".".join(map(str, sys.version_info[:2]))
        pytest.skip(f"{', '.join(sorted(absent))}: not installed for Python {version}")


class Client:
    """One running client. Ended when the ``with`` ends, whatever it is doing."""

    def __init__(self, script: str, environment: dict[str, str], request: dict[str, Any]) -> None:
        self._script = script
        text = json.dumps(request, default=str)
        self._process = subprocess.Popen(
            [sys.executable, CLIENTS / f"{script}.py", text],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def said(self) -> str:
        """Wait for one line, and return it."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def answer(self) -> Any:
        """Let it go on if it waits, wait for its end, and return its answer: its last line."""
        out, err = self._process.communicate("go on\n", timeout=_TIMEOUT_S)
        assert self._process.returncode == 0, f"{self._script}: {self._process.returncode}\n{err}"
        return json.loads(out.splitlines()[-1])


def ask(script: str, environment: dict[str, str], **request: Any) -> Any:
    """Run one client to its end and return its answer."""
    with Client(script, environment, request) as client:
        return client.answer()
