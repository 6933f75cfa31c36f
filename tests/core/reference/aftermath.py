"""What a killed deed may leave: all of it, none of it, or the transactions up to some point.

The catalogue must be at exactly one of the points between two transactions. On disk, what a model
names must be as it was or whole; anything else is something that a collection takes away.
"""

from collections import Counter

from core.reference.agreement import blob_files, is_listed_alike, set_aside_now
from core.reference.plain import PlainLibrary, blob_id
from core.reference.sources import Source
from modelfs.library import Library


def settle(
    library: Library, before: PlainLibrary, stages: list[PlainLibrary], sources: list[Source]
) -> PlainLibrary:
    """Return the point at which the deed died, with the disk as it is; fail if there is none."""
    matching = [stage for stage in [before, *stages] if is_listed_alike(library, stage)]
    assert matching, "the catalogue is at no point between two transactions"
    settled = matching[0].copy()
    last = stages[-1] if stages else before
    in_quarantine = {data for data, _ in before.set_aside}
    known = {*before.disk, *before.states, *last.states, *in_quarantine}
    contents = {blob_id(data): data for data in known}
    contents |= {blob_id(data): data for s in sources for data in s.files.values()}
    _adopt_disk(library, before, settled, contents)
    _adopt_quarantine(library, before, settled, contents)
    settled.loose &= {data for data in settled.disk if _is_writable(library, data)}
    return settled


def _is_writable(library: Library, data: bytes) -> bool:
    return bool(library.store.path(blob_id(data)).lstat().st_mode & 0o200)


def _adopt_disk(
    library: Library, before: PlainLibrary, settled: PlainLibrary, contents: dict[str, bytes]
) -> None:
    files = blob_files(library.paths.root)
    found = {blob: path.read_bytes() for blob, path in files.items()}
    assert found.keys() <= contents.keys(), "a blob of bytes that nobody brought"
    settled.disk = {contents[blob]: there for blob, there in found.items()}
    for data, there in settled.disk.items():
        assert there in (before.disk.get(data), data), "half a blob"
    for data in settled.named():
        was_whole = before.disk.get(data) == data
        is_new = data not in before.states
        if was_whole or is_new:
            assert settled.disk.get(data) == data, "a name without its bytes"


def _adopt_quarantine(
    library: Library, before: PlainLibrary, settled: PlainLibrary, contents: dict[str, bytes]
) -> None:
    found = {(contents[b], there): n for (b, there), n in set_aside_now(library).items()}
    settled.set_aside = Counter(found)
    for (data, there), _ in (settled.set_aside - before.set_aside).items():
        assert before.disk.get(data) == there != data, "whole bytes in the quarantine"


def assert_originals(sources: list[Source], settled: PlainLibrary, *, move: bool) -> None:
    """An original is there untouched, unless it was to be moved and is named now."""
    for source in sources:
        for path, data in source.files.items():
            try:
                with open(path, "rb") as file:
                    assert file.read() == data
            except FileNotFoundError:
                assert move and data in settled.named(), f"{path} is gone"
