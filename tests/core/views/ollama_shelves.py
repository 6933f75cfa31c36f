"""Catalogues whose models are for Ollama, or nearly so, and what their files hold."""

import json
from dataclasses import replace
from hashlib import sha256

from hypothesis import strategies as st

from core.strategies import CONTENTS as STRANGERS
from core.strategies import WEIRD_NAMES, Shelf, model_bodies, shelf
from core.views.cache import walk
from core.views.ollama_rules import Served
from modelfs.catalog.records import FileRecord, ModelRecord
from modelfs.layouts import fill, load_layouts
from modelfs.names import legal_name
from modelfs.types import BlobId, Facts, FileId, ModelId
from modelfs.views import STORES, FileNode, FolderNode, FolderPath, Placer, TextNode, Tree

PLACER = Placer([each for each in load_layouts() if each.tool == "ollama"], fill, STORES, "/m")
TOP = ("by-tool", "ollama")

WEIGHTS = [b"GGUF%d" % number for number in range(6)]
LAYERS = {
    "template": b"{{ .Prompt }}",
    "prompt": b"{{ .Prompt }} ",
    "system": "Du bist höflich.".encode(),
    "params": json.dumps({"num_ctx": 4096, "stop": ["<|end|>"]}).encode(),
    "messages": json.dumps([{"role": "user", "content": "hi"}]).encode(),
    "license": b"MIT",
    "license-2": b"Apache",
    "projector": b"GGUF projector",
    "adapter-1": b"GGUF adapter",
    "adapter-10": b"GGUF other adapter",
    "adapter-2": b"GGUF adapter",
    "draft": b"GGUF draft",
    "config": json.dumps({"model_format": "gguf", "renderer": "qwen3-coder"}).encode(),
    "vision": b"a layer of a later Ollama's",
    "tensor": b"no layer beside a GGUF",
    "Notes": b"no layer",
}
CONTENTS = {sha256(each).hexdigest(): each for each in [*WEIGHTS, *LAYERS.values(), *STRANGERS]}


def file(path: str, content: bytes, *, sealed: bool = True, number: int = 0) -> FileRecord:
    """Return a file that holds some bytes."""
    digest = sha256(content).hexdigest()
    seal = digest if sealed else None
    return FileRecord(FileId(number), path, BlobId(digest[:32]), len(content), 0, seal)


_FACTS = st.builds(
    Facts,
    format=st.sampled_from(["gguf", "gguf", "gguf", "gguf", "safetensors", "unknown"]),
    architecture=st.sampled_from([None, "llama", "qwen2", "clip", "t5", "a\n'b"]),
    quant=st.sampled_from([None, "Q4_K_M", "F16", "other/../quant"]),
    parameters=st.none() | st.integers(1, 10**12),
    details=st.sampled_from(
        [{}, {}, {"size_label": "7B"}, {"type": "adapter"}, {"split_count": 3}, {"tensor_count": 0}]
    ),
)
_PARTS = st.sampled_from(["a", "Org", "org", "my-repo.GGUF", "..", "", "x" * 81, "lib.dot", "ü"])
_TAGS = st.sampled_from(["latest", "8b", "Q4_K_M", "q4_k_m", "t" * 80, "t" * 79 + "x", "", "a b"])
_SOURCES = st.one_of(
    st.just("local:/x"),
    st.builds("hf:{}/{}@{}".format, _PARTS, _PARTS, st.sampled_from(["main", "refs/pr/1"])),
    st.builds("ollama:{}:{}".format, _PARTS, _TAGS),
    st.builds("ollama:{}/{}:{}".format, _PARTS, _PARTS, _TAGS),
    st.builds("ollama:{}/{}/{}:{}".format, _PARTS | st.just("h:80"), _PARTS, _PARTS, _TAGS),
    st.builds("ollama:{}".format, WEIRD_NAMES),
    st.builds("hf:{}".format, WEIRD_NAMES),
)
_NAMES = st.sampled_from(
    [
        "llama-3.2-Q4_K_M",
        "Llama 3.2 q4_k_m",
        "llama-3.2",
        "Q8_0",
        "日本語",
        "日本語 Q8_0",
        "x" * 240,
    ]
) | WEIRD_NAMES.map(lambda text: legal_name(text)[:60])
_CATEGORIES = st.sampled_from(
    [
        *("language/llm", "language/llm", "language/multimodal", "language/embedding/mine"),
        *("language/projector", "language/projector", "language/lora", "image/diffusion-model"),
    ]
)
_MAINS = st.sampled_from(
    ["model.gguf", "Foo-Q4_K_M.gguf", "bf16/foo.gguf", "foo-00001-of-00003.gguf", "weights"]
)
_FAMILIES = st.sampled_from([None, "language/llm one", "language/llm one", "language/llm two"])


@st.composite
def ollama_bodies(draw: st.DrawFn) -> ModelRecord:
    """Draw a model that Ollama takes, or does not for one reason or another."""
    sealed = st.sampled_from([True, True, True, False])
    files = [file(draw(_MAINS), draw(st.sampled_from(WEIGHTS)), sealed=draw(sealed))]
    kinds = draw(st.sets(st.sampled_from(sorted(LAYERS)), max_size=4) | st.just(set()))
    files += [file(f"ollama/{kind}", LAYERS[kind], sealed=draw(sealed)) for kind in sorted(kinds)]
    if draw(st.booleans()):
        files.append(file("README.md", WEIGHTS[0], sealed=draw(sealed)))
    return replace(
        draw(model_bodies()),
        name=draw(_NAMES),
        extension=".gguf" if len(files) == 1 else "",
        category=draw(_CATEGORIES),
        source=draw(_SOURCES),
        facts=draw(_FACTS),
        files=tuple(files),
        family=draw(_FAMILIES),
    )


OLLAMA_SHELVES = st.lists(ollama_bodies() | model_bodies(), max_size=12).map(shelf)


def tree_of(made: Shelf) -> Tree:
    """Return the tree of a shelf."""
    return Tree.build(PLACER, made.models.values(), 1000)


def serve(tree: Tree) -> Served:
    """Return Ollama's folder of a tree as files with bytes."""
    files: dict[FolderPath, bytes] = {}
    folders: set[FolderPath] = set()
    for path, node in walk(tree):
        if path[:2] != TOP or len(path) == 2:
            continue
        match node:
            case FolderNode():
                folders.add(path[2:])
            case TextNode():
                files[path[2:]] = node.text
            case FileNode():
                assert node.file.sha256 is not None
                files[path[2:]] = CONTENTS[node.file.sha256]
    return Served(files, frozenset(folders))


FACTS = Facts("gguf", "llama", "Q4_K_M", 7_620_000_000)


def model(
    number: int = 1,
    name: str = "Foo-7B-Q4_K_M",
    source: str = "local:/x",
    category: str = "language/llm",
    facts: Facts = FACTS,
    files: tuple[FileRecord, ...] | None = None,
    family: str | None = "language/llm foo",
) -> ModelRecord:
    """Return a model that Ollama takes, but for what is said of it."""
    files = files or (file("Foo-7B-Q4_K_M.gguf", WEIGHTS[number % 6]),)
    own = tuple(replace(each, id=FileId(100 * number + n)) for n, each in enumerate(files))
    return ModelRecord(
        id=ModelId(number),
        name=name,
        extension=".gguf" if len(own) == 1 else "",
        category=category,
        category_by="guess",
        source=source,
        facts=facts,
        notes="",
        pinned=False,
        added_at=float(number),
        changed_at=0.0,
        trashed_at=None,
        files=own,
        tags=(),
        auto_tags=(),
        family=family,
    )


def projector(number: int, source: str = "local:/p", *, sealed: bool = True) -> ModelRecord:
    """Return a projector of that model's family."""
    content = LAYERS["projector"] if number % 2 else LAYERS["draft"]
    return model(
        number, "mmproj", source, "language/projector", Facts("gguf", "clip"),
        (file("mmproj.gguf", content, sealed=sealed),),
    )  # fmt: skip


def served(*models: ModelRecord) -> Served:
    """Return Ollama's folder for these models."""
    return serve(tree_of(Shelf({each.id: each for each in models})))
