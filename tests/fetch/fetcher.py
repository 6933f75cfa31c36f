"""Fetches in processes of their own, which tests kill: forked, so that each begins at once.

``python -m fetch.fetcher SCALE`` reads lines of JSON, ``[store, address, tag, place]``: it forks a
child that fetches into the library and, where a place is named, kills itself there. Told are a
line with the child's id, and one with how it ended: its exit code, negative for a signal. The sizes
that transfers go by are divided by ``SCALE``, so that a small file comes as a large one does.
"""

import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from modelfs import durable
from modelfs.catalog import edit, jobs
from modelfs.errors import ModelfsError
from modelfs.fetch import partial, transfer
from modelfs.fetch.finding import source_of
from modelfs.fetch.hub_client import hub
from modelfs.fetch.partial import Partial
from modelfs.fetch.web import Web
from modelfs.library import fetching as fetches
from modelfs.library import filing, open_library
from modelfs.library.addition import AddOptions
from modelfs.library.fetch_plan import ask_source, plan_fetch
from modelfs.library.following import run_or_follow

_TESTS = Path(__file__).parents[1]
_SAID = "said"
"""Beside the store: what the last child had to say of its failure."""


class Fetcher:
    """The side of the test. Use it in a ``with``; ``HF_ENDPOINT`` is that of this moment."""

    def __init__(self, scale: int = 1) -> None:
        path = os.pathsep.join([str(_TESTS), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fetch.fetcher", str(scale)],
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=20)

    def begin(self, store: Path, address: str, *, tag: str = "", dies: str = "") -> int:
        """Begin a fetch and return the process that does it."""
        assert self._process.stdin is not None
        print(json.dumps([str(store), address, tag, dies]), file=self._process.stdin, flush=True)
        return self._line()

    def end(self) -> int:
        """Wait for the end of the fetch that was begun; return its exit code."""
        return self._line()

    def fetch(self, store: Path, address: str, *, tag: str = "", dies: str = "") -> int:
        """Fetch, or die of it; return the exit code."""
        self.begin(store, address, tag=tag, dies=dies)
        return self.end()

    def _line(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


def said(store: Path) -> str:
    """Return what a failed fetch had to say."""
    file = store.parent / _SAID
    return file.read_text() if file.exists() else ""


def fetch(store: Path, address: str, tag: str) -> None:
    """Fetch as ``modelfs add`` does."""
    options = AddOptions(tags=(tag,) if tag else ())
    with open_library(store) as library:
        with Web() as web:
            plan = plan_fetch(library, ask_source(address, web), None, options)
        run_or_follow(library, fetches.create_job(library, plan))


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dying(function: Callable[..., Any], *, first: bool, time: int) -> Callable[..., Any]:
    times = itertools.count(1)

    @wraps(function)
    def dying(*arguments: Any, **named: Any) -> Any:
        is_time = next(times) == time
        if is_time and first:
            _die()
        result = function(*arguments, **named)
        if is_time:
            _die()
        return result

    return dying


PLACES: dict[str, tuple[Any, str, bool, int]] = {
    "a file came": (Partial, "say_whole", True, 1),
    "a file came and is said to be whole": (Partial, "say_whole", False, 1),
    "all came": (Partial, "say_whole", True, 2),
    "all came and is said to be whole": (Partial, "say_whole", False, 2),
    "before filing": (filing, "add", True, 1),
    "before the first rename into blobs": (durable, "rename_without_replacing", True, 1),
    "after the first rename into blobs": (durable, "rename_without_replacing", False, 1),
    "after the last rename into blobs": (durable, "rename_without_replacing", False, 2),
    "in the transaction": (edit, "add_model", False, 1),
    "after the commit": (jobs, "set_filed", True, 1),
    "after the files are said to be filed": (jobs, "set_filed", False, 1),
    "before the job is said to be done": (jobs, "end", True, 1),
    "after the job is said to be done": (jobs, "end", False, 1),
}
"""Where a child may kill itself: before a call, or after it, and at which such call."""


def _child(store: Path, address: str, tag: str, dies: str) -> int:
    if dies:
        where, name, first, time = PLACES[dies]
        setattr(where, name, _dying(getattr(where, name), first=first, time=time))
    try:
        fetch(store, address, tag)
    except ModelfsError as error:
        (store.parent / _SAID).write_text(f"{type(error).__name__}: {error.message}")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BaseException:
        (store.parent / _SAID).write_text(traceback.format_exc())
        return 70
    return 0


def main() -> None:
    """Serve until stdin ends."""
    # Imported here once, and not by every child.
    hub().get_token()
    source_of("hf:maker/model")
    importlib.import_module("huggingface_hub.hf_api")
    scale = int(sys.argv[1])
    for module, name in (
        (transfer, "PART_BYTES"),
        (transfer, "BLOCK_BYTES"),
        (partial, "BLOCK_BYTES"),
        (fetches, "_LARGE_BYTES"),
    ):
        setattr(module, name, getattr(module, name) // scale)
    for line in sys.stdin:
        store, *rest = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_child(Path(store), *rest))
        _say(child)
        _say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
