"""The worker process from outside: started when first asked, used for many, killed when it is late.

Safe to use from several threads; one pickle at a time.
"""

import atexit
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path

from modelfs.identify.pickles.report import PickleReport, report_of
from modelfs.identify.tables import load_table

MAX_PICKLE_BYTES = 64 << 20
"""600 tensors take 0.1 MB; the largest checkpoints some MB."""
MAX_ANSWER_BYTES = 32 << 20
PATIENCE_S = 8.0

# The worker runs without the program around it: these stand in for the packages above its modules.
_START = """
import sys
for name in ("modelfs", "modelfs.identify", "modelfs.identify.pickles"):
    sys.modules[name] = type(sys)(name)
    sys.modules[name].__path__ = []
sys.modules[name].__path__.append(sys.argv[1])
from modelfs.identify.pickles.worker import main
main()
"""


class _Late(Exception):
    """The worker did not answer in time."""


class _Lost(Exception):
    """The worker is gone, or talks nonsense."""


class Inspector:
    """One worker, started again whenever it was lost."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def inspect(self, data: bytes, *, several: bool = False) -> PickleReport:
        """Return what a pickle names and holds, or several in a row. Never raises for bad bytes."""
        if len(data) > MAX_PICKLE_BYTES:
            return PickleReport(problem="larger than any model's pickle")
        request = len(data).to_bytes(8, "little") + bytes([several]) + data
        with self._lock:
            # One that had others before may have died of them: a new one decides.
            tries = 1 if self._process is None else 2
            for _ in range(tries):
                try:
                    return report_of(json.loads(self._ask(request)))
                except _Late:
                    self._kill()
                    break
                except (_Lost, BrokenPipeError, ValueError, KeyError, TypeError):
                    self._kill()
                except OSError as error:
                    self._kill()
                    return PickleReport(problem=f"it could not be followed: {error.strerror}")
            return PickleReport(problem="following it took too long or too much memory")

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._kill()

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._kill()
            table = load_table("pickles")
            keys = (" ".join(table[name]) for name in ("wrappers", "aside", "inside"))
            python = [sys.executable, "-I", "-S", "-B", "-c"]
            command = [*python, _START, str(Path(__file__).parent), *keys]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env={"PYTHONDONTWRITEBYTECODE": "1"},
            )
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                os.set_blocking(pipe.fileno(), False)
        return self._process

    def _ask(self, request: bytes) -> bytes:
        """Write the request and read the answer, both at once: either side may have to wait."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        deadline = time.monotonic() + self._patience_s
        unsent, got = memoryview(request), bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdin, selectors.EVENT_WRITE)
            ready.register(process.stdout, selectors.EVENT_READ)
            while True:
                left = deadline - time.monotonic()
                events = ready.select(left) if left > 0 else []
                if not events:
                    raise _Late
                for key, _ in events:
                    if key.fileobj is process.stdin:
                        unsent = unsent[os.write(process.stdin.fileno(), unsent[:_PIECE_BYTES]) :]
                        if not unsent:
                            ready.unregister(process.stdin)
                    elif _is_whole(process.stdout.fileno(), got):
                        return bytes(got[4:])


_PIECE_BYTES = 1 << 20


def _is_whole(fd: int, got: bytearray) -> bool:
    """Take what is there of the answer; say whether that is all of it."""
    piece = os.read(fd, _PIECE_BYTES)
    got += piece
    length = int.from_bytes(got[:4], "little")
    if not piece or (len(got) >= 4 and length > MAX_ANSWER_BYTES):
        raise _Lost
    return len(got) >= 4 and len(got) >= 4 + length


_inspector = Inspector()
atexit.register(_inspector.close)


def inspect(data: bytes, *, several: bool = False) -> PickleReport:
    """Return what a pickle names and holds, by the process's own worker."""
    return _inspector.inspect(data, several=several)
