"""Ollama's registry as a source: what is listed there is, filed, again the model it was."""

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from core.views.ollama_rules import violations
from core.views.ollama_shelves import CONTENTS, file, model, served
from fetch.standin.ollama import LAYER, StandInOllama
from identify.builders import gguf, source
from modelfs.catalog.records import ModelRecord
from modelfs.errors import AccessDenied, BadInput, NotFound, Unreachable
from modelfs.fetch.endpoints import Endpoints
from modelfs.fetch.licences import licence_id
from modelfs.fetch.listing import Listing, Wishes
from modelfs.fetch.sources.ollama import OllamaSource
from modelfs.fetch.web import Web
from modelfs.identify import group, identify
from modelfs.views.ollama import places
from modelfs.views.ollama_names import name_of

LLAMA = {
    "general.architecture": "llama",
    "general.file_type": 15,
    "llama.context_length": 64,
    "llama.embedding_length": 8,
    "llama.block_count": 1,
    "tokenizer.ggml.model": "gpt2",
}
WEIGHTS = gguf(LLAMA, [("token_embd.weight", [8, 4], 0)], data_bytes=128)
CONFIG = {
    "model_format": "gguf",
    "model_family": "llama",
    "model_families": ["llama"],
    "model_type": "3.2B",
    "file_type": "Q4_K_M",
    "architecture": "amd64",
    "os": "linux",
    "renderer": "something-own",
}
# In the order of a real one, which is not the order of the view.
LAYERS = [
    ("model", WEIGHTS),
    ("params", b'{"stop":["<|eot|>"]}'),
    ("license", b"**Llama 3.2** Acceptable Use Policy\n" + b"Meta is committed. " * 20),
    ("template", b"{{ .Prompt }}"),
    ("license", b"LLAMA 3.2 COMMUNITY LICENSE AGREEMENT\nLlama 3.2 Version Release Date: ..."),
    ("adapter", b"GGUF second"),
    ("adapter", b"GGUF first by its digest"),
    ("system", b"Be kind."),
    ("messages", b"[]"),
    ("projector", b"GGUF projector"),
    ("draft", b"GGUF draft"),
    ("vision", b"of a kind that there is not yet"),
]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInOllama]:
    standing_in = StandInOllama()
    monkeypatch.setenv("MODELFS_OLLAMA", standing_in.endpoint)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    standing_in.start()
    yield standing_in
    standing_in.stop()
    assert not standing_in.errors, standing_in.errors[0]


@pytest.fixture
def web(registry: StandInOllama) -> Iterator[Web]:
    with Web(Endpoints.configured(), backoff_s=0.001) as web:
        yield web


def listed(text: str, web: Web) -> Listing:
    return OllamaSource().list(text, web)


# The whole way


def test_what_is_filed_is_for_ollama_the_model_that_it_was(
    registry: StandInOllama, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = registry.publish("library/llama3.2:3b", LAYERS, CONFIG)
    listing = listed("ollama:llama3.2:3b", web)
    fetch(listing, web, tmp_path)
    made = filed(listing, tmp_path)
    assert (made.facts.format, made.category) == ("gguf", "language/llm")
    shown = next(place for place in places(made) if place.folder[0] == "manifests")
    assert shown.folder == ("manifests", "registry.ollama.ai", "library", "llama3.2")
    assert shown.claim is not None and shown.claim.name == "3b"
    assert isinstance(shown.claim.part, bytes)
    mounted = json.loads(shown.claim.part)
    assert mounted["config"] == manifest["config"]
    assert by_digest(mounted) == by_digest(manifest)
    for kind in ("license", "adapter"):
        assert of_kind(mounted, kind) == of_kind(manifest, kind)
    blobs = {place.claim.name for place in places(made) if place.folder == ("blobs",)}  # type: ignore[union-attr]
    assert blobs == {digest.replace(":", "-") for digest in registry.blobs}
    monkeypatch.setattr("core.views.ollama_shelves.CONTENTS", CONTENTS | contents(tmp_path))
    assert violations(served(made)) == []


def test_a_tag_that_moved_has_another_manifest(registry: StandInOllama, web: Web) -> None:
    registry.publish("library/llama3.2:latest", LAYERS, CONFIG)
    text = registry.manifests["library/llama3.2:latest"]
    before = listed("ollama:llama3.2", web)
    assert before.facts["manifest_digest"] == f"sha256:{sha256(text).hexdigest()}"
    registry.publish("library/llama3.2:latest", LAYERS[:3], CONFIG)
    after = listed("ollama:llama3.2", web)
    assert after.facts["manifest_digest"] != before.facts["manifest_digest"]
    assert after.files[0] == before.files[0]


def fetch(listing: Listing, web: Web, folder: Path) -> None:
    """Bring the files of a listing as its promises say, in two pieces each."""
    for each in listing.files:
        content = each.content
        if content is None:
            assert each.size_bytes is not None
            half = each.size_bytes // 2
            content = part(web, each.url, f"bytes=0-{half - 1}") + part(
                web, each.url, f"bytes={half}-"
            )
        assert (len(content), sha256(content).hexdigest()) == (each.size_bytes, each.sha256)
        path = folder / each.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def part(web: Web, url: str, wanted: str) -> bytes:
    with web.open(url, headers={"range": wanted}) as answer:
        assert answer.status_code == 206
        return answer.read()


def filed(listing: Listing, folder: Path) -> ModelRecord:
    """Return the model that the library makes of these files."""
    paths = [each.path for each in listing.files]
    (one,) = group(paths, listing.title).models
    assert sorted(one.members) == sorted(paths)
    headers = [source(path, (folder / path).read_bytes()) for path in one.members]
    verdict = identify(headers, listing.title, one.name)
    files = tuple(file(path, (folder / path).read_bytes()) for path in one.members)
    made = model(1, one.name, listing.source, verdict.category, verdict.facts, files)
    return replace(made, extension="")


def by_digest(manifest: Any) -> list[dict[str, object]]:
    return sorted(manifest["layers"], key=lambda layer: str(layer["digest"]))


def of_kind(manifest: Any, kind: str) -> list[str]:
    return [layer["digest"] for layer in manifest["layers"] if layer["mediaType"] == LAYER + kind]


def contents(folder: Path) -> dict[str, bytes]:
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return {sha256(content).hexdigest(): content for content in files}


# What is listed


def test_files_have_their_paths_and_promises(registry: StandInOllama, web: Web) -> None:
    registry.publish("library/llama3.2:3b", LAYERS, CONFIG)
    listing = listed("ollama:llama3.2:3b", web)
    assert [each.path for each in listing.files] == [
        *("llama3.2-3b-Q4_K_M.gguf", "ollama/config", "ollama/params", "ollama/license"),
        *("ollama/template", "ollama/license-2", "ollama/adapter", "ollama/adapter-2"),
        *("ollama/system", "ollama/messages", "ollama/projector", "ollama/draft"),
        "ollama/vision",
    ]
    weights = listing.files[0]
    digest = sha256(WEIGHTS).hexdigest()
    assert (weights.sha256, weights.size_bytes, weights.access) == (digest, len(WEIGHTS), "")
    assert weights.url == f"{registry.endpoint}/v2/library/llama3.2/blobs/sha256:{digest}"
    assert listing.facts == {
        "format": "gguf",
        "architecture": "llama",
        "quant": "Q4_K_M",
        "size_label": "3.2B",
        "license": "llama3.2",
        "manifest_digest": listing.facts["manifest_digest"],
    }
    assert (listing.source, listing.asked) == ("ollama:llama3.2:3b", "3b")
    assert not listing.variants and OllamaSource().wishes("ollama:llama3.2") == Wishes()
    asked = [each.file for each in registry.requests if each.origin == "storage"]
    assert f"sha256:{digest}" not in asked, "a listing needs no weights"


@pytest.mark.parametrize(
    ("published", "config", "title"),
    [
        ("library/llama3.2:latest", CONFIG, "llama3.2-3.2B-Q4_K_M"),
        ("library/llama3.2:3b-instruct-q8_0", CONFIG, "llama3.2-3b-instruct-q8_0"),
        ("library/llama3.2:latest", {}, "llama3.2"),
        ("library/llama3.2:latest", {"model_type": "../x", "file_type": "unknown"}, "llama3.2"),
        ("jo/Foo-GGUF:Q4_0", CONFIG, "jo/Foo-Q4_0"),
    ],
)
def test_names_say_what_people_look_for(
    registry: StandInOllama, web: Web, published: str, config: dict[str, object], title: str
) -> None:
    registry.publish(published, LAYERS, config)
    listing = listed(f"ollama:{published}", web)
    assert listing.title == title
    assert listing.files[0].path == title.rpartition("/")[2] + ".gguf"


def test_of_what_can_be_there_once_the_last_counts_and_strangers_are_left_out(
    registry: StandInOllama, web: Web
) -> None:
    layers = [*LAYERS[:1], ("prompt", b"old"), ("template", b"new"), ("json", b"{}"), ("a/b", b"")]
    manifest = registry.publish("library/a:b", layers, CONFIG)
    manifest["layers"].append(registry.blob("application/octet-stream", b"stranger"))  # type: ignore[attr-defined]
    registry.manifests["library/a:b"] = json.dumps(manifest).encode()
    files = {each.path: each.sha256 for each in listed("ollama:a:b", web).files}
    assert set(files) == {"a-b-Q4_K_M.gguf", "ollama/config", "ollama/template"}
    assert files["ollama/template"] == sha256(b"new").hexdigest()


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("MIT\n", "mit"),
        ("                Apache License\n           Version 2.0, January 2004", "apache-2.0"),
        ("META LLAMA 3 COMMUNITY LICENSE AGREEMENT", "llama3"),
        ("LLAMA 3.1 COMMUNITY LICENSE AGREEMENT", "llama3.1"),
        ("LLAMA 4 COMMUNITY LICENSE AGREEMENT", "llama4"),
        ("Gemma Terms of Use \n\nLast modified: February 21, 2024", "gemma"),
        ("MIT License\n\nCopyright (c) 2023 DeepSeek", "mit"),
        ("You may not use this.", None),
        ("", None),
        ("x" * 1000 + " MIT License", None),
    ],
)
def test_licences_are_told_by_how_they_begin(text: str, id_: str | None) -> None:
    assert licence_id(text) == id_


# Addresses


@pytest.mark.parametrize(
    ("text", "published", "canonical"),
    [
        ("ollama:tiny", "library/tiny:latest", "ollama:tiny:latest"),
        ("Ollama:tiny:1b", "library/tiny:1b", "ollama:tiny:1b"),
        ("ollama:library/tiny:1b", "library/tiny:1b", "ollama:tiny:1b"),
        ("ollama:registry.ollama.ai/library/tiny", "library/tiny:latest", "ollama:tiny:latest"),
        ("ollama:jo/tiny:v1", "jo/tiny:v1", "ollama:jo/tiny:v1"),
        ("ollama:ollama.com/jo/tiny", "jo/tiny:latest", "ollama:jo/tiny:latest"),
        ("https://ollama.com/library/tiny:1b", "library/tiny:1b", "ollama:tiny:1b"),
        (" https://www.ollama.com/jo/tiny/?x=y#z ", "jo/tiny:latest", "ollama:jo/tiny:latest"),
        ("https://ollama.com/jo/tiny%3Av1", "jo/tiny:v1", "ollama:jo/tiny:v1"),
    ],
)
def test_addresses_lead_to_the_same_name_here_and_in_ollama(
    registry: StandInOllama, web: Web, text: str, published: str, canonical: str
) -> None:
    registry.publish(published, LAYERS, CONFIG)
    assert OllamaSource().claims(text)
    listing = listed(text, web)
    assert listing.source == canonical
    name = name_of(model(source=listing.source), listing.files[0].path)
    assert f"{name.namespace}/{name.model}:{name.tag}" == published
    assert name.host == "registry.ollama.ai"


@pytest.mark.parametrize(
    "text",
    [
        *("ollama:", "ollama:a b", "ollama:../x", "ollama:a/b/c/d", "ollama:a.b/c", "ollama:x:y:z"),
        *("ollama://x", "ollama:" + "x" * 81, "https://ollama.com", "https://ollama.com/search"),
        *("https://ollama.com/library/tiny/tags", "ollama:h/n/m@sha256", "ollama:a?b=c"),
    ],
)
def test_what_is_no_name_is_refused_without_asking_anybody(
    registry: StandInOllama, web: Web, text: str
) -> None:
    assert OllamaSource().claims(text)
    with pytest.raises(BadInput, match="names no model"):
        listed(text, web)
    assert not registry.requests


def test_other_addresses_are_not_claimed() -> None:
    others = ["hf:a/b", "https://example.org/library/x", "https://[x", "ollama", "ftp://ollama.com"]
    assert not any(OllamaSource().claims(text) for text in others)


def test_another_host_is_asked_itself_encrypted(
    registry: StandInOllama, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.publish("jo/tiny:v1", LAYERS, CONFIG)
    asked: list[str] = []

    def elsewhere(url: str, *rest: Any, **named: Any) -> bytes:
        asked.append(url)
        return real(url.replace("https://models.example:444", registry.endpoint), *rest, **named)

    real = web.text
    monkeypatch.setattr(web, "text", elsewhere)
    listing = listed("ollama:models.example:444/jo/tiny:v1", web)
    assert listing.source == "ollama:models.example:444/jo/tiny:v1"
    top = "https://models.example:444/v2/jo/tiny/"
    assert all(url.startswith(top) for url in [*asked, *(each.url for each in listing.files)])
    name = name_of(model(source=listing.source), listing.files[0].path)
    assert (name.host, name.namespace, name.tag) == ("models.example:444", "jo", "v1")


# Refusals and hostile answers


def test_what_is_not_there_is_not_found(registry: StandInOllama, web: Web) -> None:
    with pytest.raises(NotFound, match="has no model tiny:nope") as caught:
        listed("ollama:tiny:nope", web)
    assert "ollama.com/search" in caught.value.hint


def test_a_registry_that_wants_to_know_who_asks_is_told_nothing(
    registry: StandInOllama, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    registry.publish("jo/private:latest", LAYERS, CONFIG)
    registry.private.add("jo/private")
    with pytest.raises(AccessDenied, match="it is private, or does not exist"):
        listed("ollama:jo/private", web)
    assert [each.token for each in registry.requests] == [None]


@pytest.mark.parametrize(
    ("layers", "config", "said"),
    [
        ([("tensor", b"1"), ("tensor", b"2")], CONFIG, "tensor layers are not supported"),
        ([("model", b"1")], {"model_format": "safetensors"}, "tensor layers are not supported"),
        ([], {"remote_host": "https://ollama.com:443"}, "runs on Ollama's own machines"),
        (LAYERS[1:], CONFIG, "has no weights"),
        ([("model", b"GGUF1"), ("model", b"GGUF2")], CONFIG, "comes in 2 pieces"),
        ([("tensor", b"%d" % n) for n in range(300)], CONFIG, "tensor layers are not supported"),
    ],
)
def test_models_that_are_not_one_gguf_are_refused_and_told_why(
    registry: StandInOllama,
    web: Web,
    layers: list[tuple[str, bytes]],
    config: dict[str, object],
    said: str,
) -> None:
    registry.publish("library/odd:1", layers, config)
    with pytest.raises(BadInput, match=said):
        listed("ollama:odd:1", web)


def test_a_model_that_is_elsewhere_may_have_no_layers_at_all(
    registry: StandInOllama, web: Web
) -> None:
    manifest = registry.publish("library/odd:1", [], {"remote_host": "https://ollama.com:443"})
    registry.manifests["library/odd:1"] = json.dumps(manifest | {"layers": None}).encode()
    with pytest.raises(BadInput, match="runs on Ollama's own machines"):
        listed("ollama:odd:1", web)


def _layer(**changed: object) -> dict[str, object]:
    usual = {"mediaType": LAYER + "model", "digest": "sha256:" + "0" * 64, "size": 5}
    return {"config": usual, "layers": [{**usual, **changed}]}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"<html>", "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
        (b"[]", "no JSON object"),
        (b"\xff\xfe", "no JSON object"),
        ({"manifests": []}, "none of Ollama's"),
        ({"layers": {}, "config": {}}, "none of Ollama's"),
        ({"layers": []}, "none of Ollama's"),
        ({"layers": [], "config": {"digest": ""}}, "without a type or a SHA-256"),
        ({"layers": ["x"], "config": {}}, "without a type or a SHA-256"),
        (_layer(digest="sha256:../../" + "0" * 58), "without a type or a SHA-256"),
        (_layer(digest="sha512:" + "0" * 64), "without a type or a SHA-256"),
        (_layer(digest="sha256:" + "0" * 65), "without a type or a SHA-256"),
        (_layer(digest=7), "without a type or a SHA-256"),
        (_layer(mediaType=None), "without a type or a SHA-256"),
        (_layer(size=-1), "impossible size: -1"),
        (_layer(size=1 << 60), "impossible size"),
        (_layer(size=10**4000), "impossible size"),
        (_layer(size=True), "impossible size"),
        (_layer(size="5"), "impossible size"),
        (_layer(size=5.0), "impossible size"),
        ({"config": _layer()["config"], "layers": [_layer()["config"]] * 201}, "has 201 layers"),
    ],
)
def test_a_manifest_that_is_none_is_told_in_one_line(
    registry: StandInOllama, web: Web, answer: Any, said: str
) -> None:
    text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    registry.manifests["library/bad:1"] = text
    with pytest.raises(Unreachable, match=said) as caught:
        listed("ollama:bad:1", web)
    assert len(caught.value.message.splitlines()) == 1 and len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"size": 2 << 20}, "more than any real one"),
        ({"size": 3}, "is not what the manifest promises"),
        ({"digest": "sha256:" + "0" * 64}, "is not there, though"),
    ],
)
def test_a_config_that_is_not_what_was_promised_is_refused(
    registry: StandInOllama, web: Web, config: dict[str, object], said: str
) -> None:
    manifest: dict[str, Any] = registry.publish("library/bad:1", LAYERS, CONFIG)
    manifest["config"] |= config
    registry.manifests["library/bad:1"] = json.dumps(manifest).encode()
    with pytest.raises(Unreachable, match=said):
        listed("ollama:bad:1", web)


def test_a_config_that_came_damaged_is_refused(registry: StandInOllama, web: Web) -> None:
    manifest: dict[str, Any] = registry.publish("library/bad:1", LAYERS, CONFIG)
    registry.faults.corrupt(manifest["config"]["digest"], 5)
    with pytest.raises(Unreachable, match="is not what the manifest promises"):
        listed("ollama:bad:1", web)


def test_a_registry_that_is_tired_is_asked_again(registry: StandInOllama, web: Web) -> None:
    registry.publish("library/tiny:1", LAYERS, CONFIG)
    registry.faults.status("library/tiny:1", 503, times=2)
    assert listed("ollama:tiny:1", web).source == "ollama:tiny:1"
