"""The same weights from two packages are kept once, for as long as one of them is there."""

from collections.abc import Callable

import pytest

from real.client import ask
from real.models import EMBEDDING, SAME_EMBEDDING, SPEECH, UPSCALER_TWINS, RealModel
from real.shelf import Shelf, disk_usage, made_up_bytes, until

pytestmark = pytest.mark.timeout(600)

WEIGHTS = "model.safetensors"
MEGABYTE = 1_000_000


def _expect_whole(shelf: Shelf, model: RealModel) -> None:
    pairs = shelf.pairs_at(shelf.category_path(model), model)
    answer = ask("compare", shelf.environment, pairs=pairs, how="read")
    assert answer == {"different": [], "bytes": model.size_bytes}


def _remove(shelf: Shelf, model: RealModel) -> None:
    shelf.modelfs("rm", model.entry, "--yes")
    shelf.modelfs("trash", "empty", "--yes")
    shelf.modelfs("gc", "--yes")
    until(lambda: not shelf.category_path(model).exists(), "the mount forgets it")


def test_the_same_weights_in_two_packages_take_their_space_once(
    new_shelf: Shelf, need: Callable[..., None]
) -> None:
    need(EMBEDDING, SAME_EMBEDDING)
    empty = new_shelf.stored_bytes()
    first = new_shelf.add(EMBEDDING)
    before = new_shelf.stored_bytes()
    assert before - empty >= EMBEDDING.size_bytes == first["new_bytes"]
    second = new_shelf.add(SAME_EMBEDDING)
    assert second["outcome"] == "added"
    assert 0 < second["new_bytes"] < MEGABYTE
    assert second["new_bytes"] + second["shared_bytes"] == SAME_EMBEDDING.size_bytes
    assert new_shelf.stored_bytes() - before < MEGABYTE
    for model in (EMBEDDING, SAME_EMBEDDING):
        until(new_shelf.category_path(model).exists, "the mount shows it")
        _expect_whole(new_shelf, model)
    status = new_shelf.answer("status")
    assert status["logical_bytes"] == EMBEDDING.size_bytes + SAME_EMBEDDING.size_bytes
    assert status["physical_bytes"] == EMBEDDING.size_bytes + second["new_bytes"]
    assert new_shelf.show(EMBEDDING)["siblings"] == [SAME_EMBEDDING.entry]


def test_adding_the_same_package_again_adds_nothing(new_shelf: Shelf) -> None:
    new_shelf.add(EMBEDDING)
    before = new_shelf.stored_bytes()
    (again,) = new_shelf.answer("add", new_shelf.original(EMBEDDING))["models"]
    assert (again["outcome"], again["new_bytes"]) == ("already there", 0)
    assert again["model"]["entry_name"] == EMBEDDING.entry
    assert new_shelf.stored_bytes() == before
    assert len(new_shelf.answer("ls")) == 1


def test_shared_weights_stay_until_the_last_model_that_has_them_goes(
    new_shelf: Shelf, need: Callable[..., None]
) -> None:
    need(EMBEDDING, SAME_EMBEDDING)
    empty = new_shelf.stored_bytes()
    new_shelf.add(EMBEDDING)
    new_shelf.add(SAME_EMBEDDING)
    until(new_shelf.category_path(SAME_EMBEDDING).exists, "the mount shows it")
    weights = {f["path"]: f["blob"] for f in new_shelf.show(EMBEDDING)["files"]}[WEIGHTS]
    blob = new_shelf.store / "blobs" / weights[:2] / weights
    assert blob.stat().st_size > 90 * MEGABYTE

    _remove(new_shelf, EMBEDDING)
    assert blob.exists()
    assert new_shelf.stored_bytes() - empty >= SAME_EMBEDDING.size_bytes
    _expect_whole(new_shelf, SAME_EMBEDDING)

    _remove(new_shelf, SAME_EMBEDDING)
    assert not blob.exists()
    assert new_shelf.stored_bytes() - empty < MEGABYTE
    assert new_shelf.answer("status")["physical_bytes"] == 0


def test_a_model_in_the_trash_comes_back_whole(new_shelf: Shelf) -> None:
    new_shelf.add(EMBEDDING)
    path = new_shelf.category_path(EMBEDDING)
    until(path.exists, "the mount shows it")
    new_shelf.modelfs("rm", EMBEDDING.entry, "--yes")
    until(lambda: not path.exists(), "the mount forgets it")
    new_shelf.modelfs("gc", "--yes")
    new_shelf.modelfs("restore", EMBEDDING.entry)
    until(path.exists, "the mount shows it again")
    _expect_whole(new_shelf, EMBEDDING)


def test_a_model_in_five_folders_counts_once(new_shelf: Shelf, need: Callable[..., None]) -> None:
    need(SPEECH)
    new_shelf.add(SPEECH)
    places = [
        new_shelf.category_path(SPEECH),
        *(new_shelf.mountpoint / "by-tag" / tag / SPEECH.entry for tag in SPEECH.tags),
        new_shelf.mountpoint / "by-tool" / "faster-whisper" / SPEECH.entry,
    ]
    assert len(places) == 5
    for place in places:
        until(place.exists, f"the mount shows {place}")
    said = new_shelf.show(SPEECH)["appears_at"]
    assert set(map(str, places)) <= set(said)
    for name in SPEECH.files:
        status = [(place / name).stat() for place in places]
        assert len({(each.st_dev, each.st_ino) for each in status}) == 1
        assert {each.st_nlink for each in status} == {len(said)}
    shown = disk_usage(new_shelf.mountpoint, "--apparent-size", "--block-size=1")
    assert shown == SPEECH.size_bytes + made_up_bytes(new_shelf.mountpoint)


@pytest.mark.long
def test_three_scales_of_an_upscaler_share_their_weights(big_shelf: Shelf) -> None:
    """Three pairs in one package, whose ``.bin`` are one file."""
    blobs = []
    for model in UPSCALER_TWINS:
        files = {file["path"]: file["blob"] for file in big_shelf.show(model)["files"]}
        blobs.append(files[model.files[0]])
        _expect_whole(big_shelf, model)
    assert len(set(blobs)) == 1
    numbers = big_shelf.answer("status")
    saved = 2 * 1_247_368
    assert numbers["logical_bytes"] - numbers["physical_bytes"] >= saved
