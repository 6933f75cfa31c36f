"""Ollama's registry: names, and what a model there becomes here.

Each layer becomes a file where ``views/ollama.py`` looks for it, so that Ollama finds on the mount
what it would have pulled itself.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from modelfs.errors import BadInput
from modelfs.fetch.licences import licence_id
from modelfs.fetch.listing import Listing, RemoteFile, Wishes
from modelfs.fetch.sources.ollama_registry import Manifest, Registry
from modelfs.fetch.web import Web
from modelfs.identify import quant_from_name
from modelfs.types import FactValue
from modelfs.views.ollama import CONFIG_PATH, layer_paths
from modelfs.views.ollama_manifest import Descriptor
from modelfs.views.ollama_names import (
    DEFAULT_HOST,
    DEFAULT_NAMESPACE,
    DEFAULT_TAG,
    OllamaName,
    registry_name,
)

_PREFIX = "ollama:"
_SITE = ("ollama.com", "www.ollama.com")
_MAX_LICENCE_BYTES = 256 << 10
_LICENCES_READ = 4
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,19}")


class OllamaSource:
    """``ollama:[[host/]namespace/]model[:tag]``, and the pages of models on ollama.com."""

    def claims(self, text: str) -> bool:
        """Claim ``ollama:`` and the site's hosts."""
        text = text.strip()
        return text.lower().startswith(_PREFIX) or _page(text) is not None

    def wishes(self, text: str) -> Wishes:
        """Return none: all of a model belongs together."""
        return Wishes()

    def list(self, text: str, web: Web) -> Listing:
        """Read a model's manifest, its config and its licences; as the protocol says.

        Raises BadInput also for a model that is not one GGUF.
        """
        name = _name_in(text.strip())
        top = web.endpoints.ollama if name.host == DEFAULT_HOST else f"https://{name.host}"
        registry = Registry(web, top, name, _shown(name))
        manifest = registry.manifest()
        config, config_text = registry.config(manifest)
        _check_weights(manifest, config, _shown(name))
        licence, known = _licence(registry, manifest)
        known[manifest.config.sha256] = config_text
        stem = _stem(name, config)
        files = [
            RemoteFile(
                path, blob.size_bytes, registry.url(blob), blob.sha256,
                content=known.get(blob.sha256),
            )
            for path, blob in _paths(manifest, stem).items()
        ]  # fmt: skip
        return Listing(
            source=_PREFIX + _shown(name),
            title=stem if name.namespace == DEFAULT_NAMESPACE else f"{name.namespace}/{stem}",
            files=files,
            facts=_facts(manifest, config, licence),
            asked=name.tag,
        )


def _page(text: str) -> str | None:
    """Return the path of a page of Ollama's site; None for any other text."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.hostname not in _SITE:
        return None
    return unquote(parts.path).strip("/")


def _name_in(text: str) -> OllamaName:
    page = _page(text)
    words = text[len(_PREFIX) :].strip() if page is None else page
    name = registry_name(words)
    # Of the site's pages those with two parts are models: others are about all, or about one.
    is_model = page is None or words.count("/") == 1
    if name is None or not name.is_legal or not is_model:
        raise BadInput(
            f"{text[:200]!r} names no model of Ollama's",
            "ollama:NAME[:TAG], ollama:USER/NAME[:TAG] or ollama:HOST/USER/NAME[:TAG]",
        )
    return name


def _shown(name: OllamaName) -> str:
    """Return a name as Ollama shows it: without the usual host and namespace."""
    shown = f"{name.model}:{name.tag}"
    if name.host != DEFAULT_HOST:
        return f"{name.host}/{name.namespace}/{shown}"
    return shown if name.namespace == DEFAULT_NAMESPACE else f"{name.namespace}/{shown}"


def _check_weights(manifest: Manifest, config: Mapping[str, Any], shown: str) -> None:
    """Raise BadInput for a model that is not one GGUF."""
    kinds = manifest.kinds()
    pieces = kinds.count("model")
    if "tensor" in kinds or config.get("model_format") == "safetensors":
        raise BadInput(
            f"{shown} is kept tensor by tensor, and Ollama's tensor layers are not supported",
            "another of its tags may be a GGUF; or fetch the model from the hub",
        )
    if not pieces and config.get("remote_host"):
        raise BadInput(f"{shown} runs on Ollama's own machines: there is nothing to fetch")
    if not pieces:
        raise BadInput(f"{shown} has no weights, so it is no model")
    if pieces > 1:
        raise BadInput(
            f"{shown} comes in {pieces} pieces, and only models of one GGUF are supported",
            "fetch it from the hub",
        )


def _licence(registry: Registry, manifest: Manifest) -> tuple[str | None, dict[str, bytes]]:
    """Return the id of the first licence that is known, and the texts that were read."""
    read: dict[str, bytes] = {}
    named = zip(manifest.kinds(), manifest.layers, strict=True)
    for layer in [each for kind, each in named if kind == "license"][:_LICENCES_READ]:
        if layer.size_bytes <= _MAX_LICENCE_BYTES and layer.sha256 not in read:
            text = read[layer.sha256] = registry.blob(layer, "licence")
            if found := licence_id(text.decode("utf-8", "replace")):
                return found, read
    return None, read


def _paths(manifest: Manifest, stem: str) -> dict[str, Descriptor]:
    """Return what lies where, the weights first."""
    kinds = manifest.kinds()
    found = {f"{stem}.gguf": manifest.layers[kinds.index("model")], CONFIG_PATH: manifest.config}
    for path, layer in zip(layer_paths(kinds), manifest.layers, strict=True):
        if path is not None:
            found[path] = layer
    return found


def _stem(name: OllamaName, config: Mapping[str, Any]) -> str:
    """Return what the model is called here: ``llama3.2-3b-instruct-q4_K_M``.

    What the tag leaves open comes from the config: the size behind the tag that says nothing, the
    quantisation where there is none in the name.
    """
    parts = [re.sub(r"[-_.]gguf$", "", name.model, flags=re.IGNORECASE)]
    tag = name.tag if name.tag != DEFAULT_TAG else _label(config, "model_type")
    if tag:
        parts.append(tag)
    quant = _label(config, "file_type")
    if quant and quant_from_name("-".join(parts)) is None:
        parts.append(quant)
    return "-".join(parts)


def _label(config: Mapping[str, Any], key: str) -> str | None:
    value = config.get(key)
    if not isinstance(value, str) or not _LABEL.fullmatch(value) or value.lower() == "unknown":
        return None
    return value


def _facts(
    manifest: Manifest, config: Mapping[str, Any], licence: str | None
) -> dict[str, FactValue]:
    told = {
        "format": "gguf",
        "architecture": _label(config, "model_family"),
        "quant": _label(config, "file_type"),
        "size_label": _label(config, "model_type"),
        "license": licence,
        "manifest_digest": manifest.digest,
    }
    return {key: value for key, value in told.items() if value}
