"""A blob is named by its bytes, read-only, and shared only after a comparison of all of them."""

import hashlib
import os
from pathlib import Path

import pytest
import xxhash

from core.conftest import Disk, bring, content, make_library, write
from core.soundness import assert_sound, blob_files, stored
from modelfs import durable, hashing
from modelfs.library import Library
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.library.collect import collect, plan_collection
from modelfs.store import Intake, Staged
from modelfs.store import blobs as store_blobs
from modelfs.types import BlobId


@pytest.fixture
def forged(monkeypatch: pytest.MonkeyPatch) -> str:
    """Make every content have the same hash, and the same sample: the worst collision there is."""
    digest = "00" * 16

    class Forged(hashing.Hasher):
        def digests(self) -> hashing.Digests:
            return hashing.Digests(digest, None)

    monkeypatch.setattr(hashing, "Hasher", Forged)
    monkeypatch.setattr("modelfs.store.intake.Hasher", Forged)
    monkeypatch.setattr(hashing, "sample_hash", lambda fd, size_bytes: "same")
    monkeypatch.setattr("modelfs.library.addition.sample_hash", lambda fd, size_bytes: "same")
    return digest


def test_a_blob_is_named_by_the_hash_of_its_bytes_and_read_only(
    library: Library, tmp_path: Path
) -> None:
    data = content("a")
    (added,) = bring(library, write(tmp_path / "a.gguf", data))
    (file,) = added.model.files
    path = library.paths.blobs / file.blob[:2] / file.blob
    assert file.blob == xxhash.xxh3_128_hexdigest(data)
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o444
    assert path.stat().st_nlink == 1


@pytest.mark.parametrize(
    "size_bytes", [0, 1, hashing.CHUNK_BYTES, hashing.CHUNK_BYTES + 1, 3 * hashing.CHUNK_BYTES - 1]
)
def test_bytes_arrive_whole_at_every_chunk_boundary(
    library: Library, tmp_path: Path, size_bytes: int
) -> None:
    data = content("chunks", size_bytes)
    (added,) = bring(library, write(tmp_path / "a.gguf", data))
    assert stored(library, added.model) == {"a.gguf": data}
    assert_sound(library.paths.root)


def test_the_same_bytes_twice_are_one_blob(library: Library, tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, content("a")) for name in ("a.gguf", "b.gguf"))
    (added,) = bring(library, first)
    (again,) = bring(library, second, name="b")
    assert (again.outcome, again.new_bytes, again.shared_bytes) == ("added", 0, 10_000)
    assert again.model.id != added.model.id
    assert len(blob_files(library)) == 1


def test_the_same_bytes_twice_in_one_model_are_one_blob(library: Library, tmp_path: Path) -> None:
    for name in ("a.bin", "b.bin"):
        write(tmp_path / "m" / name, content("a"))
    (added,) = bring(library, tmp_path / "m", name="m")
    assert len(added.model.files) == 2
    assert (added.new_bytes, added.shared_bytes) == (10_000, 10_000)
    assert len(blob_files(library)) == 1


def test_known_bytes_without_a_name_add_nothing_and_say_so(
    library: Library, tmp_path: Path
) -> None:
    (first,) = bring(library, write(tmp_path / "a.gguf", content("a")))
    (again,) = bring(library, write(tmp_path / "other.gguf", content("a")))
    assert (again.outcome, again.model.id) == ("already there", first.model.id)


def test_a_collision_gets_a_blob_of_its_own(library: Library, tmp_path: Path, forged: str) -> None:
    files = [write(tmp_path / f"{n}.gguf", content(n)) for n in range(3)]
    added = [bring(library, file)[0] for file in files]
    assert [one.model.files[0].blob for one in added] == [forged, f"{forged}~1", f"{forged}~2"]
    for file, one in zip(files, added, strict=True):
        assert stored(library, one.model) == {file.name: file.read_bytes()}


def test_a_second_copy_of_collided_bytes_finds_its_own_blob(
    library: Library, tmp_path: Path, forged: str
) -> None:
    for n in range(2):
        bring(library, write(tmp_path / f"{n}.gguf", content(n)))
    (again,) = bring(library, write(tmp_path / "again.gguf", content(1)), name="again")
    assert again.model.files[0].blob == f"{forged}~1"
    assert len(blob_files(library)) == 2


def test_a_blob_that_rotted_is_set_aside_when_the_same_bytes_come_in(
    library: Library, tmp_path: Path
) -> None:
    source = write(tmp_path / "a.gguf", content("a"))
    (added,) = bring(library, source)
    blob = library.store.path(added.model.files[0].blob)
    rotten = bytes(10_000)
    blob.chmod(0o644)
    blob.write_bytes(rotten)
    bring(library, source)
    assert blob.read_bytes() == content("a")
    (kept,) = library.paths.quarantine.iterdir()
    assert kept.read_bytes() == rotten


def test_bytes_left_by_a_crash_are_made_durable_before_they_are_named(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever died between rename and fsync has not made the name durable."""
    data = content("a")
    blob = xxhash.xxh3_128_hexdigest(data)
    left = write(library.paths.blobs / blob[:2] / blob, data)
    left.chmod(0o444)
    synced: list[Path] = []
    real = durable.fsync_folder

    def spy(path: Path) -> None:
        synced.append(path)
        real(path)

    monkeypatch.setattr(durable, "fsync_folder", spy)
    bring(library, write(tmp_path / "a.gguf", data))
    assert left.parent in synced


@pytest.mark.parametrize("known", [False, True])
def test_a_blob_with_a_second_name_outside_is_not_shared_but_replaced(
    library: Library, tmp_path: Path, known: bool
) -> None:
    """A move that died may leave the original as a hard link, through which bytes could change."""
    source = write(tmp_path / "a.gguf", content("a"))
    blob_id = BlobId(xxhash.xxh3_128_hexdigest(content("a")))
    blob = library.store.path(blob_id)
    if known:
        bring(library, source)
        blob.unlink()
    source.chmod(0o444)
    os.link(source, blob)
    (added,) = bring(library, source, name="again")
    source.chmod(0o644)
    source.write_bytes(b"edited in place")
    assert added.model.files[0].blob == blob_id
    assert stored(library, added.model) == {"a.gguf": content("a")}


def test_a_broken_plan_leaves_nothing_behind(library: Library, tmp_path: Path) -> None:
    """Dropping the generator half-way keeps the models given and nothing of the others."""
    files = [write(tmp_path / f"{n}.gguf", content(n)) for n in range(3)]
    running = add(library, plan_add(library, list(map(str, files)), AddOptions()))
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert len(blob_files(library)) == 1
    assert list(library.paths.staging.iterdir()) == []
    assert_sound(library.paths.root)


def test_a_sealed_addition_records_the_sha256_of_the_bytes(
    library: Library, tmp_path: Path
) -> None:
    (added,) = bring(library, write(tmp_path / "a.gguf", content("a")), seal=True)
    assert added.model.files[0].sha256 == hashlib.sha256(content("a")).hexdigest()


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_a_reflinked_blob_is_independent_of_its_original(
    tmp_path: Path, disk: Disk, kind: str
) -> None:
    place = disk(kind, 320)
    with make_library(place) as library:
        data = content("a", 4 << 20)
        source = write(place / "a.gguf", data)
        os.sync()
        before = durable.free_bytes(place)
        (added,) = bring(library, source)
        os.sync()
        assert before - durable.free_bytes(place) < len(data) // 2, "nothing was reflinked"
        source.write_bytes(b"edited in place")
        assert stored(library, added.model) == {"a.gguf": data}


def test_a_failed_comparison_does_not_count_as_the_same(library: Library, tmp_path: Path) -> None:
    """Files whose sizes and samples agree but whose middles differ are two blobs."""
    data = bytearray(1 << 20)
    one = write(tmp_path / "one.gguf", bytes(data))
    data[300_000] ^= 1  # between the samples
    other = write(tmp_path / "other.gguf", bytes(data))
    (first,) = bring(library, one)
    (second,) = bring(library, other)
    assert first.model.files[0].blob != second.model.files[0].blob
    assert stored(library, second.model) == {"other.gguf": bytes(data)}


def test_leftovers_of_a_crash_are_collected_with_their_own_name_only(
    library: Library, tmp_path: Path
) -> None:
    left = write(library.paths.staging / "add-1-dead", b"half")
    source = write(tmp_path / "linked.gguf", b"mine")
    os.link(source, library.paths.staging / "add-2-dead")
    collect(library, plan_collection(library, 0))
    assert not left.exists()
    assert source.read_bytes() == b"mine"


@pytest.mark.parametrize("mode", [0o444, 0o644])
def test_an_unnamed_blob_is_compared_without_the_lock_and_becomes_read_only(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """Comparing 40 GB takes minutes, for which nobody else may have to wait."""
    data = content("left by a crash")
    blob = BlobId(xxhash.xxh3_128_hexdigest(data))
    write(library.store.path(blob), data).chmod(mode)
    monkeypatch.setattr(store_blobs, "LOCK_TIMEOUT_S", 0.2)
    compare, compared = hashing.same_bytes, []

    def compare_while_others_delete(*arguments: object) -> bool:
        with library.store.deleting():
            compared.append(arguments)
        return compare(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(hashing, "same_bytes", compare_while_others_delete)
    (added,) = bring(library, write(tmp_path / "a.gguf", data))
    assert len(compared) == 1 and added.new_bytes == 0
    assert_sound(library.paths.root)


def test_what_takes_the_place_after_the_comparison_is_compared_again(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = content("judged")
    blob = BlobId(xxhash.xxh3_128_hexdigest(data))
    place = write(library.store.path(blob), data)
    place.chmod(0o444)
    judge = Intake.judge

    def judge_and_exchange(intake: Intake, staged: Staged) -> None:
        judge(intake, staged)
        place.unlink()
        write(place, content("something else"))

    monkeypatch.setattr(Intake, "judge", judge_and_exchange)
    (added,) = bring(library, write(tmp_path / "a.gguf", data))
    assert stored(library, added.model) == {"a.gguf": data}
    assert len(list(library.paths.quarantine.iterdir())) == 1
