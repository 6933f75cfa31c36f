"""A second process with the same library open: it does deeds on request, and can be killed in one.

Requests and answers are lines of JSON over pipes. Killed means SIGKILL by its own hand before a
given call to the outside world (SQLite, files, locks), so that a program of steps dies at the same
point each time and can be shrunk.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from core.processes import environment
from core.reference.deeds import Doer
from modelfs.library import open_library

_OUTSIDE = {"posix", "fcntl", "io", "apsw", "Connection", "Cursor", "DirEntry"}
_TESTS = Path(__file__).parents[2]


class Neighbour:
    """The other process, as this one sees it."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._process: subprocess.Popen[str] | None = None

    def perform(
        self, deed: str, arguments: Mapping[str, Any], die_at: int = 0
    ) -> dict[str, Any] | None:
        """Have a deed done; None when it died before it could answer."""
        return self._ask({"deed": deed, "arguments": arguments, "die_at": die_at})

    def reopen(self) -> None:
        """Have it open the library anew, if it runs at all."""
        if self._process is not None:
            assert self._ask({"open": str(self._store)}) is not None

    def leave(self) -> None:
        """Have it close the library, so that its files may be replaced."""
        if self._process is not None:
            assert self._ask({"close": True}) is not None

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._bury()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        if self._process is None:
            self._process = self._start()
            self.reopen()
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if answer:
            found: dict[str, Any] = json.loads(answer)
            return found
        assert process.wait(60) == -signal.SIGKILL, "the neighbour failed by itself"
        self._bury()
        return None

    def _start(self) -> subprocess.Popen[str]:
        known = environment()
        path = f"{known['PYTHONPATH']}:{_TESTS}"
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "core.reference.neighbour"],
            env=known | {"PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _bury(self) -> None:
        assert self._process is not None
        self._process.wait(60)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process = None


class _Fate:
    """Counts the calls that leave the process, and kills it before one of them."""

    def __init__(self, die_at: int) -> None:
        self._left = die_at

    def __call__(self, frame: FrameType, event: str, what: Any) -> None:
        if event != "c_call" or "/modelfs/" not in frame.f_code.co_filename:
            return
        home = type(getattr(what, "__self__", None)).__name__
        if (what.__module__ or home) in _OUTSIDE or home in _OUTSIDE:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def serve() -> None:
    """Answer requests until the other end closes."""
    doer: Doer | None = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: Mapping[str, object] = {}
        if "open" in request or "close" in request:
            if doer is not None:
                doer.library.close()
            doer = Doer(open_library(Path(request["open"]))) if "open" in request else None
        else:
            assert doer is not None
            sys.setprofile(_Fate(request["die_at"]) if request["die_at"] else None)
            answer = doer.perform(request["deed"], request["arguments"])
            sys.setprofile(None)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
