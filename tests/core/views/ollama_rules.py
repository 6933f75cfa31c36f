"""The rules that a folder must keep so that Ollama serves from it, each as a line it is broken by.

Written from what Ollama's own reading does, not from how the folder is made: any violation here
is a server that does not start, a warning at every listing, or a model that does not load.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

Place = tuple[str, ...]

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.ollama.image."
ONCE = {"model", "draft", "template", "prompt", "system", "params", "messages"}
GGUFS = {"model", "projector", "adapter", "draft"}
CONFIG_TEXTS = {
    *("model_format", "model_family", "model_type", "file_type"),
    *("renderer", "parser", "architecture", "os"),
}
MANIFEST_FOLDERS = ("manifests", "manifests-v2")


@dataclass(frozen=True)
class Served:
    """A folder as it is served: every file's bytes and every folder, by path below it."""

    files: Mapping[Place, bytes]
    folders: frozenset[Place]


def read_folder(top: Path) -> Served:
    """Read a folder of a real file system; links are followed, as Ollama follows them."""
    files: dict[Place, bytes] = {}
    folders: set[Place] = set()
    for root, names, others in os.walk(top, followlinks=True):
        here = Path(root).relative_to(top).parts
        folders.update((*here, name) for name in names)
        files.update({(*here, name): (Path(root) / name).read_bytes() for name in others})
    return Served(files, frozenset(folders))


def violations(served: Served) -> list[str]:
    """Return every rule that is broken, and where."""
    return [*_start(served), *_names(served), *_blobs(served), *_manifests(served)]


def listing(served: Served) -> dict[str, tuple[str, int]]:
    """Return what ``ollama list`` shows: the digest and the size of each model by its name."""
    found = {}
    for place, text in manifests(served).items():
        host, namespace, model, tag = place[1:]
        shown = f"{model}:{tag}"
        if host != "registry.ollama.ai":
            shown = f"{host}/{namespace}/{shown}"
        elif namespace != "library":
            shown = f"{namespace}/{shown}"
        parsed = json.loads(text)
        size = sum(layer["size"] for layer in [parsed["config"], *parsed["layers"]])
        found[shown] = sha256(text).hexdigest(), size
    return found


def blob_of(served: Served, name: str, kind: str) -> bytes:
    """Return the bytes of a layer of the model that is listed under ``name``."""
    digest = listing(served)[name][0]
    texts = manifests(served).values()
    text = next(text for text in texts if sha256(text).hexdigest() == digest)
    wanted = json.loads(text)
    entries = [wanted["config"]] if kind == "config" else wanted["layers"]
    chosen = [e["digest"] for e in entries if kind in ("config", e["mediaType"][len(LAYER) :])]
    return served.files["blobs", chosen[0].replace(":", "-")]


def manifests(served: Served) -> dict[Place, bytes]:
    """Return the files that the glob ``manifests/*/*/*/*`` finds."""
    found = sorted(served.files.items())
    return {place: text for place, text in found if place[0] == "manifests" and len(place) == 5}


def _start(served: Served) -> Iterator[str]:
    """The server makes these folders and removes empty ones, and stops when it cannot."""
    for name in ("blobs", *MANIFEST_FOLDERS):
        if (name,) not in served.folders:
            yield f"{name}: is missing, and cannot be made"
    for folder in served.folders:
        if folder[0] in MANIFEST_FOLDERS:
            inside = [p for p in (*served.files, *served.folders) if p[:-1] == folder]
            if not inside:
                yield f"{folder}: is empty, and cannot be removed"
    for place in served.files:
        if place[0] in MANIFEST_FOLDERS and len(place) != 5:
            if len(place) != 2 or not place[1].startswith("."):
                yield f"{place}: is no placeholder and no manifest"
        elif place[0] not in (*MANIFEST_FOLDERS, "blobs"):
            yield f"{place}: is nothing of Ollama's"


def _names(served: Served) -> Iterator[str]:
    first, later = r"[A-Za-z0-9_]", r"A-Za-z0-9_\-"
    rules = {
        "host": rf"{first}[{later}.:]{{0,349}}",
        "namespace": rf"{first}[{later}]{{0,79}}",
        "model": rf"{first}[{later}.]{{0,79}}",
        "tag": rf"{first}[{later}.]{{0,79}}",
    }
    for place, _ in manifests(served).items():
        for (what, rule), part in zip(rules.items(), place[1:], strict=True):
            if not re.fullmatch(rule, part) or len(part.encode()) > 255:
                yield f"{place}: {part!r} is no {what}"


def _blobs(served: Served) -> Iterator[str]:
    """What has no good name, or what no manifest names, is deleted at start, or tried to."""
    referenced = set()
    for _, text in manifests(served).items():
        parsed = _json(text)
        layers = parsed.get("layers") if isinstance(parsed, dict) else None
        for entry in [parsed.get("config"), *layers] if isinstance(layers, list) else ():
            if isinstance(entry, dict):
                referenced.add(str(entry.get("digest")).replace(":", "-"))
    for folder in served.folders:
        if folder[0] == "blobs" and len(folder) > 1:
            yield f"{folder}: a folder among the blobs"
    for place, content in served.files.items():
        if place[0] != "blobs":
            continue
        if not re.fullmatch(r"sha256-[0-9a-f]{64}", place[1]):
            yield f"{place}: no name of a blob"
        elif sha256(content).hexdigest() != place[1][7:]:
            yield f"{place}: its bytes are others"
        if place[1] not in referenced:
            yield f"{place}: no manifest names it"


def _manifests(served: Served) -> Iterator[str]:
    for place, text in manifests(served).items():
        parsed = _json(text)
        if not isinstance(parsed, dict):
            yield f"{place}: no JSON object"
            continue
        if set(parsed) != {"schemaVersion", "mediaType", "config", "layers"}:
            yield f"{place}: keys {sorted(parsed)}"
            continue
        if type(parsed["schemaVersion"]) is not int or parsed["schemaVersion"] != 2:
            yield f"{place}: schemaVersion {parsed['schemaVersion']!r}"
        if parsed["mediaType"] != MANIFEST_TYPE:
            yield f"{place}: mediaType {parsed['mediaType']!r}"
        if not isinstance(parsed["layers"], list):
            yield f"{place}: layers are no list"
            continue
        wrong = [w for e in [parsed["config"], *parsed["layers"]] for w in _entry(served, e)]
        if not wrong:
            wrong = [*_layers(served, parsed["layers"]), *_config(served, parsed)]
        yield from (f"{place}: {line}" for line in wrong)


def _entry(served: Served, entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict) or set(entry) != {"mediaType", "digest", "size"}:
        yield f"no entry: {entry!r}"
        return
    digest = entry["digest"]
    if not isinstance(digest, str) or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        yield f"no digest: {digest!r}"
        return
    content = served.files.get(("blobs", digest.replace(":", "-")))
    if content is None:
        yield f"{digest} is not there"
    elif type(entry["size"]) is not int or entry["size"] != len(content):
        yield f"{digest} has {len(content)} bytes, not {entry['size']!r}"


def _layers(served: Served, layers: list[dict[str, Any]]) -> Iterator[str]:
    kinds = [layer["mediaType"].removeprefix(LAYER) for layer in layers]
    counted = Counter(kinds)
    if counted["model"] != 1:
        yield f"{counted['model']} model layers"
    if counted["template"] and counted["prompt"]:
        yield "two templates, by the old name and the new"
    for kind, times in counted.items():
        # What Ollama does not know it passes over; these it knows, and not beside a GGUF.
        if kind in {"tensor", "json", "config"} or not re.fullmatch("[a-z]+", kind):
            yield f"a layer of kind {kind!r}"
        if kind in ONCE and times > 1:
            yield f"{times} layers of kind {kind}"
    for kind, layer in zip(kinds, layers, strict=True):
        content = served.files["blobs", layer["digest"].replace(":", "-")]
        if kind in GGUFS and not content.startswith(b"GGUF"):
            yield f"{kind} is no GGUF"
        if kind not in GGUFS and not _is_text(content):
            yield f"{kind} is no text"
        if kind == "params" and not isinstance(_json(content), dict):
            yield "params are no JSON object"
        if kind == "messages" and not isinstance(_json(content), list):
            yield "messages are no JSON list"


def _config(served: Served, parsed: dict[str, Any]) -> Iterator[str]:
    if parsed["config"]["mediaType"] != CONFIG_TYPE:
        yield f"config of type {parsed['config']['mediaType']!r}"
    config = _json(served.files["blobs", parsed["config"]["digest"].replace(":", "-")])
    if not isinstance(config, dict):
        yield "config is no JSON object"
        return
    for key in CONFIG_TEXTS & set(config):
        if not isinstance(config[key], str) or not config[key]:
            yield f"config: {key} is {config[key]!r}"
    if config.get("model_format", "gguf") != "gguf":
        yield f"config: model_format {config['model_format']!r}"
    families = config.get("model_families", [])
    if not isinstance(families, list) or not all(isinstance(each, str) for each in families):
        yield f"config: model_families {families!r}"
    elif families and config.get("model_family") not in families:
        yield f"config: {config.get('model_family')!r} is not in {families}"
    rootfs = config.get("rootfs")
    digests = [layer["digest"] for layer in parsed["layers"]]
    if rootfs is not None and rootfs != {"type": "layers", "diff_ids": digests}:
        yield f"config: rootfs {rootfs!r}"


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _json(text: bytes) -> Any:
    """Parse strictly: UTF-8, no doubled key, no NaN; None for what is no JSON."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("a key twice")
        return dict(pairs)

    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    try:
        return json.loads(text.decode(), object_pairs_hook=once, parse_constant=refuse)
    except ValueError:
        return None
