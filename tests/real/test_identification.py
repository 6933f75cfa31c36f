"""What modelfs makes of real models is what people who know them say of them."""

from collections.abc import Callable

import pytest

from real.models import ADDED_TAG, MORE, USUAL, RealModel
from real.shelf import Shelf, until

pytestmark = pytest.mark.timeout(600)


def _known(model: RealModel) -> dict[str, object]:
    """Return what ``show --json`` must say of a model, from the table."""
    return {
        "entry_name": model.entry,
        "category": model.category,
        "tags": sorted(model.tags),
        "format": model.format,
        "quant": model.quant,
        "architecture": model.architecture,
        "parameters": model.parameters,
        "size_bytes": model.size_bytes,
        "local_bytes": model.size_bytes,
        "state": "ok",
        "category_by": "guess",
        "auto_tags": sorted(model.auto_tags),
    }


def _check(shelf: Shelf, model: RealModel) -> None:
    shown = shelf.show(model)
    assert {key: shown[key] for key in _known(model)} == _known(model)
    assert shown["facts"]["warnings"] == []
    assert shown["facts"]["reasons"]
    inside = sorted(file["path"] for file in shown["files"])
    assert inside == (sorted(model.files) or [shelf.original(model).name])


@pytest.mark.parametrize("model", USUAL, ids=lambda model: model.entry)
def test_a_real_model_is_identified_from_its_bytes(
    shelf: Shelf, need: Callable[..., None], model: RealModel
) -> None:
    need(model)
    _check(shelf, model)


@pytest.mark.long
@pytest.mark.parametrize("model", MORE, ids=lambda model: model.entry)
def test_a_larger_real_model_is_identified_from_its_bytes(
    big_shelf: Shelf, need: Callable[..., None], model: RealModel
) -> None:
    need(model)
    _check(big_shelf, model)


def test_a_folder_of_real_models_becomes_its_models(new_shelf: Shelf) -> None:
    """The whole folder of a package: every file is a model, and what is none is said."""
    detector = next(model for model in USUAL if model.package == "silero-vad")
    folder = new_shelf.original(detector).parent
    plan = new_shelf.answer("add", folder, "--dry-run")
    assert sorted(model["model"]["entry_name"] for model in plan["models"]) == sorted(
        path.name for path in folder.iterdir()
    )
    assert {model["model"]["category"] for model in plan["models"]} == {"speech/vad"}
    assert plan["skipped"] == []
    assert new_shelf.answer("ls") == []


def test_a_category_that_a_person_gives_stands(new_shelf: Shelf) -> None:
    loss = next(model for model in USUAL if model.package == "lpips")
    (added,) = new_shelf.answer(
        "add", new_shelf.original(loss), "--category", "vision/classifier", "--tag", ADDED_TAG
    )["models"]
    assert added["model"]["category"] == "vision/classifier"
    place = new_shelf.mountpoint / "by-category/vision/classifier" / loss.entry
    until(place.is_file, "the mount shows it there")
    assert place.read_bytes() == new_shelf.original(loss).read_bytes()
