"""What an attempt leaves behind, however it ended, counts only as far as its bytes are right."""

import hashlib
import json
import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfs import durable
from modelfs.errors import NoSpace, NotFound
from modelfs.fetch import partial as partials
from modelfs.fetch import transfer
from modelfs.fetch.journal import Journal, Whole
from modelfs.fetch.listing import RemoteFile
from modelfs.fetch.partial import Partial, PartialFiles
from modelfs.fetch.transfer import Transfer
from modelfs.fetch.web import Web
from modelfs.paths import StorePaths
from modelfs.store import BlobStore

BLOCK = 4096
SIZE_BYTES = 9 * BLOCK + 1234
BLOCKS = 10
DATA = random.Random("journal").randbytes(SIZE_BYTES)
SHA256 = hashlib.sha256(DATA).hexdigest()
WEB = Web()
"""Which nobody asks for anything."""
INDEX = st.integers(0, BLOCKS - 1)


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    """Blocks of a page, so that thousands of files cost little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partials, "BLOCK_BYTES", BLOCK)
        patch.setattr(transfer, "BLOCK_BYTES", BLOCK)
        yield


class Place:
    """A store with one unfinished file."""

    def __init__(self, folder: Path) -> None:
        self.store = BlobStore(StorePaths(folder))
        self.store.paths.staging.mkdir(parents=True)
        self.files = PartialFiles(self.store.paths.staging, "key")

    def open(self, validator: str = SHA256, size_bytes: int = SIZE_BYTES) -> Partial:
        """Open it as a new process does."""
        opened = Partial.open(self.store, self.files, size_bytes, validator)
        assert opened is not None
        return opened

    def begin(self, *indexes: int) -> None:
        """Bring some blocks, and be killed."""
        with closing(self.open()) as opened:
            for index in indexes:
                assert opened.claim_this(index)
                put(opened, index)

    def end(self, *, promised: bool = True) -> int:
        """Bring what is missing from memory; the file is right. Return the blocks it took."""
        with closing(self.open()) as opened:
            count = CountingPartial(opened)
            remote = RemoteFile("f", SIZE_BYTES, "", sha256=SHA256 if promised else None)
            arrived = Transfer(WEB, remote, count, content=DATA).run()  # type: ignore[arg-type]
            assert arrived.digests.sha256 == SHA256
        assert self.files.part.read_bytes() == DATA
        return count.written


class CountingPartial:
    """A partial file that counts the blocks that are written to it."""

    def __init__(self, opened: Partial) -> None:
        self._opened = opened
        self.written = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._opened, name)

    def finish(self, index: int, digest: str, pieces: Sequence[memoryview] = ()) -> None:
        self.written += 1
        self._opened.finish(index, digest, pieces)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def block(index: int) -> bytes:
    return DATA[index * BLOCK : (index + 1) * BLOCK]


def put(opened: Partial, index: int) -> None:
    """Write a block as a connection does."""
    opened.write(index, 0, memoryview(block(index)))
    opened.finish(index, xxhash.xxh3_64_hexdigest(block(index)))


def change(path: Path, how: Callable[[bytearray], object]) -> None:
    """Change a file behind everybody's back; harmless where it is gone."""
    if path.exists():
        content = bytearray(path.read_bytes())
        how(content)
        path.write_bytes(content)


def flip(content: bytearray, at: float) -> None:
    if content:
        content[int(at * (len(content) - 1))] ^= 0x41


def zero(content: bytearray, index: int) -> None:
    size = len(content[index * BLOCK : (index + 1) * BLOCK])
    content[index * BLOCK : (index + 1) * BLOCK] = bytes(size)


PART = st.floats(0, 1)
DAMAGE = st.one_of(
    st.tuples(st.just("torn journal"), PART),
    st.tuples(st.just("flipped journal"), PART),
    st.tuples(st.just("flipped block"), PART),
    st.tuples(st.just("zero block"), INDEX),
    st.tuples(st.just("short part"), PART),
    st.tuples(st.just("noise"), st.binary(max_size=80)),
    st.tuples(st.just("false line"), INDEX),
    st.tuples(st.just("line of no block"), st.integers(BLOCKS, 10**15)),
    st.tuples(st.just("no part"), st.none()),
    st.tuples(st.just("no journal"), st.none()),
)


def do_damage(place: Place, kind: str, how: object) -> None:
    part, journal = place.files.part, place.files.journal
    match kind, how:
        case "torn journal", float(share):
            change(journal, lambda it: it.__delitem__(slice(int(share * len(it)), None)))
        case "flipped journal", float(at):
            change(journal, lambda it: flip(it, at))
        case "flipped block", float(at):
            change(part, lambda it: flip(it, at))
        case "zero block", int(index):
            change(part, lambda it: zero(it, index))
        case "short part", float(share):
            change(part, lambda it: it.__delitem__(slice(int(share * len(it)), None)))
        case "noise", bytes(noise):
            change(journal, lambda it: it.extend(noise))
        case (("false line" | "line of no block"), int(index)):
            change(journal, lambda it: it.extend(f"{index} {'0' * 16}\n".encode()))
        case "no part", None:
            part.unlink(missing_ok=True)
        case "no journal", None:
            journal.unlink(missing_ok=True)


@settings(max_examples=100)
@given(
    rounds=st.lists(
        st.tuples(st.lists(INDEX, unique=True), st.lists(DAMAGE, max_size=3)), max_size=4
    ),
    promised=st.booleans(),
)
def test_whatever_is_left_damaged_the_finished_file_is_right(
    rounds: list[tuple[list[int], list[tuple[str, object]]]], promised: bool
) -> None:
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        for indexes, damages in rounds:
            with closing(place.open()) as opened:
                for index in indexes:
                    if opened.claim_this(index):
                        put(opened, index)
            for kind, how in damages:
                do_damage(place, kind, how)
        place.end(promised=promised)


@given(data=st.data())
def test_what_connections_brought_before_they_were_killed_is_not_brought_again(
    data: st.DataObject,
) -> None:
    """Any interleaving of claims, blocks that come, failures that give back, and kills."""
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        came: set[int] = set()
        for _ in range(data.draw(st.integers(1, 3), "attempts")):
            with closing(place.open()) as opened:
                assert {index for index in range(BLOCKS) if opened.is_here(index)} == came
                held: list[list[int]] = []
                for _ in range(data.draw(st.integers(0, 12), "steps")):
                    step = data.draw(st.sampled_from(["claim", "come", "fail"]), "step")
                    if step == "claim" and sum(map(len, held)) + len(came) < BLOCKS:
                        claimed = opened.claim(data.draw(st.integers(1, 4), "most"))
                        assert not came & set(claimed)
                        assert not any(set(claimed) & set(other) for other in held)
                        held.append(list(claimed))
                    elif held and step == "come":
                        one = data.draw(st.sampled_from(held), "connection")
                        index = one.pop(0)
                        put(opened, index)
                        came.add(index)
                    elif held and step == "fail":
                        one = data.draw(st.sampled_from(held), "connection")
                        opened.release(range(one[0], one[-1] + 1))
                        one.clear()
                    held = [one for one in held if one]
        assert place.end() == BLOCKS - len(came)


def test_blocks_that_a_power_cut_made_zero_are_brought_again(place: Place) -> None:
    place.begin(*range(BLOCKS))
    change(place.files.part, lambda it: (zero(it, 0), zero(it, 4), zero(it, 9)))
    assert place.end() == 3


def test_one_wrong_block_among_right_ones_is_brought_again(place: Place) -> None:
    place.begin(*range(BLOCKS))
    change(place.files.part, lambda it: flip(it, 0.99))
    assert place.end() == 1


def test_what_is_whole_is_only_read(place: Place) -> None:
    place.begin(*range(BLOCKS))
    before = place.files.part.stat().st_mtime_ns
    assert place.end() == 0
    assert place.files.part.stat().st_mtime_ns == before


@pytest.mark.parametrize(("validator", "size_bytes"), [("other", SIZE_BYTES), (SHA256, 5 * BLOCK)])
def test_of_another_file_nothing_is_kept(place: Place, validator: str, size_bytes: int) -> None:
    place.begin(1, 2, 3)
    with closing(place.open(validator, size_bytes)) as opened:
        assert opened.done_bytes == 0
        assert not any(opened.is_here(index) for index in range(opened.blocks))
    assert place.files.part.stat().st_size == size_bytes
    assert place.end() == BLOCKS


def test_a_journal_is_not_written_again_when_it_is_opened(place: Place) -> None:
    """There may be no room: what had come would be lost of which the journal had told."""
    place.begin(1, 2, 3)
    place.files.journal.write_bytes(place.files.journal.read_bytes() + b"4 torn")
    inode = place.files.journal.stat().st_ino
    lines = place.files.journal.read_bytes().splitlines(keepends=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durable, "write_all", no_room)
        place.open().close()
    assert place.files.journal.read_bytes() == b"".join(lines[:-1])
    assert place.files.journal.stat().st_ino == inode
    assert place.end() == BLOCKS - 3


def no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_disk_without_room_keeps_nothing_of_what_had_not_begun(place: Place) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durable, "preallocate", no_room)
        with pytest.raises(NoSpace):
            place.open()
    assert list(place.store.paths.staging.iterdir()) == []


def test_a_header_is_what_a_person_can_read(place: Place) -> None:
    place.begin()
    assert json.loads(place.files.journal.read_text()) == {
        "size_bytes": SIZE_BYTES,
        "validator": SHA256,
    }


def test_what_is_said_of_a_file_counts_no_block_twice(place: Place) -> None:
    place.begin(1, 2, 3)
    with place.files.journal.open("a") as journal:
        journal.write(f"3 {'0' * 16}\nnoise\n4 tor")
    assert place.files.said_bytes() == 3 * BLOCK


def test_two_processes_do_not_open_it_at_once(place: Place) -> None:
    with closing(place.open()):
        assert Partial.open(place.store, place.files, SIZE_BYTES, SHA256) is None
    place.open().close()


def test_what_the_whole_was_is_known_when_its_bytes_have_gone(place: Place) -> None:
    whole = Whole(xxhash.xxh3_128_hexdigest(DATA), SHA256)
    place.begin(*range(BLOCKS))
    with closing(place.open()) as opened:
        opened.say_whole(whole)
    place.files.part.unlink()
    for _ in range(2):  # however often it is looked at
        with closing(place.open()) as opened:
            assert opened.whole == whole
            assert opened.done_bytes == 0
    with closing(place.open(validator="other")) as opened:
        assert opened.whole is None


@pytest.mark.parametrize("line", ["whole ../../x y", f"whole {'A' * 32} {'0' * 64}", "whole", "²"])
def test_a_line_that_nobody_wrote_is_not_believed(tmp_path: Path, line: str) -> None:
    (tmp_path / "journal").write_text(f'{{"a": 1}}\n{line}\n{"9" * 5000} {"0" * 16}\n')
    journal = Journal(tmp_path / "journal")
    assert journal.begin({"a": 1})
    assert (journal.whole, journal.hashes) == (None, {})
    journal.close()


def test_a_file_that_was_let_go_is_regained_as_it_was(place: Place) -> None:
    place.begin(*range(BLOCKS))
    with closing(place.open()) as opened:
        identity = opened.identity
        assert Partial.regain(place.store, place.files, identity) is None
    again = Partial.regain(place.store, place.files, identity)
    assert again is not None
    assert os.pread(again.fd, SIZE_BYTES, 0) == DATA
    again.close()


@pytest.mark.parametrize("how", ["gone", "written", "replaced"])
def test_a_file_that_is_not_as_it_was_is_not_regained(place: Place, how: str) -> None:
    place.begin(*range(BLOCKS))
    with closing(place.open()) as opened:
        identity = opened.identity
    part = place.files.part
    if how == "gone":
        part.unlink()
    elif how == "written":
        part.write_bytes(DATA)
    else:
        part.rename(part.with_name("other"))
        part.write_bytes(DATA)
        os.utime(part, ns=(identity.mtime_ns, identity.mtime_ns))
    with pytest.raises(NotFound):
        Partial.regain(place.store, place.files, identity)
    if how != "gone":
        place.open().close()  # nobody holds it


def test_a_file_that_was_made_read_only_to_become_a_blob_goes_on(place: Place) -> None:
    """Root may write to anything: somebody else may not."""
    place.begin(*range(BLOCKS))
    place.files.part.chmod(0o444)
    for path in (place.store.paths.root, *place.store.paths.root.rglob("*")):
        os.chown(path, 65534, 65534)
    place.store.paths.root.parent.chmod(0o755)
    child = os.fork()
    if child == 0:
        try:
            os.chdir(place.store.paths.root)
            os.setuid(65534)
            os._exit(0 if opens_relative() else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def opens_relative() -> bool:
    """Open it below the current folder: those above may not be ours to pass."""
    store = BlobStore(StorePaths(Path(".")))
    opened = Partial.open(store, PartialFiles(store.paths.staging, "key"), SIZE_BYTES, SHA256)
    return opened is not None and opened.done_bytes == SIZE_BYTES


def test_what_an_earlier_attempt_left_holds_up_no_connection(tmp_path: Path) -> None:
    """It is hashed while the rest comes, over as many connections as help."""
    files, size_bytes = PartialFiles(tmp_path, "long"), 200 * BLOCK
    store = Place(tmp_path).store
    with closing(opened_anew(store, files, size_bytes)) as first:
        for index in range(150):
            assert first.claim_this(index)
            first.finish(index, "0" * 16)
    with closing(opened_anew(store, files, size_bytes)) as again:
        assert again.claim(1).start == 150
        again.wait_for_reader(150)
        assert again.needs_more(), "nothing near is to come"
    with closing(opened_anew(store, PartialFiles(tmp_path, "new"), size_bytes)) as fresh:
        assert fresh.needs_more(), "nothing is here"
        for index in fresh.claim(20)[:18]:
            fresh.finish(index, "0" * 16)
        assert not fresh.needs_more(), "it keeps up"
        waiting = threading.Thread(target=fresh.wait_for_reader, args=[18])
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive(), "two blocks too early"
        fresh.stop()
        waiting.join(10)
        assert not waiting.is_alive()


def opened_anew(store: BlobStore, files: PartialFiles, size_bytes: int) -> Partial:
    found = Partial.open(store, files, size_bytes, SHA256)
    assert found is not None
    return found
