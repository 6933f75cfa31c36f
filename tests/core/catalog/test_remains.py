"""What is read of a damaged catalogue, around its broken pages, and made a catalogue again."""

from pathlib import Path

import pytest

from faults.tally import count
from modelfs.catalog import edit, models, remains
from modelfs.catalog.database import Catalog
from modelfs.catalog.filters import Filter
from modelfs.catalog.records import NewFile, NewModel
from modelfs.types import BlobId, Facts

MODELS = 300
PAGE = 4096


def _new(number: int) -> NewModel:
    file = NewFile("a.gguf", BlobId(f"{number:032x}"), 10, "sample", None, 0)
    source = f"local:/models/{number}"
    return NewModel(f"m{number}", ".gguf", "other/unsorted", "guess", source, Facts(), [file])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.sqlite3"
    catalog = Catalog.open(path, create=True)
    with catalog.write():
        for number in range(1, MODELS + 1):
            edit.add_model(catalog, _new(number))
    catalog.close()
    return path


def _leaves(file: Path) -> list[int]:
    """Return the pages with the rows of models, in their order; they alone have facts in them."""
    data = file.read_bytes()
    pages = [data[start : start + PAGE] for start in range(0, len(data), PAGE)]
    return [n for n, page in enumerate(pages) if page[0] == 0x0D and b'"reasons"' in page]


def _break(file: Path, page: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(page * PAGE)
        opened.write(bytes([0xFF]) * PAGE)
    count("damage", "catalogue: pages of models")


@pytest.mark.parametrize("places", [(0, -1), (1, -2), (0, 1), (-2, -1)])
def test_rows_beside_broken_pages_are_read_wherever_these_are(
    file: Path, places: tuple[int, int]
) -> None:
    leaves = _leaves(file)
    assert len(leaves) > 6
    whole = remains.read(file)
    assert whole.is_whole and len(whole.rows["model"]) == MODELS
    for place in places:
        _break(file, leaves[place])
    found = remains.read(file)
    lost = MODELS - len(found.rows["model"])
    assert "model" in found.lost and "file" not in found.lost
    assert 0 < lost < 70, "no more than what stood on the two pages"
    assert found.rows["model"].items() <= whole.rows["model"].items()


def test_what_one_lost_the_other_fills_and_what_is_whole_stands(file: Path, tmp_path: Path) -> None:
    older = remains.read(file)
    catalog = Catalog.open(file)
    with catalog.write():
        for model in models.find(catalog, Filter())[:5]:
            edit.tag(catalog, model, ["newer"])
        edit.forget(catalog, models.find(catalog, Filter())[20])
    catalog.close()
    newer = remains.read(file)
    lacking = remains.Remains(rows={t: dict(r) for t, r in newer.rows.items()})
    for number in (1, 21, 40):
        lacking.rows["model"].pop((number,), None)
    lacking.lost = {"model": "a broken page"}
    both = remains.merged(lacking, older)
    assert both.rows["model"].keys() == newer.rows["model"].keys(), "21 was deleted for good"
    assert both.rows["tag"] == newer.rows["tag"], "a table that was read whole stands"


def test_rows_that_cannot_stand_together_become_a_catalogue_all_the_same(
    file: Path, tmp_path: Path
) -> None:
    found = remains.read(file)
    rows = found.rows["model"]
    twin = list(rows[2,])
    twin[1], twin[3] = rows[1,][1], rows[1,][3]  # the name that another has
    twin[12] = "no facts"
    rows[2,] = tuple(twin)
    illegal = list(rows[3,])
    illegal[1] = "../up\n"
    rows[3,] = tuple(illegal)
    made = tmp_path / "made.sqlite3"
    remains.write(made, found)
    catalog = Catalog.open(made)
    names = {model.id: model.name for model in models.find(catalog, Filter())}
    assert catalog.problems() == []
    catalog.close()
    assert len(set(names.values())) == len(names) == MODELS
    assert names[models.ModelId(1)] == "m1" and names[models.ModelId(2)].startswith("m1-")
    assert "/" not in names[models.ModelId(3)]
