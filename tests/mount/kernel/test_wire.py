"""The edits of messages: right bytes where they are known, and no byte where they are not."""

import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfs.fs.kernel import wire

HEADER = Path("/usr/include/linux/fuse.h")

# As they went over a device: Linux 6.18 (protocol 7.45) mounts, and libfuse 3.14 answers.
INIT = bytes.fromhex(
    "68000000 1a000000 0200000000000000 0000000000000000 00000000 00000000 00000000 00000000"
    "07000000 2d000000 00000200 fbffff73 fd050000" + "00" * 44
)
INIT_REPLY = bytes.fromhex(
    "50000000 00000000 0200000000000000"
    "07000000 1f000000 00000200 29b04040 00000000 00001000 01000000 0001 0000" + "00" * 32
)
OPEN = bytes.fromhex(
    "30000000 0e000000 0e00000000000000 0200000000000000 00000000 00000000 d27f0000 00000000"
    "00800000 00000000"
)
OPEN_REPLY = bytes.fromhex("20000000 00000000 0e00000000000000 0100000000000000 02000000 00000000")
RELEASE = bytes.fromhex(
    "40000000 12000000 1400000000000000 0200000000000000 00000000 00000000 00000000 00000000"
    "0100000000000000 00800000 00000000 0000000000000000"
)


def test_a_request_is_told_by_its_header() -> None:
    assert wire.request(bytearray(INIT)) == wire.Request(wire.INIT, 2, 0)
    assert wire.request(bytearray(OPEN)) == wire.Request(wire.OPEN, 14, 2)
    assert wire.request(bytearray(RELEASE)).opcode == wire.RELEASE
    assert wire.released(bytearray(RELEASE)) == 1


def test_the_kernel_offers_passthrough_and_epochs() -> None:
    assert wire.offer(bytearray(INIT)) == wire.Offer(45, True, True)


@pytest.mark.parametrize(
    ("at", "value", "offer"),
    [
        (40, 8, wire.Offer(45, False, False)),  # another major
        (44, 39, wire.Offer(39, False, False)),  # a minor too old, whatever its flags
        (44, 43, wire.Offer(43, True, False)),  # before epochs
        (56, 0xFF & ~(1 << 5), wire.Offer(45, False, True)),  # built without
    ],
)
def test_what_the_kernel_does_not_offer_is_not_taken(
    at: int, value: int, offer: wire.Offer
) -> None:
    message = bytearray(INIT)
    struct.pack_into("=I", message, at, value)
    assert wire.offer(message) == offer


@given(st.binary(min_size=40, max_size=200))
def test_what_is_no_init_offers_nothing_or_what_it_says(junk: bytes) -> None:
    offer = wire.offer(bytearray(junk))
    if wire.request(bytearray(junk)).opcode != wire.INIT or len(junk) < 60:
        assert offer == wire.Offer(0, False, False)


def test_only_the_splice_flags_go_from_init() -> None:
    message = bytearray(INIT)
    wire.without_splice(message)
    (before,), (after,) = struct.unpack_from("=I", INIT, 52), struct.unpack_from("=I", message, 52)
    assert before & ~after == 1 << 7 | 1 << 8 | 1 << 9 and after & ~before == 0
    assert message[:52] + message[56:] == INIT[:52] + INIT[56:]


def test_passthrough_is_asked_for_in_the_reply_to_init() -> None:
    reply = bytearray(INIT_REPLY)
    assert wire.accept(reply, passthrough=True)
    flags, *_, flags2, depth = struct.unpack_from("=IHHIIHHII", reply, 16 + 12)
    assert (flags, flags2, depth) == (0x4040B029 | 1 << 30, 1 << 5, 1)
    assert len(reply) == len(INIT_REPLY) and reply[:24] == INIT_REPLY[:24]


def test_without_passthrough_only_the_sizes_of_messages_change() -> None:
    reply = bytearray(INIT_REPLY)
    assert wire.accept(reply, passthrough=False)
    changed = {at for at, (a, b) in enumerate(zip(INIT_REPLY, reply, strict=True)) if a != b}
    ahead, most, pages = (
        set(range(16 + at, 16 + end)) for at, end in ((8, 12), (20, 24), (28, 30))
    )
    assert changed <= ahead | most | pages
    said = struct.unpack_from("=I8xI4xH", reply, 16 + 8)
    assert said == (
        wire.MAX_READ_BYTES, wire.MAX_MESSAGE_BYTES, wire.MAX_READ_BYTES // wire.PAGE_BYTES
    )  # fmt: skip


def _with(original: bytes, at: int, value: int) -> bytes:
    changed = bytearray(original)
    struct.pack_into("=i", changed, at, value)
    return bytes(changed)


@pytest.mark.parametrize("passthrough", [True, False])
@pytest.mark.parametrize(
    "reply",
    [
        _with(INIT_REPLY, 4, -5),  # an error
        _with(INIT_REPLY, 16, 8),  # another major
        _with(INIT_REPLY, 0, 0x4F),  # a length that it does not have
        INIT_REPLY + b"\0" * 8,  # longer than it says
        _with(INIT_REPLY + b"\0" * 8, 0, 0x58),  # longer, and says so: a protocol not known
        _with(INIT_REPLY[:40], 0, 40),  # of before 7.23
    ],
)
def test_a_reply_to_init_that_is_not_as_expected_stays_as_it_was(
    reply: bytes, passthrough: bool
) -> None:
    given_bytes = bytearray(reply)
    assert not wire.accept(given_bytes, passthrough=passthrough)
    assert given_bytes == reply


@given(st.binary(min_size=16, max_size=160), st.booleans())
def test_bytes_by_chance_are_accepted_or_stay_as_they_were(junk: bytes, passthrough: bool) -> None:
    reply = bytearray(junk)
    if not wire.accept(reply, passthrough=passthrough):
        assert reply == junk


@given(st.binary(min_size=64, max_size=64), st.booleans())
def test_an_accepted_reply_keeps_all_else(body: bytes, passthrough: bool) -> None:
    reply = bytearray(struct.pack("=IiQI", 80, 0, 2, 7) + body[4:])
    before = bytes(reply)
    assert wire.accept(reply, passthrough=passthrough)
    kept = [slice(0, 24), slice(32, 36), slice(40, 44), slice(46, 48), slice(56, None)]
    assert all(reply[part] == before[part] for part in kept)
    assert struct.unpack_from("=I", reply, 24) >= struct.unpack_from("=I", before, 24)
    if not passthrough:
        assert reply[28:32] == before[28:32] and reply[48:56] == before[48:56]


def test_an_open_file_is_backed_and_its_pages_are_not_kept() -> None:
    reply = bytearray(OPEN_REPLY)
    assert wire.opened(reply) == 1
    wire.back(reply, 7)
    assert struct.unpack_from("=QIi", reply, 16) == (1, 1 << 7, 7)
    assert reply[:16] == OPEN_REPLY[:16] and len(reply) == len(OPEN_REPLY)


def test_pages_of_another_file_are_dropped() -> None:
    reply = bytearray(OPEN_REPLY)
    wire.renew(reply)
    assert struct.unpack_from("=QIi", reply, 16) == (1, 0, 0)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(1, 2**31 - 1))
def test_backing_leaves_other_flags_of_an_open_file(handle: int, flags: int, backing: int) -> None:
    reply = bytearray(struct.pack("=IiQQIi", 32, 0, 1, handle, flags, 0))
    wire.back(reply, backing)
    found = struct.unpack_from("=QIi", reply, 16)
    assert found == (handle, flags & ~(1 << 1) | 1 << 7, backing)


@pytest.mark.parametrize(
    "reply",
    [
        _with(OPEN_REPLY, 4, -2),
        _with(OPEN_REPLY[:16], 4, -2),
        _with(OPEN_REPLY, 0, 31),
        _with(OPEN_REPLY + b"\0" * 8, 0, 40),
        OPEN_REPLY + b"\0",
        OPEN_REPLY[:31],
    ],
)
def test_an_error_or_an_unknown_length_is_no_open_file(reply: bytes) -> None:
    assert wire.opened(bytearray(reply)) is None


@given(st.integers(1, 2**64 - 1), st.binary(min_size=1, max_size=255))
def test_a_name_to_forget_is_said_whole(folder: int, name: bytes) -> None:
    notice = wire.forget_name(folder, name)
    size, code, unique, parent, length, flags = struct.unpack_from("=IiQQII", notice)
    assert (size, code, unique) == (len(notice), 3, 0)
    assert (parent, length, flags, notice[32:]) == (folder, len(name), 0, name + b"\0")


@given(st.integers(1, 2**64 - 1))
def test_attributes_to_forget_leave_the_pages(inode: int) -> None:
    notice = wire.forget_attributes(inode)
    # A negative offset: the attributes only (fuse_reverse_inval_inode).
    assert struct.unpack("=IiQQqq", notice) == (40, 2, 0, inode, -1, 0)


def test_all_names_are_forgotten_by_a_code_alone() -> None:
    assert struct.unpack("=IiQ", wire.forget_all_names()) == (16, 8, 0)


def test_a_listing_is_asked_of_the_folder_and_fits_a_message() -> None:
    message = bytearray(struct.pack("=IIQQIIIHH", 80, wire.READDIR, 4, 99, 0, 0, 0, 0, 0))
    message += struct.pack("=QQIIQII", 0, 12, 1 << 20, 0, 0, 0, 0)
    before = bytes(message)
    wire.name_folder(message)
    assert wire.read(message) == (99, 12, wire.MAX_MESSAGE_BYTES)
    assert message[:40] == before[:40] and message[60:] == before[60:]


# Where the machine has the kernel's header, of whatever version.
_NUMBERS = {
    "FUSE_KERNEL_VERSION": wire.KERNEL_VERSION,
    "FUSE_OPEN": wire.OPEN,
    "FUSE_READ": wire.READ,
    "FUSE_RELEASE": wire.RELEASE,
    "FUSE_INIT": wire.INIT,
    "FUSE_READDIR": wire.READDIR,
    "FUSE_INTERRUPT": wire.INTERRUPT,
    "FUSE_READDIRPLUS": wire.READDIRPLUS,
    "FUSE_NOTIFY_INVAL_INODE": wire._NOTIFY_INVAL_INODE,
    "FUSE_NOTIFY_INVAL_ENTRY": wire._NOTIFY_INVAL_ENTRY,
    "FUSE_NOTIFY_STORE": wire._NOTIFY_STORE,
    "FUSE_NOTIFY_INC_EPOCH": wire._NOTIFY_INC_EPOCH,
    "FUSE_INIT_EXT": wire._INIT_EXT,
    "FUSE_PASSTHROUGH": wire._PASSTHROUGH << 32,
    "FOPEN_KEEP_CACHE": wire._FOPEN_KEEP_CACHE,
    "FOPEN_PASSTHROUGH": wire._FOPEN_PASSTHROUGH,
}
_LAYOUTS = {
    "fuse_in_header": wire._IN_HEADER.size,
    "fuse_out_header": wire._OUT_HEADER.size,
    "fuse_init_out": wire._INIT_OUT_BYTES,
    "fuse_open_out": wire._OPEN_OUT.size,
    "fuse_notify_inval_entry_out": wire._INVAL_ENTRY_OUT.size,
    "fuse_notify_inval_inode_out": wire._INVAL_INODE_OUT.size,
    "fuse_notify_store_out": wire._STORE_OUT.size,
}
_SIZES = {"uint64_t": 8, "int64_t": 8, "uint32_t": 4, "int32_t": 4, "uint16_t": 2}

with_header = pytest.mark.skipif(
    not HEADER.exists(), reason="the kernel's header is not installed (linux-libc-dev)"
)


def _number(text: str) -> int | None:
    if found := re.fullmatch(r"\(?(?:(\d+)(?:ULL)?\s*<<\s*)?(\d+)\)?", text):
        return int(found[1] or 1) << int(found[2]) if found[1] else int(found[2])
    return None


@with_header
def test_numbers_are_those_of_the_kernels_header() -> None:
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    said = dict(re.findall(r"^#define\s+(F\w+)\s+(.+?)\s*$", text, re.MULTILINE))
    said |= dict(re.findall(r"^\s+(FUSE_\w+)\s*=\s*(\d+)", text, re.MULTILINE))
    known = {
        name: number for name in _NUMBERS if (number := _number(said.get(name, ""))) is not None
    }
    assert len(known) >= 10, "most are in every header"
    assert known == {name: _NUMBERS[name] for name in known}


@with_header
def test_layouts_have_the_sizes_of_the_kernels_header() -> None:
    text = HEADER.read_text()
    for name, size in _LAYOUTS.items():
        (body,) = re.findall(rf"^struct {name} {{(.*?)^}};", text, re.MULTILINE | re.DOTALL)
        fields = re.findall(r"^\s+(\w+)\s+\w+(?:\[(\d+)\])?;", body, re.MULTILINE)
        assert sum(_SIZES[kind] * int(many or 1) for kind, many in fields) == size, name
