"""The two texts that make files a model of Ollama's: its manifest, and the config it names; pure.

Ollama knows a model by the SHA-256 of its manifest's bytes: the same parts always give the same
bytes, with no time and no order of chance in them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from modelfs.types import Facts

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE_PREFIX = "application/vnd.ollama.image."


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of one blob."""

    media_type: str
    sha256: str
    size_bytes: int

    @property
    def digest(self) -> str:
        """The digest as manifests write it."""
        return f"sha256:{self.sha256}"

    @property
    def blob_name(self) -> str:
        """The blob's name in the folder of blobs."""
        return f"sha256-{self.sha256}"


def describe(media_type: str, content: bytes) -> Descriptor:
    """Return the descriptor of a text that is made up."""
    return Descriptor(media_type, sha256(content).hexdigest(), len(content))


def manifest(config: Descriptor, layers: Sequence[Descriptor]) -> bytes:
    """Return a manifest."""
    return _compact(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _entry(config),
            "layers": [_entry(layer) for layer in layers],
        }
    )


def config(
    facts: Facts, quant: str | None, layers: Sequence[Descriptor], projectors: Sequence[str]
) -> bytes:
    """Return the config of a model with these layers; ``projectors`` are their architectures.

    What is not known is left out. So are capabilities, renderer and parser: Ollama reads them off
    the GGUF and the layers, and a list given here would stand instead of what it finds.
    """
    known: dict[str, object] = {
        "model_format": "gguf",
        "architecture": "amd64",
        "os": "linux",
        # Releases up to about 0.12 wrote the layers here once more.
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }
    if facts.architecture:
        known["model_family"] = facts.architecture
        known["model_families"] = list(dict.fromkeys([facts.architecture, *projectors]))
    if size := _size_label(facts):
        known["model_type"] = size
    if quant:
        known["file_type"] = quant
    return _compact(known)


def _size_label(facts: Facts) -> str | None:
    """Return the number of parameters as Ollama writes it: ``7.6B``, ``134.52M``, ``8B``."""
    count = facts.parameters
    if count is None:
        label = facts.details.get("size_label")
        return str(label) if label else None
    for unit, letter, digits in ((10**9, "B", 1), (10**6, "M", 2)):
        if count >= unit:
            return f"{count / unit:.{0 if count % unit == 0 else digits}f}{letter}"
    return f"{count / 1000:.0f}K" if count >= 1000 else str(count)


def _entry(described: Descriptor) -> Mapping[str, object]:
    return {
        "mediaType": described.media_type,
        "digest": described.digest,
        "size": described.size_bytes,
    }


_compactly = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _compact(value: Mapping[str, object]) -> bytes:
    return _compactly(value).encode()
