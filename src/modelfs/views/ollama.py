"""A folder of models as Ollama keeps its own (``OLLAMA_MODELS``), made up of what the library has.

``manifests/<host>/<namespace>/<model>/<tag>`` names the parts of a model, ``blobs/sha256-<hex>``
are the parts. Invariant: each manifest's parts are there, and each part is in some manifest: so
Ollama finds nothing to tidy up when it starts, which it could not do here and must not fail at.

Which models: language models whose weights are one GGUF file. Shards Ollama cannot load; a
projector, a LoRA or an image model is none by itself. It appears once its SHA-256 is known.

**Layers of its own.** A model that came from Ollama brings its other layers as files::

    ollama/<kind>       ollama/<kind>-<number>

``kind`` is the end of the layer's media type (``template``, ``system``, ``params``, ``messages``,
``license``, ``adapter``, ``projector``, ``draft``), the number tells several of one kind apart and
orders them; ``ollama/config`` is the config as it was, with its renderer and parser. The one file
outside of ``ollama/`` is the GGUF. Without such a config one is made up from the facts. A kind that
is not known here is kept too, last: Ollama passes over what it does not know, but would fetch it.

**Projectors.** A vision model gets the projector of its family, one: from the same repository if
there is one, else from the same publisher, else the oldest. While that has no SHA-256 yet the
model appears without it, or with the best one that has: so a model that somebody works with never
goes away because a projector came, its manifest changes once, and only for the better. What waits
is sealed in the order of ``waits_for``, the projector first: a pair that is added together
appears in one step.

**What is weaker.** No template layer is made up: Ollama from 0.30 takes the chat template of the
GGUF, older ones pass the prompt on as it is, so there chat needs a model that brings a template.
Of two uploads of one name that differ in case Ollama takes either.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelfs.catalog.records import FileRecord, ModelRecord
from modelfs.types import FileId
from modelfs.views.ollama_manifest import (
    CONFIG_TYPE,
    LAYER_TYPE_PREFIX,
    Descriptor,
    config,
    describe,
    manifest,
)
from modelfs.views.ollama_names import OllamaName, name_of, quant_in
from modelfs.views.placement import Claim, Part, Placement

CATEGORIES = (
    "language/llm",
    "language/multimodal",
    "language/embedding",
    "language/reranker",
    "language/translation",
)
PROJECTOR = "language/projector"
LAYERS_FOLDER = "ollama"
"""Where a model keeps the layers that it brings."""
CONFIG_PATH = f"{LAYERS_FOLDER}/config"

_SEVERAL = frozenset({"projector", "adapter", "license"})
_KINDS = ("projector", "adapter", "draft", "template", "system", "params", "messages", "license")
"""Layers that a model may bring, in the order in which a manifest names them."""
_NOT_BROUGHT = frozenset({"config", "model", "tensor", "json"})
"""No layers beside a GGUF: what has a place of its own, and what makes models without a GGUF."""
_KIND = re.compile(r"[a-z]+")
_LAYER = re.compile(rf"{LAYERS_FOLDER}/([a-z]+)(?:-(\d{{1,4}}))?")
_OLD_NAMES = {"prompt": "template"}
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)
_NO_MODELS = frozenset({"adapter", "projector", "mmproj", "imatrix", "vocab"})
_NOT_RUN = frozenset({"clip", "t5", "t5encoder"})
"""Architectures that Ollama does not generate with, whatever category a person gave them."""


@dataclass(frozen=True, slots=True)
class _Layer:
    kind: str
    file: FileRecord

    @property
    def described(self) -> Descriptor:
        """What a manifest says of it, once it is sealed."""
        sha256 = self.file.sha256 or ""
        return Descriptor(LAYER_TYPE_PREFIX + self.kind, sha256, self.file.size_bytes)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a model consists of: weights, what it brings, and projectors, the best first."""

    main: FileRecord
    brought: Sequence[_Layer]
    config: FileRecord | None
    projectors: Sequence[tuple[FileRecord, str]]
    """Each with its architecture."""

    @property
    def needed(self) -> list[FileRecord]:
        """Files without whose SHA-256 the model does not appear."""
        files = [self.main, *(layer.file for layer in self.brought)]
        return [*files, self.config] if self.config else files


def places(model: ModelRecord, kin: Sequence[ModelRecord] = ()) -> Iterator[Placement]:
    """Give the places of a model below Ollama's folder; none while it waits, or is not for it."""
    parts = _parts(model, kin)
    if parts is None or any(file.sha256 is None for file in parts.needed):
        return
    projector = next(((file, arch) for file, arch in parts.projectors if file.sha256), None)
    layers = [_Layer("model", parts.main), *parts.brought]
    if projector is not None:
        layers.insert(1, _Layer("projector", projector[0]))
    described = [layer.described for layer in layers]
    blobs: dict[str, Part] = {}
    for layer, its in zip(layers, described, strict=True):
        blobs.setdefault(its.blob_name, layer.file.id)
    if parts.config is not None:
        its_config = Descriptor(CONFIG_TYPE, parts.config.sha256 or "", parts.config.size_bytes)
        blobs.setdefault(its_config.blob_name, parts.config.id)
    else:
        eyes = [projector[1]] if projector else []
        eyes += ["clip" for layer in parts.brought if layer.kind == "projector"]
        quant = model.facts.quant or quant_in(parts.main.path)
        text = config(model.facts, quant, described, eyes)
        its_config = describe(CONFIG_TYPE, text)
        blobs.setdefault(its_config.blob_name, text)
    name = name_of(model, parts.main.path)
    yield _manifest_place(model, name, manifest(its_config, described))
    for blob, part in blobs.items():
        claim = Claim(model.id, blob, "", None, model.short_id, part, "oldest")
        yield Placement(("blobs",), claim)


def layer_paths(kinds: Sequence[str]) -> list[str | None]:
    """Return where a model keeps layers of these kinds, in the order in which a manifest has them.

    None for what cannot be kept, and for all but the last of a kind of which Ollama takes one.
    """
    kinds = [_OLD_NAMES.get(kind, kind) for kind in kinds]
    numbers: Counter[str] = Counter()
    paths: list[str | None] = []
    for at, kind in enumerate(kinds):
        is_past = kind in _KINDS and kind not in _SEVERAL and kind in kinds[at + 1 :]
        if is_past or kind in _NOT_BROUGHT or not _KIND.fullmatch(kind):
            paths.append(None)
            continue
        numbers[kind] += 1
        number = f"-{numbers[kind]}" if numbers[kind] > 1 else ""
        paths.append(f"{LAYERS_FOLDER}/{kind}{number}")
    return paths


def is_layer(path: str) -> bool:
    """Say whether a file of a model is a layer that it brings, and so for Ollama alone."""
    return _LAYER.fullmatch(path) is not None


def waits_for(model: ModelRecord, kin: Sequence[ModelRecord] = ()) -> tuple[FileId, ...]:
    """Return which files lack the SHA-256 that a model needs to appear, in the order to seal them.

    A projector of its kin comes first: the model appears without it, but not as it should. Empty
    when it is complete, and for a model that is not for Ollama.
    """
    parts = _parts(model, kin)
    if parts is None:
        return ()
    wanted = [file for file, _ in parts.projectors[:1]] + parts.needed
    return tuple(file.id for file in wanted if file.sha256 is None)


def _manifest_place(model: ModelRecord, name: OllamaName, text: bytes) -> Placement:
    # No publisher: a tag that clashes gains the short id alone, which is sure to be legal there.
    claim = Claim(model.id, name.tag, "", None, model.short_id, text)
    return Placement(("manifests", *name.folder), claim)


def _parts(model: ModelRecord, kin: Sequence[ModelRecord]) -> _Parts | None:
    """Return what a model consists of, or None when it is none of Ollama's."""
    if model.trashed_at is not None or not _is_in(model.category, CATEGORIES):
        return None
    facts = model.facts
    kind, architecture = facts.details.get("type"), facts.architecture
    if kind in _NO_MODELS or architecture in _NOT_RUN or facts.details.get("tensor_count") == 0:
        return None
    main = _weights(model)
    if main is None:
        return None
    brought, its_config = _brought(model)
    has_projector = any(layer.kind == "projector" for layer in brought)
    return _Parts(main, brought, its_config, () if has_projector else _projectors(model, kin))


def _weights(model: ModelRecord) -> FileRecord | None:
    """Return the one GGUF file that a model's weights are."""
    if model.facts.format != "gguf":
        return None
    outside = [file for file in model.files if not file.path.startswith(f"{LAYERS_FOLDER}/")]
    if len(outside) > 1:
        outside = [file for file in outside if file.path.lower().endswith(".gguf")]
    if len(outside) != 1 or _SHARD.search(outside[0].path):
        return None
    split = model.facts.details.get("split_count")
    return None if isinstance(split, int) and split > 1 else outside[0]


def _brought(model: ModelRecord) -> tuple[list[_Layer], FileRecord | None]:
    """Return the layers that a model brings, and its config."""
    found: list[tuple[int, str, int, str, FileRecord]] = []
    its_config = None
    for file in model.files:
        match = _LAYER.fullmatch(file.path)
        if match is None:
            continue
        kind = _OLD_NAMES.get(match[1], match[1])
        if file.path == CONFIG_PATH:
            its_config = file
        elif kind not in _NOT_BROUGHT:
            order = _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
            found.append((order, kind, int(match[2] or 1), file.path, file))
    layers: list[_Layer] = []
    for order, kind, _, _, file in sorted(found, key=lambda each: each[:4]):
        is_free = kind in _SEVERAL or order == len(_KINDS)
        if is_free or all(layer.kind != kind for layer in layers):
            layers.append(_Layer(kind, file))
    return layers, its_config


def _projectors(model: ModelRecord, kin: Sequence[ModelRecord]) -> Sequence[tuple[FileRecord, str]]:
    """Return the projectors that may go with a model, the best first."""
    repository = _repository(model)

    def rank(other: ModelRecord) -> tuple[bool, bool, int]:
        same_repository = repository is not None and _repository(other) == repository
        same_publisher = model.publisher is not None and other.publisher == model.publisher
        return not same_repository, not same_publisher, other.id

    chosen = [each for each in kin if _is_in(each.category, (PROJECTOR,))]
    found = [(_weights(each), each) for each in sorted(chosen, key=rank)]
    return [(file, each.facts.architecture or "clip") for file, each in found if file is not None]


def _repository(model: ModelRecord) -> str | None:
    kind, _, rest = model.source.partition(":")
    return rest.partition("@")[0] if kind == "hf" else None


def _is_in(category: str, wanted: Sequence[str]) -> bool:
    return any(category == each or category.startswith(f"{each}/") for each in wanted)
