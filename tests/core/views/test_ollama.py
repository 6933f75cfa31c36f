"""Ollama's folder: no rule of Ollama's is ever broken, whatever the library holds."""

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import STEPS, Shelf, Step, apply_round, shelf
from core.views.ollama_rules import blob_of, listing, manifests, violations
from core.views.ollama_shelves import (
    LAYERS,
    OLLAMA_SHELVES,
    WEIGHTS,
    file,
    model,
    projector,
    serve,
    served,
    tree_of,
)
from faults.tally import count
from modelfs.catalog.records import ModelRecord
from modelfs.types import Facts
from modelfs.views.ollama import layer_paths, places, waits_for

# Any catalogue


@given(OLLAMA_SHELVES)
def test_no_rule_is_broken(made: Shelf) -> None:
    assert violations(serve(tree_of(made))) == []
    count("operation", "ollama: a catalogue against the rules")


@given(OLLAMA_SHELVES)
def test_every_model_that_waits_for_nothing_is_listed_once(made: Shelf) -> None:
    texts = manifests(serve(tree_of(made)))
    ready = [each for each in made.models.values() if list(places(each))]
    assert len(texts) == len(ready)
    for each in made.models.values():
        if waits_for(each):
            assert not list(places(each)), "it waits for its own files, and must not appear"


@given(OLLAMA_SHELVES, st.randoms())
def test_manifests_are_the_same_bytes_whatever_the_order(made: Shelf, chance: Any) -> None:
    models = list(made.models.values())
    shuffled = Shelf({each.id: each for each in chance.sample(models, len(models))})
    assert serve(tree_of(shuffled)) == serve(tree_of(made))


@given(OLLAMA_SHELVES, STEPS)
def test_no_rule_is_broken_while_others_come_and_go(made: Shelf, rounds: list[list[Step]]) -> None:
    tree = tree_of(made)
    for number, steps in enumerate(rounds, 1):
        changed, gone = apply_round(made, steps)
        tree, _ = tree.changed(changed.values(), gone, 1000 + number)
        assert violations(serve(tree)) == []
        assert serve(tree) == serve(tree_of(made))


@given(OLLAMA_SHELVES, st.integers(0, 12))
def test_newer_models_change_no_older_ones_name(made: Shelf, kept: int) -> None:
    older = Shelf({key: each for key, each in made.models.items() if key <= kept})
    before, after = serve(tree_of(older)), serve(tree_of(made))
    assert set(manifests(before)) <= set(manifests(after))


def test_when_all_are_gone_only_the_placeholders_stay() -> None:
    tree = tree_of(shelf([model(), projector(3)]))
    empty, _ = tree.changed((), list(tree.models), 2000)
    made = serve(empty)
    assert violations(made) == []
    assert set(made.files) == {("manifests", ".modelfs"), ("manifests-v2", ".modelfs")}


# What is in them


def test_a_manifest_is_exactly_this() -> None:
    one = model(files=(file("foo.gguf", b"GGUF1"),))
    weights = sha256(b"GGUF1").hexdigest()
    config = (
        '{"architecture":"amd64","file_type":"Q4_K_M","model_families":["llama"],'
        '"model_family":"llama","model_format":"gguf","model_type":"7.6B","os":"linux",'
        f'"rootfs":{{"diff_ids":["sha256:{weights}"],"type":"layers"}}}}'
    ).encode()
    made = served(one)
    assert blob_of(made, "foo-7b:q4_k_m", "config") == config
    (text,) = manifests(made).values()
    assert text.decode() == (
        f'{{"config":{{"digest":"sha256:{sha256(config).hexdigest()}",'
        '"mediaType":"application/vnd.docker.container.image.v1+json",'
        f'"size":{len(config)}}},"layers":[{{"digest":"sha256:{weights}",'
        '"mediaType":"application/vnd.ollama.image.model","size":5}],'
        '"mediaType":"application/vnd.docker.distribution.manifest.v2+json","schemaVersion":2}'
    )


@pytest.mark.parametrize(
    ("parameters", "label", "size"),
    [
        (8_000_000_000, None, "8B"),
        (8_030_261_248, None, "8.0B"),
        (134_515_008, "135M", "134.52M"),
        (22_000_000, None, "22M"),
        (1_500, None, "2K"),
        (12, None, "12"),
        (None, "7B", "7B"),
        (None, None, None),
    ],
)
def test_sizes_are_written_as_ollama_does(
    parameters: int | None, label: str | None, size: str | None
) -> None:
    details = {"size_label": label} if label else {}
    one = model(facts=Facts("gguf", "llama", "Q8_0", parameters, details=details))
    made = served(one)
    config = json.loads(blob_of(made, next(iter(listing(made))), "config"))
    assert config.get("model_type") == size


def test_what_a_model_brings_is_kept() -> None:
    files = [file(f"ollama/{kind}", content) for kind, content in LAYERS.items()]
    one = model(source="ollama:mine", files=(file("mine.gguf", WEIGHTS[1]), *files))
    made = served(one)
    assert violations(made) == []
    (text,) = manifests(made).values()
    layers = json.loads(text)["layers"]
    kinds = [layer["mediaType"].rpartition(".")[2] for layer in layers]
    assert kinds == [
        *("model", "projector", "adapter", "adapter", "adapter", "draft"),
        *("template", "system", "params", "messages", "license", "license", "vision"),
    ]
    adapters = [layer["digest"] for layer in layers if layer["mediaType"].endswith("adapter")]
    wanted = [LAYERS[f"adapter-{number}"] for number in (1, 2, 10)]
    assert adapters == [f"sha256:{sha256(each).hexdigest()}" for each in wanted]
    for kind in ("system", "params", "messages", "config"):
        assert blob_of(made, "mine:latest", kind) == LAYERS[kind]


def test_layers_have_a_place_each() -> None:
    kinds = ["license", "prompt", "vision", "license", "template", "tensor", "../x", "", "config"]
    assert layer_paths(kinds) == [
        *("ollama/license", None, "ollama/vision", "ollama/license-2", "ollama/template"),
        *(None, None, None, None),
    ]


def test_its_own_projector_stands_before_its_familys() -> None:
    own = file("ollama/projector", LAYERS["projector"])
    one = model(files=(file("foo.gguf", WEIGHTS[1]), own))
    made = served(one, projector(2))
    assert blob_of(made, "foo-7b:q4_k_m", "projector") == LAYERS["projector"]
    config = json.loads(blob_of(made, "foo-7b:q4_k_m", "config"))
    assert config["model_families"] == ["llama", "clip"]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, category="language/lora"),
        lambda one: replace(one, category="language/projector"),
        lambda one: replace(one, category="image/diffusion-model"),
        lambda one: replace(one, category="language/llmx"),
        lambda one: replace(one, trashed_at=1.0),
        lambda one: replace(one, facts=Facts("safetensors")),
        lambda one: replace(one, facts=Facts("gguf", "clip")),
        lambda one: replace(one, facts=Facts("gguf", details={"type": "adapter"})),
        lambda one: replace(one, facts=Facts("gguf", details={"split_count": 2})),
        lambda one: replace(one, facts=Facts("gguf", details={"tensor_count": 0})),
        lambda one: replace(one, files=(file("a-00001-of-00002.gguf", WEIGHTS[0]),)),
        lambda one: replace(one, files=(file("a.gguf", WEIGHTS[0]), file("b.gguf", WEIGHTS[1]))),
        lambda one: replace(one, files=(file("ollama/system", LAYERS["system"]),)),
        lambda one: replace(one, files=()),
    ],
)
def test_what_ollama_cannot_run_is_not_there(change: Callable[[ModelRecord], ModelRecord]) -> None:
    other = change(model())
    assert listing(served(other)) == {}
    assert waits_for(other) == ()


# Waiting


def test_a_model_waits_for_its_sha256_and_for_that_of_each_layer() -> None:
    files = (
        file("foo.gguf", WEIGHTS[1], sealed=False),
        file("ollama/system", LAYERS["system"], sealed=False),
        file("ollama/config", LAYERS["config"]),
        file("ollama/Notes", LAYERS["Notes"], sealed=False),
    )
    one = model(files=files)
    assert waits_for(one) == (one.files[0].id, one.files[1].id)
    assert listing(served(one)) == {}
    for at in range(3):
        missing = [replace(each, sha256="0" * 64) for each in one.files]
        missing[at] = replace(missing[at], sha256=None)
        assert not list(places(replace(one, files=tuple(missing))))


def test_a_projector_that_is_not_sealed_is_waited_for_first_and_leaves_the_model_there() -> None:
    one = model(files=(file("foo.gguf", WEIGHTS[1], sealed=False),))
    eyes = projector(3, sealed=False)
    assert waits_for(one, [eyes]) == (eyes.files[0].id, one.files[0].id)
    ready = model(files=(file("foo.gguf", WEIGHTS[1]),))
    assert waits_for(ready, [eyes]) == (eyes.files[0].id,)
    assert served(ready, eyes).files == served(ready).files
    assert waits_for(ready, [projector(3)]) == ()


def test_of_several_projectors_the_nearest_is_taken_and_a_ready_one_meanwhile() -> None:
    one = model(1, source="hf:org/foo@1", files=(file("foo-Q8_0.gguf", WEIGHTS[1]),))
    stranger, same_publisher = projector(2), projector(3, "hf:org/bar@1")
    same_repository = projector(4, "hf:org/foo@2", sealed=False)

    def chosen(*kin: ModelRecord) -> set[object]:
        shown: set[object] = {place.claim.part for place in places(one, kin) if place.claim}
        return shown & {each.files[0].id for each in kin}

    assert chosen(stranger) == {stranger.files[0].id}
    assert chosen(projector(5), stranger) == {stranger.files[0].id}, "the oldest of strangers"
    assert chosen(stranger, same_publisher) == {same_publisher.files[0].id}
    assert chosen(stranger, same_publisher, same_repository) == {same_publisher.files[0].id}
    assert waits_for(one, [stranger, same_publisher, same_repository]) == (
        same_repository.files[0].id,
    )
    sealed = replace(same_repository, files=projector(4).files)
    assert chosen(stranger, same_publisher, sealed) == {sealed.files[0].id}
