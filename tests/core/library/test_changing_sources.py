"""A file that changes while it is read becomes no blob, however it changes."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.conftest import bring, content, write
from core.soundness import assert_sound, every_model
from modelfs import durable
from modelfs.errors import Cancelled, SourceChanged
from modelfs.hashing import CHUNK_BYTES
from modelfs.library import Library
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.progress import Progress

DATA = content("changing", 2 * CHUNK_BYTES + 5)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, CHUNK_BYTES + 1)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"changed")
    os.utime(path)


@pytest.mark.parametrize("change", [append, shrink, overwrite])
@pytest.mark.parametrize("step", ["copying", "comparing", "hashing"])
def test_a_file_changed_while_it_is_read_adds_nothing(
    library: Library, tmp_path: Path, change: Callable[[Path], None], step: str
) -> None:
    source = write(tmp_path / "a.gguf", DATA)
    if step == "comparing":
        bring(library, write(tmp_path / "double.gguf", DATA))
    before = every_model(library)
    seen = []

    def interfere(progress: Progress) -> None:
        if progress.step == step and not seen:
            seen.append(progress)
            change(source)

    options = AddOptions(name="changing", move=step == "hashing")
    with pytest.raises(SourceChanged):
        list(add(library, plan_add(library, [str(source)], options), interfere))
    assert seen
    assert source.exists()
    assert every_model(library) == before
    assert list(library.paths.staging.iterdir()) == []
    assert_sound(library.paths.root)
    (added,) = bring(library, source, name="changing")
    assert library.store.path(added.model.files[0].blob).read_bytes() == source.read_bytes()


def test_a_file_that_hides_its_change_becomes_a_blob_of_what_was_copied(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same size, same time: nobody can tell. The id must be that of the copy all the same."""
    source = write(tmp_path / "a.gguf", DATA)
    times = source.stat()
    written: list[int] = []
    write_at = durable.write_at

    def write_then_change(fd: int, chunk: memoryview, offset: int) -> None:
        write_at(fd, chunk, offset)
        written.append(offset)
        source.write_bytes(content(f"changed {len(written)}", len(DATA)))
        os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))

    monkeypatch.setattr(durable, "write_at", write_then_change)
    (added,) = bring(library, source)
    assert len(written) > 1
    blob = library.store.path(added.model.files[0].blob)
    assert blob.read_bytes() not in (DATA, source.read_bytes()), "a mixture"
    assert_sound(library.paths.root)


def test_a_file_that_somebody_keeps_writing_to_adds_nothing(
    library: Library, tmp_path: Path
) -> None:
    source = write(tmp_path / "a.gguf", DATA)
    stop, appended = threading.Event(), threading.Event()

    def keep_appending() -> None:
        while not stop.wait(0.001):
            append(source)
            appended.set()

    def wait_for_more(_: Progress) -> None:
        appended.clear()
        assert appended.wait(10)

    writer = threading.Thread(target=keep_appending)
    writer.start()
    try:
        assert appended.wait(10)
        with pytest.raises(SourceChanged):
            list(add(library, plan_add(library, [str(source)], AddOptions()), wait_for_more))
    finally:
        stop.set()
        writer.join()
    assert every_model(library) == []
    assert_sound(library.paths.root)


def test_a_file_replaced_between_plan_and_addition_is_counted_as_it_is(
    library: Library, tmp_path: Path
) -> None:
    source = write(tmp_path / "a.gguf", content("a", 1000))
    plan = plan_add(library, [str(source)], AddOptions())
    write(source, content("b", 5000))
    (added,) = add(library, plan)
    assert (added.new_bytes, added.shared_bytes, added.model.size_bytes) == (5000, 0, 5000)


def test_stopping_at_any_report_leaves_nothing_half_done(library: Library, tmp_path: Path) -> None:
    source = write(tmp_path / "a.gguf", DATA)
    for stop_at in range(1, 20):
        reports = []

        def stop(progress: Progress, limit: int = stop_at) -> None:
            reports.append(progress)  # noqa: B023  (used within this round only)
            if len(reports) == limit:  # noqa: B023
                raise Cancelled("stopped")

        try:
            list(add(library, plan_add(library, [str(source)], AddOptions()), stop))
        except Cancelled:
            assert every_model(library) == []
            assert list(library.paths.staging.iterdir()) == []
        else:
            assert stop_at > 2, "it was never reported"
            break
    assert len(every_model(library)) == 1
    assert_sound(library.paths.root)
