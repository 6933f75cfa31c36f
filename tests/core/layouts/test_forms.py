"""What counts as one file, which file is the main one, and what files are called when shown."""

from dataclasses import replace

import pytest

from core.layouts.catalogue import model
from modelfs.catalog.records import ModelRecord
from modelfs.layouts import fill, parse_layout
from modelfs.views import Placer
from modelfs.views.forms import form_of

SHARDS = [f"x-{at:05d}-of-00003.gguf" for at in (3, 1, 2)]


def record(files: list[str], name: str = "x") -> ModelRecord:
    """Return a model whose first file is the largest."""
    return model("language/llm", files, "gguf", name)


@pytest.mark.parametrize(
    ("files", "main", "is_one_file", "extension"),
    [
        (["x.gguf"], "x.gguf", True, ".gguf"),
        (["x.safetensors", "x.preview.png", "x.json"], "x.safetensors", True, ".safetensors"),
        (["x.preview.mp4", "x.safetensors"], "x.safetensors", True, ".safetensors"),
        (["x.onnx", "x.onnx.json"], "x.onnx", True, ".onnx"),
        (["x.ckpt", "x.vae.pt"], "x.ckpt", True, ".ckpt"),
        (["model.safetensors", "config.json"], "model.safetensors", False, ""),
        (["sub/x.bin", "sub/x.json"], "sub/x.bin", False, ""),
        (["ollama/projector", "x.gguf", "ollama/config"], "x.gguf", True, ".gguf"),
        (SHARDS, "x-00001-of-00003.gguf", False, ""),
        ([*SHARDS, "README.md"], "x-00001-of-00003.gguf", False, ""),
    ],
)
def test_the_form_of_a_model(
    files: list[str], main: str, is_one_file: bool, extension: str
) -> None:
    form = form_of(record(files))
    assert form.main is not None
    assert (form.main.path, form.is_one_file, form.extension) == (main, is_one_file, extension)


def test_a_model_without_files_has_a_form_too() -> None:
    nothing = replace(record(["x.gguf"]), files=())
    assert form_of(nothing).main is None
    rule = '[[rule]]\ncategories = ["language/llm"]\nname = "{stem}"\nfolder = "{quant}"'
    assert _names(nothing, rule) == ["unknown/unknown"]


def _names(model: ModelRecord, rule: str) -> list[str]:
    placer = Placer((parse_layout("tool", "tool.toml", rule),), fill, {}, "/models")
    return [
        "/".join((*place.folder[2:], place.claim.name + place.claim.extension))
        for place in placer.places(model)
        if place.claim and place.folder[0] == "by-tool"
    ]


FILES = '[[rule]]\ncategories = ["language/llm"]\nshow = "files"\n'


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        (["x.gguf"], ["y.gguf"]),
        (["x.gguf", "x.preview.png"], ["y.gguf", "y.preview.png"]),
        (SHARDS, ["y" + shard[1:] for shard in SHARDS]),
        ([*SHARDS, "LICENSE"], [*("y" + shard[1:] for shard in SHARDS), "LICENSE"]),
        (["sub/x.bin", "config.json"], ["sub/x.bin", "config.json"]),
        (["x.gguf", "ollama/config", "ollama/template"], ["y.gguf"]),
    ],
)
def test_files_that_are_shown_are_called_as_their_model(files: list[str], shown: list[str]) -> None:
    assert _names(record(files, "y"), FILES) == shown


def test_a_rule_passes_over_a_model_that_lacks_a_file() -> None:
    rule = FILES + 'needs = ["*.json"]'
    assert _names(record(["x.onnx", "x.onnx.json"]), rule)
    assert not _names(record(["x.onnx"]), rule)


def test_conditions_know_the_name_of_the_model_and_of_its_file() -> None:
    by_name, by_file = (FILES + f'where = {{ {what} = "x.*" }}' for what in ("name", "file"))
    renamed = record(["x.gguf"], "y")
    assert not _names(renamed, by_name)
    assert _names(renamed, by_file) == ["y.gguf"]


def test_a_prefix_is_dropped_where_something_is_left() -> None:
    rule = FILES + 'drop_prefix = "x-"'
    assert _names(record(["x-a.gguf"], "x-a"), rule) == ["a.gguf"]
    assert _names(record(["x-.gguf"], "x-"), rule) == ["x-.gguf"]
    assert _names(record(["a.gguf"], "a"), rule) == ["a.gguf"]


def test_a_long_name_leaves_room_for_what_follows_it() -> None:
    long = "n" * 250
    (name,) = _names(record(["x.gguf"], long), FILES + 'name = "prefix-{name}"')
    assert len(name) == 255 and name.endswith(".gguf")
    text = FILES + '[[rule.text]]\nname = "{name}.json"\ntext = "{{}}"'
    assert _names(record(["x.gguf"], "n" * 255), text)[1] == long + ".json"


def test_a_companion_gives_way_to_a_file_of_the_model_itself() -> None:
    rule = FILES + 'companions = ["language/projector"]\ncompanion_name = "mmproj-{name}"'
    placer = Placer((parse_layout("tool", "tool.toml", rule),), fill, {}, "/models")
    projector = model("language/projector", "p.gguf", "gguf")
    folder = model("language/projector", ["model.safetensors", "config.json"], "gguf")
    complete = record([*SHARDS, "mmproj-x.gguf"])
    for kin, of, more in (
        ([projector], record(SHARDS), {"mmproj-x.gguf"}),
        ([folder, projector], record(SHARDS), {"mmproj-x.gguf"}),
        ([folder], record(SHARDS), set()),
        ([projector], complete, set()),
    ):
        places = [p for p in placer.places(of, kin) if p.folder[:1] == ("by-tool",)]
        names = [p.claim.name + p.claim.extension for p in places if p.claim]
        assert sorted(names) == sorted({file.path for file in of.files} | more)
        assert all(p.claim and p.claim.model == of.id for p in places)
