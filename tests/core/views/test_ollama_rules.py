"""The checker of Ollama's rules finds each of them broken."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from core.views.ollama_rules import LAYER, Served, listing, manifests, violations
from core.views.ollama_shelves import LAYERS, WEIGHTS, file, model, served

KINDS = ("system", "params", "messages")
FILES = [file(f"ollama/{kind}", LAYERS[kind]) for kind in KINDS]
SOUND = served(model(files=(file("foo.gguf", WEIGHTS[1]), *FILES)))


def _with(*place: str, text: bytes = b"x", sound: Served = SOUND) -> Served:
    folders = {place[:depth] for depth in range(1, len(place))}
    return Served({**sound.files, place: text}, sound.folders | folders)


def _folder(*place: str) -> Served:
    return Served(SOUND.files, SOUND.folders | {place})


def _manifest(change: Callable[[dict[str, Any]], object]) -> Served:
    ((place, text),) = manifests(SOUND).items()
    parsed = json.loads(text)
    change(parsed)
    return _with(*place, text=json.dumps(parsed).encode())


def _layer(kind: str, **other: object) -> Served:
    def change(parsed: dict[str, Any]) -> None:
        entries = [parsed["config"], *parsed["layers"]]
        chosen = next(e for e in entries if e["mediaType"] in (LAYER + kind, kind))
        chosen.update(other)

    return _manifest(change)


def _content(kind: str, text: bytes) -> Served:
    """Another content of a layer, under its right digest."""
    name = "sha256-" + sha256(text).hexdigest()
    changed = _layer(kind, digest=name.replace("-", ":"), size=len(text))
    return _with("blobs", name, text=text, sound=changed)


def _config(**other: object) -> Served:
    kind = "application/vnd.docker.container.image.v1+json"
    return _content(kind, json.dumps(other).encode())


def _twice(kind: str) -> Served:
    def change(parsed: dict[str, Any]) -> None:
        layers = parsed["layers"]
        layers += [layer for layer in layers if layer["mediaType"] == LAYER + kind]

    return _manifest(change)


def _two_templates() -> Served:
    def change(parsed: dict[str, Any]) -> None:
        for layer, kind in zip(parsed["layers"][1:], ("template", "prompt"), strict=False):
            layer["mediaType"] = LAYER + kind

    return _manifest(change)


def _bare() -> Served:
    files = {place: text for place, text in SOUND.files.items() if place[0] == "blobs"}
    return Served(files, frozenset({("blobs",), ("manifests",), ("manifests-v2",)}))


NOUGHT = "sha256-" + "0" * 64
DAMAGES: list[tuple[str, Served]] = [
    ("blobs: is missing", Served(SOUND.files, SOUND.folders - {("blobs",)})),
    ("manifests-v2: is missing", Served(SOUND.files, SOUND.folders - {("manifests-v2",)})),
    ("'b'): is empty", _folder("manifests", "a", "b")),
    ("('manifests',): is empty", _bare()),
    ("no placeholder", _with("manifests", "a", "b")),
    ("no placeholder", _with("manifests", "a")),
    ("no manifest", _with("manifests", "a", "b", "c", "d", "e")),
    ("nothing of Ollama's", _with("README")),
    ("is no host", _with("manifests", ".a", "b", "c", "d")),
    ("is no namespace", _with("manifests", "a", "b.c", "c", "d")),
    ("is no model", _with("manifests", "a", "b", "c:1", "d")),
    ("is no tag", _with("manifests", "a", "b", "c", "t" * 81)),
    ("no name of a blob", _with("blobs", NOUGHT + "-partial")),
    ("no name of a blob", _with("blobs", NOUGHT.replace("-", ":"))),
    ("its bytes are others", _with("blobs", NOUGHT)),
    ("no manifest names it", _with("blobs", NOUGHT)),
    ("a folder among", _folder("blobs", "a")),
    ("no JSON object", _with("manifests", "a", "b", "c", "d")),
    ("no JSON object", _with("manifests", "a", "b", "c", "d", text=b'{"a":1,"a":2}')),
    ("keys", _manifest(lambda parsed: parsed.update(at=1))),
    ("keys", _manifest(lambda parsed: parsed.pop("mediaType"))),
    ("schemaVersion True", _manifest(lambda parsed: parsed.update(schemaVersion=True))),
    ("mediaType 'x'", _manifest(lambda parsed: parsed.update(mediaType="x"))),
    ("layers are no list", _manifest(lambda parsed: parsed.update(layers=None))),
    ("no entry", _layer("model", extra=1)),
    ("no digest", _layer("model", digest=NOUGHT)),
    ("is not there", _layer("model", digest=NOUGHT.replace("-", ":"))),
    ("has 5 bytes, not 6", _layer("model", size=6)),
    ("has 5 bytes, not 5.0", _layer("model", size=5.0)),
    ("0 model layers", _layer("model", mediaType=LAYER + "license")),
    ("2 model layers", _twice("model")),
    ("2 layers of kind params", _twice("params")),
    ("of kind 'json'", _layer("system", mediaType=LAYER + "json")),
    ("two templates", _two_templates()),
    ("model is no GGUF", _content("model", b"GGML")),
    ("system is no text", _content("system", b"\xff")),
    ("params are no", _content("params", b"[]")),
    ("messages are no", _content("messages", b'{"role":"user"}')),
    ("config of type", _layer("application/vnd.docker.container.image.v1+json", mediaType="x")),
    ("config is no JSON", _content("application/vnd.docker.container.image.v1+json", b"[NaN]")),
    ("model_format is ''", _config(model_format="")),
    ("model_format 'onnx'", _config(model_format="onnx")),
    ("model_families 'a'", _config(model_families="a")),
    ("'b' is not in ['a']", _config(model_family="b", model_families=["a"])),
    ("rootfs", _config(rootfs={"type": "layers", "diff_ids": []})),
]


def test_what_is_sound_breaks_no_rule() -> None:
    assert violations(SOUND) == []
    assert list(listing(SOUND)) == ["foo-7b:q4_k_m"]


@pytest.mark.parametrize(("line", "made"), DAMAGES)
def test_what_is_wrong_is_found(line: str, made: Served) -> None:
    assert any(line in each for each in violations(made)), violations(made)
