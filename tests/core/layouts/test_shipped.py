"""The shipped layouts: no rule is dead, each tool gets what it needs and nothing it must not."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml

from core.layouts.catalogue import CATALOGUE, WHISPER_TINY, model
from core.layouts.golden import LAYOUTS
from modelfs.catalog.records import ModelRecord
from modelfs.identify import load_taxonomy
from modelfs.layouts import Layout, Rule, fill
from modelfs.types import BlobId, FileId, ModelId
from modelfs.views import STORES, FileNode, FolderNode, Node, Placement, Placer, TextNode, Tree

RULES = [
    pytest.param(layout, rule, id=f"{tool} {number} {'/'.join(rule.folder)}")
    for tool, layout in LAYOUTS.items()
    for number, rule in enumerate(layout.rules, 1)
]
PLACER = Placer(tuple(LAYOUTS.values()), fill, STORES, "/models")
EXPECTED_TOOLS = {
    *("a1111", "buzz", "comfyui", "coqui", "faster-whisper", "fish-speech", "fooocus", "forge"),
    *("gpt4all", "invokeai", "jan", "kdenlive", "koboldcpp", "kohya", "kokoro", "llama.cpp"),
    *("lmstudio", "localai", "mlx", "piper", "rembg", "sdnext", "sentence-transformers"),
    *("subtitle-edit", "swarmui", "text-generation-webui", "torch-hub", "vllm", "vosk"),
    *("whisper", "whisper-cpp", "whisperx"),
}


def shown(models: tuple[ModelRecord, ...], tool: str) -> dict[str, Node]:
    """Return everything below a tool's folder, by its path there."""
    tree = Tree.build(PLACER, models, 0)

    def walk(path: tuple[str, ...]) -> Iterator[tuple[str, Node]]:
        folder = tree.node(path)
        assert isinstance(folder, FolderNode)
        for name, node in tree.children(folder):
            yield "/".join((*path[2:], name)), node
            if isinstance(node, FolderNode):
                yield from walk((*path, name))

    return dict(walk(("by-tool", tool)))


def files(models: tuple[ModelRecord, ...], tool: str) -> dict[str, FileNode]:
    return {path: n for path, n in shown(models, tool).items() if isinstance(n, FileNode)}


def texts(models: tuple[ModelRecord, ...], tool: str) -> dict[str, str]:
    found = shown(models, tool).items()
    return {path: n.text.decode() for path, n in found if isinstance(n, TextNode)}


def own_places(layout: Layout, rule: Rule, record: ModelRecord) -> list[Placement]:
    placer = Placer((replace(layout, rules=(rule,)),), fill, STORES, "/models")
    return [place for place in placer.places(record) if place.folder[0] == "by-tool"]


def test_every_tool_has_a_layout() -> None:
    assert set(LAYOUTS) >= EXPECTED_TOOLS


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_has_a_title_and_says_how_to_connect_it(layout: Layout) -> None:
    assert layout.title.strip()
    assert layout.about.endswith(".")
    assert layout.rules


@pytest.mark.parametrize(("layout", "rule"), RULES)
def test_every_rule_shows_some_model(layout: Layout, rule: Rule) -> None:
    assert any(own_places(layout, rule, record) for record in CATALOGUE)


@pytest.mark.parametrize(("layout", "rule"), RULES)
def test_every_category_of_a_rule_exists(layout: Layout, rule: Rule) -> None:
    taxonomy = load_taxonomy()
    assert all(category in taxonomy for category in (*rule.categories, *rule.companions))


@pytest.mark.parametrize("tool", LAYOUTS)
def test_folders_that_a_tool_creates_are_there_without_a_model(tool: str) -> None:
    empty = shown((), tool)
    for folder in LAYOUTS[tool].folders:
        assert isinstance(empty["/".join(folder)], FolderNode)


def test_the_texts_name_files_that_are_there() -> None:
    tree = Tree.build(PLACER, CATALOGUE, 0)
    count = 0
    for tool in ("jan", "koboldcpp", "localai", "comfyui"):
        for text in texts(CATALOGUE, tool).values():
            for path in re.findall(r'"/models/(by-tool/[^"]+)"', text):
                assert isinstance(tree.node(tuple(path.split("/"))), FileNode), path
                count += 1
    assert count > 15


def test_localai_names_files_of_its_own_folder() -> None:
    own = files(CATALOGUE, "localai")
    for path, text in texts(CATALOGUE, "localai").items():
        assert path.endswith(".yaml") and "/" not in path
        said = yaml.safe_load(text)
        assert said["parameters"]["model"] in own
        assert said.get("mmproj", "") in ("", *own)
    names = [yaml.safe_load(text)["name"] for text in texts(CATALOGUE, "localai").values()]
    assert len(names) == len(set(names))


def test_comfyui_gets_every_folder_by_its_key() -> None:
    (text,) = texts(CATALOGUE, "comfyui").values()
    section = yaml.safe_load(text)["modelfs"]
    assert section.pop("base_path") == "/models"
    tree = Tree.build(PLACER, (), 0)
    told = {line for value in section.values() for line in value.split("\n") if line}
    for path in told:
        assert isinstance(tree.node(tuple(path.split("/"))), FolderNode), path
    there = {"by-tool/comfyui/" + "/".join(folder) for folder in LAYOUTS["comfyui"].folders}
    assert there <= told


def test_a_projector_is_in_a_folder_with_its_model_and_called_so() -> None:
    # llama.cpp and LM Studio tell it by "mmproj" in its name; this one has none of its own.
    for tool, top in (("llama.cpp", ""), ("lmstudio", "local/")):
        assert f"{top}Qwen2.5-VL-7B-Q4_0/mmproj-Qwen2.5-VL-7B-Q4_0.gguf" in files(CATALOGUE, tool)


def test_models_of_llama_cpp_are_one_folder_deep_and_have_one_model_each() -> None:
    found: dict[str, set[ModelId]] = {}
    for path, node in files(CATALOGUE, "llama.cpp").items():
        folder, name = path.split("/")
        if "mmproj" not in name:
            found.setdefault(folder, set()).add(node.model.id)
    assert found and all(len(models) == 1 for models in found.values())


def test_lm_studio_finds_files_two_folders_deep() -> None:
    assert {path.count("/") for path in files(CATALOGUE, "lmstudio")} == {2}


def test_gpt4all_gets_no_shard() -> None:
    names = set(files(CATALOGUE, "gpt4all"))
    assert "SmolLM2-Q4_K_M.gguf" in names
    assert not any("-of-" in name or "/" in name for name in names)


@pytest.mark.parametrize(
    ("tool", "top"), [("whisper", ""), ("kdenlive", "whisper/"), ("buzz", "whisper/")]
)
def test_openai_whisper_gets_only_what_it_knows_by_digest(tool: str, top: str) -> None:
    renamed = model("speech/speech-to-text", "mine.pt", "pytorch", sha256=WHISPER_TINY)
    found = [path for path in files((renamed, *CATALOGUE), tool) if path.endswith(".pt")]
    assert found == [f"{top}tiny.pt"]
    unsealed = model("speech/speech-to-text", "tiny.pt", "pytorch")
    assert files((unsealed,), tool) == {}


def test_the_twelve_files_of_openai_whisper_are_known() -> None:
    (rule,) = LAYOUTS["whisper"].rules
    sizes = [f"{size}{end}" for size in ("tiny", "base", "small", "medium") for end in ("", ".en")]
    large = ["large-v1", "large-v2", "large-v3", "large-v3-turbo"]
    assert sorted(rule.known.values()) == sorted(f"{name}.pt" for name in sizes + large)
    for tool in ("kdenlive", "buzz"):
        assert LAYOUTS[tool].rules[0].known == rule.known


def test_a_voice_of_piper_is_both_of_its_files_or_none() -> None:
    assert set(files(CATALOGUE, "piper")) == {
        "en_US-lessac-medium.onnx",
        "en_US-lessac-medium.onnx.json",
    }


def test_a_voice_whose_name_was_taken_keeps_both_files_together() -> None:
    voice = next(record for record in CATALOGUE if record.name == "en_US-lessac-medium")
    renamed = replace(voice, name="en_US-lessac-medium-2")
    names = {"en_US-lessac-medium-2.onnx", "en_US-lessac-medium-2.onnx.json"}
    assert set(files((renamed,), "piper")) == names


def test_subtitle_edit_sees_no_prefix_and_whisper_cpp_always_one() -> None:
    names = {path.rpartition("/")[2] for path in files(CATALOGUE, "subtitle-edit")}
    assert {"tiny.en.bin", "tiny-da.bin"} <= names
    assert set(files(CATALOGUE, "whisper-cpp")) == {
        *("ggml-tiny.en.bin", "ggml-tiny-da.bin", "ggml-silero-v6.2.0.bin"),
    }


@pytest.mark.parametrize("tool", ["a1111", "forge"])
def test_embeddings_are_outside_models(tool: str) -> None:
    assert "embeddings/easynegative.safetensors" in files(CATALOGUE, tool)
    assert {path.split("/")[0] for path in shown(CATALOGUE, tool)} == {"embeddings", "models"}


def test_only_forge_lists_a_gguf_among_checkpoints() -> None:
    path = "models/Stable-diffusion/flux1-dev-Q4_0.gguf"
    assert path in files(CATALOGUE, "forge")
    assert path not in files(CATALOGUE, "a1111")
    assert "UNET/flux1-dev-Q4_0.gguf" in files(CATALOGUE, "sdnext")
    assert "diffusion_models/flux1-dev-Q4_0.gguf" in files(CATALOGUE, "comfyui")


def test_sdnext_has_nothing_that_it_would_move() -> None:
    for path in files(CATALOGUE, "sdnext"):
        assert "/" in path and not path.startswith("BSRGAN/")


def test_rembg_finds_a_model_in_its_own_folder() -> None:
    assert "models/u2net/u2net.onnx" in files(CATALOGUE, "rembg")


def test_torch_hub_has_the_published_name_whatever_the_model_is_called() -> None:
    found = next(record for record in CATALOGUE if record.name == "resnet50-0676ba61")
    names = files((replace(found, name="my resnet"),), "torch-hub")
    assert set(names) == {"hub/checkpoints/resnet50-0676ba61.pth"}


def test_two_uploads_of_one_set_of_shards_stay_loadable() -> None:
    """llama.cpp wants ``-00001-of-00003`` at the end, so what differs stands before it."""
    shards = next(
        record for record in CATALOGUE if record.name == "Big-70B-Q8_0" and not record.is_single
    )
    other = replace(
        shards,
        id=ModelId(9000),
        name="Big-70B-Q8_0-other",
        files=tuple(
            replace(file, id=FileId(file.id + 90_000), blob=BlobId(f"{file.id + 9:032x}"))
            for file in shards.files
        ),
    )
    for tool in ("localai", "koboldcpp"):
        names = [path for path in files((shards, other), tool) if path.endswith(".gguf")]
        assert len(names) == 6
        assert all(re.fullmatch(r"Big-70B-Q8_0(-other)?-\d{5}-of-00003\.gguf", n) for n in names)
