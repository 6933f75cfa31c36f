"""From an address of each other source to a model, and to where tools look for it."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from core.conftest import make_library
from fetch.standin.civitai import TOKEN, StandInCivitai
from fetch.standin.files import StandInFiles
from fetch.standin.modelscope import StandInModelScope
from fetch.standin.ollama import StandInOllama
from identify.builders import gguf, safetensors
from modelfs.catalog import jobs
from modelfs.catalog.records import ModelRecord
from modelfs.errors import Unreachable
from modelfs.library import Library, access
from modelfs.library.fetch_plan import ask_source, plan_fetch
from modelfs.library.fetching import create_job, run_job
from modelfs.library.jobs import find
from modelfs.views.ollama import places

HEADER = {
    "general.architecture": "llama",
    "general.file_type": 15,
    "llama.context_length": 64,
    "llama.embedding_length": 8,
    "llama.block_count": 1,
    "tokenizer.ggml.model": "gpt2",
}
GGUF = gguf(HEADER, [("token_embd.weight", [8, 4], 0)], data_bytes=128)
LORA = safetensors(
    {
        "lora_unet_down_blocks_1_attentions_0_proj_in.lora_down.weight": [4, 64],
        "lora_unet_down_blocks_1_attentions_0_proj_in.lora_up.weight": [64, 4],
        "lora_unet_down_blocks_1_attentions_0_proj_in.alpha": [],
    }
)
LAYERS = [
    ("model", GGUF),
    ("template", b"{{ .Prompt }}"),
    ("params", b'{"stop":["<|eot|>"]}'),
    ("license", b"MIT License\n"),
]
CONFIG = {"model_format": "gguf", "model_family": "llama", "file_type": "Q4_K_M"}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with make_library(tmp_path) as opened:
        yield opened


def fetched(library: Library, address: str) -> ModelRecord:
    with access.web(library) as web:
        offer = ask_source(address, web)
        plan = plan_fetch(library, offer)
    (added,) = run_job(library, find(library, create_job(library, plan)))
    assert library.paths.staging.is_dir() and not any(library.paths.staging.iterdir())
    return added.model


def test_a_model_of_ollamas_registry_is_for_ollama_the_same_model(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = StandInOllama()
    monkeypatch.setenv("MODELFS_OLLAMA", registry.endpoint)
    registry.start()
    try:
        manifest = registry.publish("library/llama3.2:3b", LAYERS, CONFIG)
        model = fetched(library, "ollama:llama3.2:3b")
        (again_,) = [each for each in library.cached_models() if each.id == model.id]
        assert library.is_cached("ollama:llama3.2:3b")
    finally:
        registry.stop()
    assert (model.source, model.category) == ("ollama:llama3.2:3b", "language/llm")
    assert model.name == "llama3.2-3b-Q4_K_M"
    shown = [place for place in places(again_) if place.folder[0] == "manifests"]
    (claim,) = (place.claim for place in shown)
    assert claim is not None and claim.name == "3b" and isinstance(claim.part, bytes)
    mounted = json.loads(claim.part)
    assert mounted["config"] == manifest["config"]
    assert {layer["digest"] for layer in mounted["layers"]} == {
        f"sha256:{sha256(content).hexdigest()}" for _, content in LAYERS
    }


def test_a_model_of_civitai_brings_its_note_and_its_picture(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIVITAI_API_TOKEN", TOKEN)
    with StandInCivitai() as civitai:
        monkeypatch.setenv("MODELFS_CIVITAI", civitai.address)
        file = civitai.file(7, "ink.safetensors", LORA, primary=True, format="SafeTensor")
        civitai.add(123, civitai.version(789, file, images=[civitai.image("5.jpeg")]))
        model = fetched(library, "https://civitai.com/models/123/ink")
        tokens = {r.origin for r in civitai.requests if "authorization" in r.headers}
    assert tokens == {"civitai"}, "never the storage"
    assert model.source == "civitai:123@789"
    assert [file.path for file in model.files] == [
        "ink.civitai.info",
        "ink.preview.jpg",
        "ink.safetensors",
    ]
    assert model.category == "image/lora"
    assert model.facts.details["trigger_words"] == ["inkstyle"]
    assert TOKEN not in json.dumps([job.request for job in jobs.all_jobs(library.catalog)])


def test_a_wrong_digest_of_civitai_keeps_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandInCivitai() as civitai:
        monkeypatch.setenv("MODELFS_CIVITAI", civitai.address)
        file = civitai.file(7, "ink.safetensors", LORA, primary=True)
        file["hashes"]["SHA256"] = "0" * 64
        civitai.add(123, civitai.version(789, file))
        with pytest.raises(Unreachable, match="is damaged"):
            fetched(library, "civitai:123")
    assert library.cached_models() == []
    assert not [path for path in library.paths.staging.iterdir() if "0" * 32 in path.name]


def test_a_plain_address_gives_one_file_under_its_own_name(library: Library) -> None:
    digest = sha256(GGUF).hexdigest()
    with StandInFiles() as files:
        headers = {"Content-Disposition": "attachment; filename*=UTF-8''tiny%20model.gguf"}
        address = files.put("/download?id=5&token=secret", GGUF, headers=headers)
        address = files.put("/download", GGUF, headers=headers)
        model = fetched(library, f"{address}?id=5&token=secret#sha256={digest}")
        with pytest.raises(Unreachable, match="is damaged"):
            fetched(library, f"{address}?id=5#sha256={'1' * 64}")
    assert (model.entry_name, model.category) == ("tiny model.gguf", "language/llm")
    assert model.source == f"{address}?id=5"
    rows = library.catalog.rows("SELECT title, request FROM job")
    assert "secret" not in str(rows)


def test_a_file_whose_digest_nobody_knows_is_fetched_too(library: Library) -> None:
    with StandInFiles() as files:
        model = fetched(library, files.put("/tiny.gguf", GGUF))
        without = fetched(library, files.put("/other.gguf", GGUF + b"\0", ranges=False))
    assert model.files[0].sha256 == sha256(GGUF).hexdigest()
    assert without.files[0].size_bytes == len(GGUF) + 1


def test_a_repository_of_modelscope_is_taken_like_the_hubs(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandInModelScope() as modelscope:
        monkeypatch.setenv("MODELFS_MODELSCOPE", modelscope.address)
        modelscope.add("org/tiny", {"tiny-Q4_K_M.gguf": GGUF, "README.md": b"# tiny"})
        model = fetched(library, "ms:org/tiny")
        assert library.is_cached("ms:org/tiny")
    assert model.source == "ms:org/tiny@master"
    assert model.entry_name == "tiny-Q4_K_M.gguf"
