"""The relay: what passes unchanged, when it falls back, and that no read comes to user space."""

import errno
import os
import re
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelfs.fs import mountinfo
from modelfs.fs.kernel import wire
from modelfs.fs.kernel.device import Device
from modelfs.fs.kernel.reads import OpenFile
from modelfs.fs.kernel.relay import Relay

from ..conftest import Home, run_python, wait_for
from .test_wire import INIT, INIT_REPLY, OPEN, OPEN_REPLY, RELEASE


class Ends:
    """A relay with a socket for the kernel's device and another for libfuse's."""

    def __init__(self, blob: Path) -> None:
        self.kernel, self.device = _pair()
        self.libfuse, ours = _pair()
        self.lost: list[int] = []
        self.file = OpenFile(os.open(blob, os.O_RDONLY), 5, "blob", may_back=True)
        first = bytearray(INIT)
        device = Device(self.device.fileno(), Path("/nowhere"), first, wire.offer(first))
        self.relay = Relay(device, ours, lambda _: self.file, self.lost.append, passthrough=True)
        self._ours = ours

    def ask(self, message: bytes) -> bytes | None:
        """Let the kernel ask; return what libfuse gets, if anything."""
        self.kernel.send(message)
        return self.libfuse.recv(1 << 16) if self.relay.take() else None

    def answer(self, message: bytes) -> bytes:
        """Let libfuse answer; return what the kernel gets."""
        self.libfuse.send(message)
        self.relay.pass_replies()
        return self.kernel.recv(1 << 16)

    def greet(self, reply: bytes = INIT_REPLY) -> bytes:
        """Pass on the first request and its reply."""
        assert self.relay.take()
        self.libfuse.recv(1 << 16)
        return self.answer(reply)

    def close(self) -> None:
        os.close(self.file.fd)
        for end in (self.kernel, self.device, self.libfuse, self._ours):
            end.close()


def _pair() -> tuple[socket.socket, socket.socket]:
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
    return ends


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Ends]:
    (tmp_path / "blob").write_bytes(b"bytes")
    made = Ends(tmp_path / "blob")
    yield made
    made.close()


def test_the_kernels_first_request_reaches_libfuse_without_splice(ends: Ends) -> None:
    assert ends.relay.take()
    (flags,) = struct.unpack_from("=I", ends.libfuse.recv(1 << 16), 52)
    assert not flags & 0b111 << 7
    assert not ends.relay.take(), "nothing else has been asked"


def test_requests_without_end_that_it_answers_itself_do_not_keep_it_for_ever(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends.greet()
    given = []

    def another() -> memoryview:
        given.append(1)
        assert time.monotonic() < late, "the loop would never be left"
        return memoryview(bytearray(struct.pack("=IIQQIIIHH", 40, wire.INTERRUPT, *[0] * 7)))

    monkeypatch.setattr(ends.relay, "_next", another)
    now = time.monotonic()
    late = now + 10
    assert not ends.relay.take(now + 0.02)
    assert len(given) > 10


def test_what_is_not_for_the_relay_passes_unchanged(ends: Ends) -> None:
    ends.greet()
    lookup = struct.pack("=IIQQIIIHH5s", 45, 1, 8, 1, 0, 0, 9, 0, 0, b"name\0")
    assert ends.ask(lookup) == lookup
    absent = struct.pack("=IiQ", 16, -2, 8)
    assert ends.answer(absent) == absent
    assert ends.ask(OPEN) == OPEN
    refused = struct.pack("=IiQ", 16, -5, 14)
    assert ends.answer(refused) == refused
    assert not ends.relay.counts and not ends.lost


def test_an_open_file_is_served_where_the_device_gives_no_id(ends: Ends) -> None:
    """A socket knows nothing of backing files (ENOTTY); that must not fail the open."""
    ends.greet()
    ends.ask(OPEN)
    assert ends.answer(OPEN_REPLY) == OPEN_REPLY
    assert ends.relay.counts == {"CACHED": 1}
    assert os.strerror(errno.ENOTTY) in ends.relay.trouble
    assert ends.ask(RELEASE) == RELEASE
    assert len(ends.relay.backings) == 0


def test_after_an_unexpected_greeting_nothing_is_backed_and_that_is_said(ends: Ends) -> None:
    assert not ends.relay.trouble, "nothing is known before"
    odd = bytearray(INIT_REPLY)
    struct.pack_into("=I", odd, 16, 8)
    assert ends.greet(bytes(odd)) == odd
    assert "not as expected" in ends.relay.trouble
    ends.ask(OPEN)
    assert ends.answer(OPEN_REPLY) == OPEN_REPLY
    assert not ends.relay.backings.unbacked, "no id was asked for"


def test_a_file_whose_opener_never_gets_it_is_closed(ends: Ends) -> None:
    ends.greet()
    ends.ask(OPEN)
    ends.libfuse.send(OPEN_REPLY)
    ends.kernel.close()  # whatever the kernel says: it has not taken the reply
    ends.relay.pass_replies()
    assert ends.lost == [1] and len(ends.relay.backings) == 0


def test_a_request_to_interrupt_ends_at_the_relay(ends: Ends) -> None:
    ends.greet()
    assert ends.ask(struct.pack("=IIQQIIIHHQ", 48, 36, 9, 0, 0, 0, 9, 0, 0, 8)) is None


# With the real kernel.

READS = """
import mmap, os, random, sys
chance = random.Random(7)
right = open(sys.argv[2], 'rb').read()
assert open(sys.argv[1], 'rb').read() == right
fd = os.open(sys.argv[1], os.O_RDONLY)
for _ in range(300):
    at = chance.randrange(len(right))
    assert os.pread(fd, 5000, at) == right[at:at + 5000]
mapped = mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
for at in range(0, len(right), 4096):
    assert mapped[at:at + 8] == right[at:at + 8]
"""


def _read_in_every_way(home: Home) -> None:
    done = run_python(
        READS, str(home.mountpoint / "by-tag/x/one.gguf"), str(home.originals / "one.gguf")
    )
    assert done.returncode == 0, done.stderr


def _counts(home: Home) -> dict[str, int]:
    """What the mount counted, which it says when it is unmounted."""
    pid = home.state().pid
    home.umount()
    wait_for(lambda: "files opened and read requests" in home.log(), f"the counts of {pid}")
    (said,) = re.findall(r"files opened and read requests: \{(.*)\}", home.log())
    return {name: int(count) for name, count in re.findall(r"'(\w+)': (\d+)", said)}


def test_no_read_of_a_backed_file_comes_to_user_space(home: Home) -> None:
    home.add("one.gguf", os.urandom(5_000_000), "language/llm", ["x"])
    Path("/proc/sys/vm/drop_caches").write_text("3")
    assert home.mount().read_path == "passthrough"
    _read_in_every_way(home)
    assert _counts(home) == {"BACKED": 2}


@pytest.mark.parametrize("read_path", ["served"])
def test_every_read_of_a_served_file_does_once(home: Home, read_path: str) -> None:
    """The counterpart: the counter counts."""
    home.add("one.gguf", os.urandom(5_000_000), "language/llm", ["x"])
    state = home.mount()
    assert (state.read_path, state.read_path_reason) == ("served", "the setting read_path says so")
    _read_in_every_way(home)
    counts = _counts(home)
    assert counts["CACHED"] == 2 and 5_000_000 / wire.MAX_READ_BYTES <= counts["READ"] < 100


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "from modelfs.fs.kernel import wire\n"
            "wire.offer = lambda message: wire.Offer(45, False, True)\n",
            "built without it",
        ),
        (
            "import platform\nplatform.release = lambda: '6.8.12-generic'\n",
            "came with 6.9",
        ),
    ],
    ids=["the kernel offers none", "the kernel is too old"],
)
def test_without_passthrough_files_are_served_and_that_is_said(
    home: Home, script: str, reason: str
) -> None:
    home.add("one.gguf", os.urandom(2_000_000), "language/llm", ["x"])
    home.mount_with("from modelfs.fs import daemon\ndaemon._COUNT_S = 0.1\n" + script)
    _read_in_every_way(home)
    wait_for(lambda: reason in home.state().read_path_reason, "the reason")
    assert home.state().read_path == "served"
    counts = _counts(home)
    assert "BACKED" not in counts and counts["READ"] > 0


def test_a_libfuse_that_answers_oddly_is_said_and_leaves_no_mount(home: Home) -> None:
    """Messages that are larger than the relay takes: the kernel would wait for ever."""
    home.add("one.gguf", b"GGUF", "language/llm", ["x"])
    script = "from modelfs.fs.kernel import wire\nwire.accept = lambda reply, **_: False\n"
    home.start_with(script)
    wait_for(lambda: not mountinfo.mounts_at(home.mountpoint), "unmounted")
    assert "not as expected" in home.log() and not home.state().mounted
    assert home.mount().mounted, "nothing is in the way of the next"
