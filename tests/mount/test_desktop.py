"""What desktops, shells and ``ls`` ask for everywhere costs the mount next to nothing."""

import os
import subprocess
import sys

from .conftest import Home, wait_for

_COUNTING = """
import sys
from modelfs.fs import operations
def counted(name):
    handler = getattr(operations.Operations, name)
    async def count(self, *arguments):
        print("request", name, *arguments[1:2], file=sys.stderr, flush=True)
        return await handler(self, *arguments)
    setattr(operations.Operations, name, count)
counted("lookup")
counted("getxattr")
from modelfs.fs import process
process.main()
"""


def _mount_counting(home: Home) -> None:
    """Mount with every lookup and every request for an attribute written to the log."""
    reading, writing = os.pipe()
    with open(home.library.paths.mount_log, "wb") as log:
        subprocess.run(
            [sys.executable, "-c", _COUNTING, str(home.library.paths.root), str(writing)],
            pass_fds=[writing], stdout=log, stderr=log, check=True, start_new_session=True,
        )  # fmt: skip
    os.close(writing)
    with open(reading, "rb") as pipe:
        assert b"mounted" in pipe.readline()
    wait_for(lambda: home.state().mounted, "mounted")


def _requests(home: Home, text: str) -> int:
    return sum(line.startswith("request") and text in line for line in home.log().splitlines())


def test_names_that_desktops_probe_are_asked_for_once(home: Home) -> None:
    home.add("one.gguf", b"GGUF", "language/llm", ["x"])
    _mount_counting(home)
    for _ in range(20):
        assert not (home.mountpoint / "autorun.inf").exists()
        assert not (home.mountpoint / "by-tag" / ".Trash-1000").exists()
        assert not (home.mountpoint / "by-tag" / "absent").exists()
    assert _requests(home, "autorun.inf") == 1
    assert _requests(home, ".Trash-1000") == 1
    assert _requests(home, "absent") == 20, "a name that may come must be asked for each time"


def test_ls_asks_for_attributes_of_one_file_only(home: Home) -> None:
    for number in range(20):
        home.add(f"m{number}.gguf", b"GGUF%d" % number, "language/llm")
    _mount_counting(home)
    folder = home.mountpoint / "by-category" / "language" / "llm"
    done = subprocess.run(["ls", "-l", str(folder)], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 21
    assert _requests(home, "getxattr") <= 4
