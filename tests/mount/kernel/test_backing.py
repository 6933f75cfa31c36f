"""Backing ids: one an inode, shared by all who have it open, and none that stays behind."""

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from modelfs.fs.kernel import backing
from modelfs.fs.kernel.backing import Backings, Mode
from modelfs.library import create_library

from ..conftest import Home, wait_for

DEVICE = -1
OPEN, CLOSE = 0x4010E501, 0x4004E502


class Kernel:
    """Stands for the kernel's side of the two calls."""

    def __init__(self) -> None:
        self.live: set[int] = set()
        self.given = 0
        self.refuses: int | None = None

    def __call__(self, device: int, request: int, argument: bytes | bytearray) -> int:
        assert device == DEVICE
        if request == OPEN:
            if self.refuses:
                raise OSError(self.refuses, os.strerror(self.refuses))
            self.given += 1
            self.live.add(self.given)
            return self.given
        assert request == CLOSE
        self.live.remove(int.from_bytes(argument, sys.byteorder))
        return 0


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(fcntl, "ioctl", made)
    return made


@pytest.fixture
def blob(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "blob").write_bytes(b"bytes")
    fd = os.open(tmp_path / "blob", os.O_RDONLY)
    yield fd
    os.close(fd)


def _open(of: Backings, inode: int, handle: int, fd: int, back: bool = True) -> tuple[Mode, int]:
    return of.open(inode, handle, fd, is_blob=True, back=back)


def test_all_opens_of_an_inode_share_an_id_that_goes_with_the_last(
    kernel: Kernel, blob: int
) -> None:
    backings = Backings(DEVICE)
    assert [_open(backings, 5, handle, blob) for handle in (1, 2, 3)] == [(Mode.BACKED, 1)] * 3
    assert _open(backings, 6, 4, blob) == (Mode.BACKED, 2)
    backings.release(5, 1)
    backings.release(5, 3)
    assert kernel.live == {1, 2}
    backings.release(5, 2)
    assert kernel.live == {2} and len(backings) == 1
    assert _open(backings, 5, 5, blob) == (Mode.BACKED, 3)


def test_what_was_not_opened_is_released_without_harm(kernel: Kernel, blob: int) -> None:
    backings = Backings(DEVICE)
    backings.release(5, 1)
    _open(backings, 5, 1, blob)
    backings.release(5, 99)
    backings.release(5, 1)
    backings.release(5, 1)
    assert not kernel.live and len(backings) == 0


def test_an_inode_that_is_served_first_stays_so_while_it_is_open(kernel: Kernel, blob: int) -> None:
    backings = Backings(DEVICE)
    assert _open(backings, 5, 1, blob, back=False)[0] is Mode.CACHED
    assert _open(backings, 5, 2, blob)[0] is Mode.CACHED
    backings.release(5, 1)
    assert _open(backings, 5, 3, blob)[0] is Mode.CACHED and not kernel.given
    backings.release(5, 2)
    backings.release(5, 3)
    assert _open(backings, 5, 4, blob)[0] is Mode.BACKED


@pytest.mark.parametrize("back", [True, False])
def test_another_file_under_an_inode_is_refused_until_the_old_one_is_closed(
    kernel: Kernel, blob: int, tmp_path: Path, back: bool
) -> None:
    (tmp_path / "healed").write_bytes(b"right")
    healed = os.open(tmp_path / "healed", os.O_RDONLY)
    backings = Backings(DEVICE)
    before = _open(backings, 5, 1, blob, back)
    assert _open(backings, 5, 2, healed, back)[0] is Mode.REFUSED
    assert _open(backings, 5, 3, blob, back) == before
    backings.release(5, 1)
    assert _open(backings, 5, 4, healed, back)[0] is Mode.REFUSED
    backings.release(5, 3)
    # The kernel's pages were filled from the old one, if there are any.
    assert _open(backings, 5, 5, healed, back)[0] is (Mode.BACKED if back else Mode.RENEWED)
    assert _open(backings, 5, 6, healed, back)[0] is (Mode.BACKED if back else Mode.CACHED)
    assert len(kernel.live) == back
    os.close(healed)


def test_what_is_made_up_is_the_same_whenever_it_is_opened(kernel: Kernel) -> None:
    backings = Backings(DEVICE)
    for handle in (1, 2):
        text = os.memfd_create("text")
        assert backings.open(5, handle, text, is_blob=False, back=False)[0] is Mode.CACHED
        os.close(text)


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (errno.ELOOP, "stacked"),
        (errno.EPERM, "CAP_SYS_ADMIN"),
        (errno.EOPNOTSUPP, "cannot be read from directly"),
        (errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_a_refusal_is_said_once_and_the_file_is_served(
    kernel: Kernel, blob: int, caplog: pytest.LogCaptureFixture, number: int, word: str
) -> None:
    backings = Backings(DEVICE)
    kernel.refuses = number
    assert not backings.unbacked
    assert _open(backings, 5, 1, blob)[0] is Mode.CACHED
    assert _open(backings, 6, 2, blob)[0] is Mode.CACHED
    assert word in backings.unbacked and len(caplog.records) == 1
    kernel.refuses = None
    assert _open(backings, 7, 3, blob)[0] is Mode.BACKED


def test_numbers_of_the_calls_are_those_of_the_kernel() -> None:
    def write(number: int, size: int) -> int:  # _IOW of asm-generic/ioctl.h, with the type 229
        return 1 << 30 | size << 16 | 229 << 8 | number

    assert backing._BACKING_OPEN == OPEN == write(1, 16)
    assert backing._BACKING_CLOSE == CLOSE == write(2, 4)


# With the real kernel.

LOGS_IDS = (
    "import fcntl, sys\n"
    "whole = fcntl.ioctl\n"
    "def ioctl(device, request, argument, *rest):\n"
    "    done = whole(device, request, argument, *rest)\n"
    f"    if request == {OPEN}: print('ID open', done, flush=True)\n"
    f"    if request == {CLOSE}:\n"
    "        print('ID close', int.from_bytes(argument, sys.byteorder), flush=True)\n"
    "    return done\n"
    "fcntl.ioctl = ioctl\n"
)


def _ids(home: Home) -> tuple[list[str], list[str]]:
    """The ids that were opened and those that were closed, in their order."""
    said = re.findall(r"^ID (open|close) (\d+)$", home.log(), re.MULTILINE)
    return [i for what, i in said if what == "open"], [i for what, i in said if what == "close"]


def _descriptors(home: Home) -> int:
    return len(os.listdir(f"/proc/{home.state().pid}/fd"))


def test_one_id_for_all_who_read_a_file_and_none_afterwards(home: Home) -> None:
    content = os.urandom(300_000)
    home.add("one.gguf", content, "language/llm", ["x"])
    home.mount_with(LOGS_IDS)
    places = [
        home.mountpoint / view / "one.gguf" for view in ("by-tag/x", "by-category/language/llm")
    ]
    before = _descriptors(home)
    with ExitStack() as stack:
        files = [stack.enter_context(place.open("rb")) for place in places * 3]
        assert all(file.read() == content for file in files)
        assert [len(ids) for ids in _ids(home)] == [1, 0]
    wait_for(lambda: [len(ids) for ids in _ids(home)] == [1, 1], "the id to be released")
    wait_for(lambda: _descriptors(home) == before, "all descriptors to be closed")


HURRY = (
    "import sys\n"
    "for _ in range(125):\n"
    "    with open(sys.argv[1], 'rb') as file: assert file.read(4) == b'GGUF'\n"
)


def test_a_thousand_opens_by_eight_processes_leave_nothing_behind(home: Home) -> None:
    home.add("one.gguf", b"GGUF" * 9000, "language/llm", ["x"])
    home.mount_with(LOGS_IDS)
    place = home.mountpoint / "by-tag/x/one.gguf"
    place.read_bytes()
    wait_for(lambda: len(_ids(home)[1]) == 1, "the first id to be released")
    before = _descriptors(home)
    crowd = [subprocess.Popen([sys.executable, "-c", HURRY, str(place)]) for _ in range(8)]
    assert [process.wait(60) for process in crowd] == [0] * 8
    wait_for(lambda: len(_ids(home)[0]) == len(_ids(home)[1]), "every id to be released")
    opened, closed = _ids(home)
    assert opened == closed and len(opened) <= 1001
    assert re.findall(r"^ID (open|close)", home.log(), re.MULTILINE) == ["open", "close"] * len(
        opened
    )
    wait_for(lambda: _descriptors(home) <= before, "all descriptors to be closed")


def test_who_is_killed_while_a_file_is_being_opened_leaves_nothing_behind(home: Home) -> None:
    home.add("slow.gguf", b"GGUF" * 9000, "language/llm", ["x"])
    gate = home.originals / "gate"
    home.mount_with(
        LOGS_IDS + "import os, time\n"
        "from modelfs.fs import operations\n"
        "whole_open = operations.open_blob\n"
        "def open_blob(store, node):\n"
        "    print('SLOW', flush=True)\n"
        f"    while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        "    return whole_open(store, node)\n"
        "operations.open_blob = open_blob\n"
    )
    before = _descriptors(home)
    place = home.mountpoint / "by-tag/x/slow.gguf"
    victims = [subprocess.Popen(["cat", str(place)], stdout=subprocess.DEVNULL) for _ in range(3)]
    wait_for(lambda: home.log().count("SLOW") == 3, "three pending opens")
    for victim in victims:
        victim.send_signal(signal.SIGKILL)
    assert home.state().mounted, "others are answered meanwhile"
    gate.touch()
    assert [victim.wait(20) for victim in victims] == [-signal.SIGKILL] * 3
    wait_for(lambda: _ids(home)[0] == _ids(home)[1] != [], "every id to be released")
    wait_for(lambda: _descriptors(home) == before, "all descriptors to be closed")
    assert place.read_bytes() == b"GGUF" * 9000


@pytest.mark.parametrize(("number", "word"), [("EPERM", "CAP_SYS_ADMIN"), ("ELOOP", "stacked")])
def test_a_file_that_the_kernel_refuses_is_served_and_that_is_said(
    home: Home, number: str, word: str
) -> None:
    content = os.urandom(1_000_000)
    home.add("one.gguf", content, "language/llm", ["x"])
    home.mount_with(
        "import errno\n"
        "from modelfs.fs import daemon\n"
        "from modelfs.fs.kernel import backing\n"
        "daemon._COUNT_S = 0.1\n"
        f"def refuse(*_): raise OSError(errno.{number}, 'planted')\n"
        "backing.fcntl = type('fcntl', (), {'ioctl': refuse})\n"
    )
    assert home.state().read_path == "passthrough" and word not in home.state().read_path_reason
    assert (home.mountpoint / "by-tag/x/one.gguf").read_bytes() == content
    wait_for(lambda: word in home.state().read_path_reason, "the reason in the state")
    assert word in home.log()


def test_who_opens_what_is_served_already_is_served_too(home: Home) -> None:
    """One that the kernel refused, although it would not any more: it allows no mixture."""
    content = os.urandom(1_000_000)
    home.add("one.gguf", content, "language/llm", ["x"])
    home.mount_with(
        LOGS_IDS + "first = [True]\n"
        "def once(device, request, *rest):\n"
        "    if first: first.clear(); raise OSError(12, 'planted')\n"
        "    return ioctl(device, request, *rest)\n"
        "fcntl.ioctl = once\n"
    )
    place = home.mountpoint / "by-tag/x/one.gguf"
    with place.open("rb") as served:
        assert served.read(1000) == content[:1000]
        assert place.read_bytes() == content and not _ids(home)[0]
    # The kernel tells of a close after it has returned.
    wait_for(lambda: place.read_bytes() == content and len(_ids(home)[0]) == 1, "read directly")


def test_a_store_on_an_overlay_is_served_as_the_kernel_stacks_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "below"
    subprocess.run(["mkdir", below], check=True)
    # Of its own, for an overlay takes no upper layer from another overlay.
    subprocess.run(["mount", "-t", "tmpfs", "none", below], check=True)
    merged = tmp_path / "merged"
    for folder in (merged, below / "lower", below / "upper", below / "work"):
        folder.mkdir()
    options = f"lowerdir={below}/lower,upperdir={below}/upper,workdir={below}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "none", merged], check=True)
    try:
        monkeypatch.setenv("MODELFS_LIBRARY", str(merged / "store"))
        with create_library(merged / "store", tmp_path / "models") as library:
            (tmp_path / "originals").mkdir()
            home = Home(library, tmp_path / "originals")
            content = os.urandom(1_000_000)
            home.add("one.gguf", content, "language/llm", ["x"])
            home.mount_with("from modelfs.fs import daemon; daemon._COUNT_S = 0.1")
            assert (home.mountpoint / "by-tag/x/one.gguf").read_bytes() == content
            wait_for(lambda: "stacked" in home.state().read_path_reason, "the reason")
            assert "stacked" in home.log()
            home.umount()
    finally:
        subprocess.run(["umount", "-l", merged], check=True)
        subprocess.run(["umount", "-l", below], check=True)
