"""Whatever a library holds: nothing is lost in a tool's folder, names stay, texts can be read."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.layouts.catalogue import CATALOGUE, WHISPER_TINY, model
from core.layouts.golden import LAYOUTS
from core.strategies import LEGAL_NAMES, SOURCES, Shelf, shelf
from modelfs.catalog.records import ModelRecord
from modelfs.layouts import Rule, fill
from modelfs.names import MAX_BYTES, fold, shorten, split_extension
from modelfs.types import BlobId, FileId, ModelId
from modelfs.views import STORES, Placement, Placer, Tree
from modelfs.views.forms import form_of

MOUNTS = ["/models", '/a "b" #: {c}\n\u0085\ufeff', "/\udcff"]
FAMILIES = ["language/llm a", "language/llm b"]
NAMES = ["kokoro", "ggml-a", "real-esrgan", "gfpgan", "x-spatial-upscaler", "dat_x", "mmproj-a"]
Model = ModelRecord


@st.composite
def fitting_bodies(draw: st.DrawFn, tool: str) -> Model:
    """Draw a model that some rule of the tool is about, in a form that it may take."""
    rule = draw(st.sampled_from(LAYOUTS[tool].rules))
    category = draw(st.sampled_from(sorted(rule.categories | rule.companions)))
    extension = draw(st.sampled_from(sorted(rule.extensions or {".gguf", ".bin"})))
    name = shorten(draw(LEGAL_NAMES | st.sampled_from(NAMES)), len(extension))
    drawn = model(
        category,
        draw(_paths(rule, name, extension)),
        draw(st.sampled_from(sorted(rule.formats or {"gguf", "safetensors"}))),
        name=name,
        source=draw(SOURCES),
        family=draw(st.sampled_from([None, *FAMILIES])),
        sha256=draw(st.sampled_from([None, WHISPER_TINY])),
        **draw(st.sampled_from([{}, {"quant": "mlx-4bit"}, {"architecture": "animatediff"}])),
        **draw(st.sampled_from([{}, {"adapter_type": "LoHa"}])),
    )
    blobs = draw(st.lists(st.integers(0, 5), min_size=9, max_size=9))
    files = (
        replace(file, blob=BlobId(f"{blob:032x}"))
        for file, blob in zip(drawn.files, blobs, strict=False)
    )
    single = extension if drawn.is_single else ""
    return replace(drawn, extension=single, files=tuple(files))


def _paths(rule: Rule, name: str, extension: str) -> st.SearchStrategy[list[str]]:
    """Draw files: one, one with notes, shards, or a folder that has what the rule needs."""
    first = 2 if rule.shape == "folder" else 0
    last = 2 if rule.shape == "file" else 4
    shard = "*-00001-of-*", "set-00001-of-00002"
    needed = [pattern.replace(*shard).replace("*", "x") for pattern in rule.needs]
    return st.sampled_from(
        [
            [name + extension],
            ["file" + extension, "file.preview.png", f"file{extension}.json"],
            ["set-00001-of-00002.gguf", "set-00002-of-00002.gguf"],
            ["model.safetensors", "config.json", "sub/x.bin", *needed],
        ][first:last]
    ).map(lambda paths: list(dict.fromkeys(paths)))


def shelves(tool: str) -> st.SearchStrategy[Shelf]:
    """Draw a library for one tool: for all at once, most would see next to nothing."""
    return st.lists(fitting_bodies(tool), max_size=6).map(shelf)


def placer(tool: str, mount: str = "/models") -> Placer:
    return Placer((LAYOUTS[tool],), fill, STORES, mount)


def build(tool: str, models: Sequence[Model], mount: str = "/models") -> Tree:
    return Tree.build(placer(tool, mount), models, 0)


for_every_tool = pytest.mark.parametrize("tool", LAYOUTS)
few = settings(max_examples=20)  # of each of thirty tools


def own_entries(tree: Tree) -> dict[tuple[str, ...], dict[str, object]]:
    """Return what each folder of the tools shows: names to what they lead to."""
    return {
        path: {name: claim.target for name, claim in view.entries.items()}
        for path, view in tree.views.items()
        if path[:1] == ("by-tool",)
    }


@for_every_tool
@few
@given(st.data())
def test_no_model_hides_another(tool: str, data: st.DataObject) -> None:
    tree = build(tool, list(data.draw(shelves(tool)).models.values()))
    for path, entries in own_entries(tree).items():
        view = tree.views[path]
        claims = [claim for own in view.claims.values() for claim in own]
        wanted = {claim.target for claim in claims if claim.sharing == "no"}
        assert wanted <= set(entries.values()), path
        shared = {claim.name + claim.extension for claim in claims if claim.sharing != "no"}
        assert shared <= set(entries), path
        # That folders differ by more than case is the care of the library, which names models.
        names, folders = list(map(fold, entries)), set(map(fold, view.folders))
        assert len(set(names)) == len(names) and folders.isdisjoint(names), (path, names)
        assert all(0 < len(name.encode()) <= MAX_BYTES for name in [*view.folders, *entries])


@for_every_tool
@few
@given(st.data())
def test_names_stay_when_others_come_and_go(tool: str, data: st.DataObject) -> None:
    """As the library sees to it, no two models have one name; and strangers are of no family."""
    shelf, stranger = data.draw(shelves(tool)), data.draw(fitting_bodies(tool))
    models = [_told_apart(each, f"{n}") for n, each in enumerate(shelf.models.values())]
    stranger = replace(stranger, family=None)
    late = _told_apart(_with_ids(stranger, 10**6), "late")
    early = _told_apart(_with_ids(stranger, 0), "early")
    assume(early.id not in shelf.models)
    alone = own_entries(build(tool, models))
    for crowd in ([*models, late], [early, *models]):
        together = own_entries(build(tool, crowd))
        for path, entries in alone.items():
            assert entries.items() <= together[path].items(), path


def _told_apart(model: Model, word: str) -> Model:
    """Give a model a name of its own, and its one file the name under which it was published."""
    name = f"{shorten(model.name, 60)}~{word}"
    stem = split_extension(model.files[0].path)[0]
    files = model.files
    if form_of(model).is_one_file:
        files = tuple(replace(f, path=name + f.path[len(stem) :], sha256=None) for f in files)
    return replace(model, name=name, files=files)


def _with_ids(model: Model, number: int) -> Model:
    files = (replace(f, id=FileId(number * 10 + at)) for at, f in enumerate(model.files, 10**7))
    return replace(model, id=ModelId(number or -1), files=tuple(files))


@pytest.mark.parametrize("tool", ["comfyui", "jan", "koboldcpp", "localai"])
@given(st.data(), st.sampled_from(MOUNTS))
def test_texts_can_be_read_whatever_the_names(tool: str, data: st.DataObject, mount: str) -> None:
    tree = build(tool, list(data.draw(shelves(tool)).models.values()), mount)
    for path, view in tree.views.items():
        for name, claim in view.entries.items():
            if not isinstance(claim.part, bytes):
                continue
            text = claim.part.decode()
            if name.endswith(".kcpps"):
                said = json.loads(text)
                assert said and all(isinstance(value, str) for value in said.values())
            else:
                said = yaml.safe_load(text)
                assert isinstance(said, dict) and said
            if tool == "jan":
                assert said["name"] == tree.models[claim.model].name
                assert said["size_bytes"] == tree.models[claim.model].size_bytes
                assert said["model_path"].startswith("/".join((mount, *path)))


class Counting(Placer):
    """Counts what is asked of it and what it answers."""

    asked = 0
    given = 0

    def places(self, model: Model, kin: Sequence[Model] = ()) -> list[Placement]:
        found = super().places(model, kin)
        self.asked += 1
        self.given += len(found)
        return found


def test_the_work_for_all_tools_grows_as_the_library_does() -> None:
    def work(copies: int) -> tuple[int, int]:
        placer = Counting(tuple(LAYOUTS.values()), fill, STORES, "/models")
        models = [_copy(each, n) for n in range(copies) for each in CATALOGUE]
        Tree.build(placer, models, 0)
        return placer.asked, placer.given

    once = work(1)
    assert min(once) >= len(CATALOGUE)
    for copies in (2, 4, 8):
        assert work(copies) == (once[0] * copies, once[1] * copies)


def _copy(model: Model, number: int) -> Model:
    return replace(
        model,
        id=ModelId(model.id + number * 1000),
        name=f"{model.name}-{number}",
        files=tuple(replace(f, id=FileId(f.id + number * 10**6)) for f in model.files),
        family=model.family and f"{model.family} {number}",
    )
