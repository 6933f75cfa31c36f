"""Ollama's folder on a real mount: by Ollama's rules, and by Ollama where it is installed."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.views.ollama_rules import blob_of, listing, manifests, read_folder, violations
from faults.tally import count
from identify.builders import gguf
from modelfs.library import removal, select
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, PlannedFile, plan_add
from modelfs.library.check import read
from modelfs.library.checked import CheckSummary

from .conftest import Home, wait_for

F32 = 0
FAMILY = {"general.basename": "Tiny", "general.size_label": "1B"}
LLAMA = {
    "general.architecture": "llama",
    "general.file_type": 15,
    "llama.context_length": 64,
    "llama.embedding_length": 8,
    "llama.block_count": 1,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.chat_template": "{{ messages }}",
}
CLIP = {"general.architecture": "clip", "clip.has_vision_encoder": True}
LAYERS = {
    "template": b"{{ .System }} {{ .Prompt }}",
    "system": "Du bist höflich.".encode(),
    "params": json.dumps({"num_ctx": 64, "stop": ["<|end|>"]}).encode(),
    "license": b"MIT",
}
SHOWN = {"tiny-1b:q4_k_m", "hf.co/org/Seer-GGUF:Q8_0", "me/mine:v1"}


def weights(values: dict[str, object], mark: str) -> bytes:
    named = {**values, "general.name": mark}
    return gguf(named, [("token_embd.weight", [8, 4], F32)], data_bytes=128)


def bring(home: Home, name: str, content: bytes, category: str, source: str = "") -> None:
    """Add a file as if it came from ``source``."""
    path = home.originals / name
    path.write_bytes(content)
    plan = plan_add(home.library, [str(path)], AddOptions(category=category))
    models = [replace(each, source=source or each.source) for each in plan.models]
    list(add(home.library, replace(plan, models=models)))


def bring_with_layers(home: Home) -> None:
    """Add a model with layers of its own, as one that was Ollama's."""
    path = home.originals / "mine.gguf"
    path.write_bytes(weights(LLAMA, "mine"))
    plan = plan_add(home.library, [str(path)], AddOptions(category="language/llm"))
    (one,) = plan.models
    files = list(one.files)
    for kind, content in LAYERS.items():
        layer = home.originals / kind
        layer.write_bytes(content)
        files.append(PlannedFile(layer, f"ollama/{kind}", len(content), False))
    changed = replace(one, files=files, extension="", source="ollama:me/mine:v1")
    list(add(home.library, replace(plan, models=[changed])))


def seal(home: Home) -> None:
    list(read(home.library, CheckSummary(), seal=True))


@pytest.fixture
def stocked(home: Home) -> Home:
    """Models for Ollama, and some that are not; nothing of it sealed."""
    bring(home, "Tiny-1B-Q4_K_M.gguf", weights(LLAMA, "tiny"), "language/llm")
    seer = weights(LLAMA | FAMILY, "seer")
    bring(home, "Seer-Q8_0.gguf", seer, "language/llm", "hf:org/Seer-GGUF@abc")
    eyes = weights(CLIP | FAMILY, "eyes")
    bring(home, "mmproj-Seer.gguf", eyes, "language/projector", "hf:org/Seer-GGUF@abc")
    bring_with_layers(home)
    adapter = weights(LLAMA | {"general.type": "adapter"}, "lora")
    bring(home, "lora.gguf", adapter, "language/lora")
    bring(home, "flux.gguf", weights({"general.architecture": "flux"}, "flux"), "image/checkpoint")
    return home


def folder(home: Home) -> Path:
    return home.mountpoint / "by-tool" / "ollama"


def test_models_appear_when_they_are_sealed_and_no_rule_is_broken(stocked: Home) -> None:
    stocked.mount()
    before = read_folder(folder(stocked))
    assert violations(before) == []
    assert listing(before) == {}
    seal(stocked)
    wait_for(lambda: set(listing(read_folder(folder(stocked)))) == SHOWN, "the models")
    made = read_folder(folder(stocked))
    assert violations(made) == []
    assert blob_of(made, "hf.co/org/Seer-GGUF:Q8_0", "projector") == weights(CLIP | FAMILY, "eyes")
    for kind, content in LAYERS.items():
        assert blob_of(made, "me/mine:v1", kind) == content
    config = json.loads(blob_of(made, "tiny-1b:q4_k_m", "config"))
    assert (config["model_family"], config["model_type"]) == ("llama", "32")
    count("operation", "ollama: a mount against the rules")


def test_a_remount_moves_no_byte_and_no_time(stocked: Home) -> None:
    seal(stocked)
    stocked.mount()
    before = read_folder(folder(stocked)), attributes(folder(stocked))
    assert set(listing(before[0])) == SHOWN
    stocked.umount()
    stocked.mount()
    assert (read_folder(folder(stocked)), attributes(folder(stocked))) == before
    added = {int(each.added_at * 1e9) for each in select.matching(stocked.library, "")}
    for place in manifests(before[0]):
        assert folder(stocked).joinpath(*place).stat().st_mtime_ns in added


def test_as_symlinks_it_keeps_the_rules_too(stocked: Home) -> None:
    seal(stocked)
    stocked.mount(links=True)
    made = read_folder(folder(stocked))
    assert violations(made) == []
    assert set(listing(made)) == SHOWN


def test_what_is_removed_goes_with_its_folders_and_blobs(stocked: Home) -> None:
    seal(stocked)
    stocked.mount()
    everything = select.matching(stocked.library, "")
    removal.remove(stocked.library, removal.plan_removal(stocked.library, everything))
    wait_for(lambda: not list(folder(stocked).glob("blobs/*")), "the models to go")
    made = read_folder(folder(stocked))
    assert violations(made) == []
    assert set(made.files) == {("manifests", ".modelfs"), ("manifests-v2", ".modelfs")}


def test_ollama_itself_starts_and_lists_them(stocked: Home) -> None:
    program = shutil.which("ollama")
    seal(stocked)
    stocked.mount()
    made = read_folder(folder(stocked))
    expected = listing(made)
    assert set(expected) == SHOWN
    if program is None:  # the rules above stand in for it where it is not installed
        count("operation", "ollama: left to the rules alone")
        return
    with serving(program, folder(stocked)) as address:
        shown = ask(address, "/api/tags")["models"]
        assert {each["name"]: (each["digest"], each["size"]) for each in shown} == expected
        for name in expected:
            run(program, address, "show", name)
        assert "Du bist höflich." in run(program, address, "show", "--system", "me/mine:v1")
        assert all(name in run(program, address, "list") for name in expected)
    assert read_folder(folder(stocked)) == made
    count("operation", "ollama: the real program")


def attributes(top: Path) -> dict[Path, tuple[int, int, int]]:
    found = {}
    for path in sorted(top.rglob("*")):
        status = path.stat()
        if path.is_file():
            found[path] = status.st_ino, status.st_mtime_ns, status.st_size
    return found


@contextmanager
def serving(program: str, models: Path) -> Iterator[str]:
    """Run Ollama's server on a folder, with its pruning on; give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(
        [program, "serve"], env=environment(address) | {"OLLAMA_MODELS": str(models)}
    )
    try:
        deadline = time.monotonic() + 30
        while not answers(address):
            assert server.poll() is None, "Ollama stopped at start"
            assert time.monotonic() < deadline, "Ollama does not answer"
            time.sleep(0.05)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def environment(address: str) -> dict[str, str]:
    return {**os.environ, "OLLAMA_HOST": address}


def answers(address: str) -> bool:
    try:
        ask(address, "/api/version")
    except urllib.error.URLError:
        return False
    return True


def ask(address: str, path: str) -> Any:
    with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
        return json.load(answer)


def run(program: str, address: str, *arguments: str) -> str:
    done = subprocess.run(
        [program, *arguments],
        env=environment(address),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout
