"""``mount --links`` shows the same trees, with every file a link to the same bytes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from real.client import ask, needs
from real.models import EMBEDDING, LANGUAGE, SPEECH
from real.shelf import Shelf, listed_files

pytestmark = pytest.mark.timeout(600)


def test_links_are_listed_where_files_would_be(shelf: Shelf, linked_shelf: Shelf) -> None:
    expected = sorted(map(str, listed_files(shelf.mountpoint)))
    assert sorted(map(str, listed_files(linked_shelf.mountpoint))) == expected
    assert linked_shelf.answer("status")["read_path"] == "links"
    assert shelf.answer("status")["read_path"] != "links"


def test_every_file_is_a_link_to_a_blob(linked_shelf: Shelf) -> None:
    blobs = linked_shelf.store / "blobs"
    for path in listed_files(linked_shelf.mountpoint):
        link = linked_shelf.mountpoint / path
        target = link.resolve()
        assert link.is_symlink()
        assert target.relative_to(blobs).parts[0] == target.name[:2]
        assert os.lstat(link).st_size == len(os.fsencode(os.readlink(link)))


@pytest.mark.parametrize("how", ["read", "mmap"])
def test_every_link_leads_to_the_files_bytes(linked_shelf: Shelf, how: str) -> None:
    pairs = [
        pair
        for model in linked_shelf.models
        for tag in model.tags
        for place in (
            linked_shelf.category_path(model),
            linked_shelf.mountpoint / "by-tag" / tag / model.entry,
        )
        for pair in linked_shelf.pairs_at(place, model)
    ]
    total = sum(original.stat().st_size for _, original in pairs)
    answer = ask("compare", linked_shelf.environment, pairs=pairs, how=how)
    assert answer == {"different": [], "bytes": total}


def test_llama_cpp_loads_through_a_link(linked_shelf: Shelf) -> None:
    needs("xllamacpp")
    path = linked_shelf.category_path(LANGUAGE)
    request = {"path": path, "prompt": "The capital of France is", "mapped": True}
    answer = ask("run_llama", linked_shelf.environment, **request)
    assert answer["text"].startswith(" Paris")


def test_safetensors_loads_through_a_link(linked_shelf: Shelf) -> None:
    needs("safetensors")
    path = linked_shelf.category_path(EMBEDDING) / "model.safetensors"
    original = linked_shelf.original(EMBEDDING) / "model.safetensors"
    through_link = ask("load_safetensors", linked_shelf.environment, path=path, how="load_file")
    assert through_link == ask(
        "load_safetensors", linked_shelf.environment, path=original, how="load_file"
    )


def test_whisper_hears_through_links(
    linked_shelf: Shelf, need: Callable[..., None], recording: Path
) -> None:
    needs("ctranslate2")
    need(SPEECH)
    folder = linked_shelf.tool_path(SPEECH, "faster-whisper")
    said = ask("transcribe", linked_shelf.environment, path=folder, wav=recording)
    assert said.startswith("And so my fellow Americans")
