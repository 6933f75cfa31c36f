"""SHA-256 that tools' stores wait for: computed by the mount, in the background."""

import json
import subprocess
import sys

from identify.builders import gguf
from modelfs.library import describe, select

from .conftest import Home, wait_for

LLAMA = gguf(
    {"general.architecture": "llama", "general.file_type": 15},
    [("output.weight", (32, 32), 0)],
    data_bytes=4096,
)


def test_what_a_store_waits_for_is_sealed_and_appears(home: Home) -> None:
    name = home.add("tiny-Q4_K_M.gguf", LLAMA, "language/llm")
    waiting = describe.waits_for(home.library, select.one(home.library, name))
    assert {"tool": "ollama", "for": "the SHA-256 of tiny-Q4_K_M.gguf"} in waiting
    home.mount()
    manifests = home.mountpoint / "by-tool" / "ollama" / "manifests"
    wait_for(lambda: list(manifests.glob("*/*/*/*")), "the model in Ollama's store")
    (manifest,) = manifests.glob("*/*/*/*")
    assert json.loads(manifest.read_bytes())["schemaVersion"] == 2
    assert describe.waits_for(home.library, select.one(home.library, name)) == []


def test_what_comes_while_it_is_mounted_is_sealed_and_a_projector_with_it(home: Home) -> None:
    home.mount()
    manifests = home.mountpoint / "by-tool" / "ollama" / "manifests"
    home.add("tiny-Q4_K_M.gguf", LLAMA, "language/llm")
    wait_for(lambda: list(manifests.glob("*/*/*/*")), "the model in Ollama's store")
    projector = gguf(
        {"general.architecture": "clip", "clip.has_vision_encoder": True},
        [("v.patch_embd.weight", (32, 32), 0)],
        data_bytes=4096,
    )
    home.add("mmproj-tiny-f16.gguf", projector, "language/projector")

    def layers() -> int:
        found = [json.loads(path.read_bytes()) for path in manifests.glob("*/*/*/*")]
        return sum(len(manifest["layers"]) for manifest in found)

    wait_for(lambda: layers() == 2, "the projector beside the model")


def test_show_says_what_is_waited_for(home: Home) -> None:
    name = home.add("tiny-Q4_K_M.gguf", LLAMA, "language/llm")
    command = [sys.executable, "-m", "modelfs", "show", name]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "ollama: the SHA-256 of tiny-Q4_K_M.gguf" in said


def test_a_mount_ends_while_much_waits(home: Home) -> None:
    for number in range(3):
        home.add(f"big{number}.gguf", LLAMA + bytes([number]) * 200_000_000, "language/llm")
    home.mount()
    home.umount()
    assert not home.state().mounted
