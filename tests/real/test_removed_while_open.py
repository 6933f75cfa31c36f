"""What a program has open it can read to the end, though the model is gone for good meanwhile."""

import os
from collections.abc import Callable

import pytest

from real.client import Client
from real.models import EMBEDDING, SPEECH, RealModel
from real.shelf import Shelf, until

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize(
    ("model", "inner"),
    [(EMBEDDING, "model.safetensors"), (SPEECH, "model.bin")],
    ids=lambda value: value if isinstance(value, str) else value.entry,
)
def test_an_open_file_outlives_its_model(
    new_shelf: Shelf, need: Callable[..., None], model: RealModel, inner: str
) -> None:
    need(model)
    new_shelf.add(model)
    path, original = new_shelf.category_path(model) / inner, new_shelf.original(model) / inner
    until(path.exists, "the mount shows it")
    blobs = {file["path"]: file["blob"] for file in new_shelf.show(model)["files"]}
    blob = new_shelf.store / "blobs" / blobs[inner][:2] / blobs[inner]
    request = {"path": path, "original": original}
    with Client("hold_open", new_shelf.environment, request) as reader:
        assert reader.said() == "open"
        new_shelf.forget(model)
        until(lambda: not path.exists(), "the mount forgets it")
        assert not blob.exists()
        answer = reader.answer()
    assert answer == {
        "heads": True,
        "mapped": True,
        "read": True,
        "size_bytes": original.stat().st_size,
        "links": 0,
    }
    assert new_shelf.answer("status")["physical_bytes"] == 0


def test_the_mount_leaves_nothing_behind_when_its_last_reader_ends(new_shelf: Shelf) -> None:
    """The space of a removed file comes free when the last program closes it."""
    new_shelf.add(EMBEDDING)
    path = new_shelf.category_path(EMBEDDING) / "model.safetensors"
    until(path.exists, "the mount shows it")
    request = {"path": path, "original": new_shelf.original(EMBEDDING) / "model.safetensors"}
    with Client("hold_open", new_shelf.environment, request) as reader:
        assert reader.said() == "open"
        new_shelf.forget(EMBEDDING)
        assert _deleted_but_open(new_shelf) == 1
        assert reader.answer()["read"]
    until(lambda: _deleted_but_open(new_shelf) == 0, "the mount closes the blob")


def _deleted_but_open(shelf: Shelf) -> int:
    """Return how many deleted blobs the mount's process still has open."""
    process = shelf.answer("status")["mount_pid"]
    count = 0
    for link in _descriptors(process):
        count += link.startswith(str(shelf.store)) and link.endswith(" (deleted)")
    return count


def _descriptors(process: int) -> list[str]:
    found = []
    for name in os.listdir(f"/proc/{process}/fd"):
        try:
            found.append(os.readlink(f"/proc/{process}/fd/{name}"))
        except FileNotFoundError:
            continue  # closed since it was listed
    return found
