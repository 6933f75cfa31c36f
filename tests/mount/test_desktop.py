"""What desktops, shells and ``ls`` ask for everywhere costs the mount next to nothing."""

import subprocess

from .conftest import Home

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
"""


def _requests(home: Home, text: str) -> int:
    return sum(line.startswith("request") and text in line for line in home.log().splitlines())


def test_names_that_desktops_probe_are_asked_for_once(home: Home) -> None:
    home.add("one.gguf", b"GGUF", "language/llm", ["x"])
    home.mount_with(_COUNTING)
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
    home.mount_with(_COUNTING)
    folder = home.mountpoint / "by-category" / "language" / "llm"
    done = subprocess.run(["ls", "-l", str(folder)], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 21
    assert _requests(home, "getxattr") <= 4
