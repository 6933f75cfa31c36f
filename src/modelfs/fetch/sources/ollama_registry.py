"""What a registry of Ollama's kind answers: manifests and blobs, read with distrust.

Only what is open to all can be had. Where a registry wants to know who asks, Ollama's own client
signs with a key that its server made, and every blob needs the token that it gets for that: this
is not ours to use.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from modelfs.errors import AccessDenied, NotFound, Unreachable
from modelfs.fetch.web import Web
from modelfs.views.ollama_manifest import LAYER_TYPE_PREFIX, MANIFEST_TYPE, Descriptor
from modelfs.views.ollama_names import DEFAULT_HOST, OllamaName

MAX_LAYERS = 100_000
"""Models that are kept tensor by tensor have thousands of layers, and must be told as such."""
MAX_GGUF_LAYERS = 200
"""Those of one GGUF have up to twenty."""
_MAX_LAYER_BYTES = 1 << 44
_MAX_TEXT_BYTES = 1 << 20
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parts of a model."""

    digest: str
    """``sha256:`` and the SHA-256 of the manifest's own bytes, by which Ollama tells versions."""
    config: Descriptor
    layers: Sequence[Descriptor]

    def kinds(self) -> list[str]:
        """Return what each layer is: ``model``, ``template``; empty for what is not Ollama's."""
        return [_kind(layer.media_type) for layer in self.layers]


@dataclass(frozen=True, slots=True)
class Registry:
    """One model in a registry."""

    web: Web
    top: str
    """The address of the registry, without a slash at the end."""
    name: OllamaName
    shown: str
    """The name as a person writes it."""

    def url(self, blob: Descriptor) -> str:
        """Return where the bytes of a part are."""
        return f"{self._folder}/blobs/{blob.digest}"

    def manifest(self) -> Manifest:
        """Ask for the manifest.

        Raises NotFound, AccessDenied, or Unreachable for what is no manifest.
        """
        url, what = f"{self._folder}/manifests/{self.name.tag}", f"the manifest of {self.shown}"
        try:
            text = self.web.text(url, self.shown, headers={"accept": MANIFEST_TYPE})
        except NotFound:
            is_usual = self.name.host == DEFAULT_HOST
            hint = "names and tags are at https://ollama.com/search" if is_usual else ""
            raise NotFound(f"{self.name.host} has no model {self.shown}", hint) from None
        except AccessDenied:
            raise AccessDenied(
                f"{self.name.host} does not give {self.shown} to everybody: it is private, or "
                "does not exist",
                "what is private only Ollama's own 'ollama pull' can get",
            ) from None
        digest = f"sha256:{sha256(text).hexdigest()}"
        return _manifest(_object(text, what), digest, what)

    def config(self, manifest: Manifest) -> tuple[Mapping[str, Any], bytes]:
        """Return the config, parsed and as it is; raise Unreachable when it is none."""
        text = self.blob(manifest.config, "config")
        return _object(text, f"the config of {self.shown}"), text

    def blob(self, blob: Descriptor, kind: str) -> bytes:
        """Return the bytes of a small part; raise Unreachable when they are not what they should.

        ``kind`` is what it is called in errors.
        """
        what = f"the {kind} of {self.shown}"
        if blob.size_bytes > _MAX_TEXT_BYTES:
            raise Unreachable(f"{what} has {blob.size_bytes} bytes, more than any real one")
        try:
            content = self.web.text(self.url(blob), f"{kind} of {self.shown}")
        except NotFound:
            raise Unreachable(f"{what} is not there, though the manifest names it") from None
        if sha256(content).hexdigest() != blob.sha256 or len(content) != blob.size_bytes:
            raise Unreachable(f"{what} is not what the manifest promises")
        return content

    @property
    def _folder(self) -> str:
        return f"{self.top}/v2/{self.name.namespace}/{self.name.model}"


def _object(text: bytes, what: str) -> Mapping[str, Any]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise Unreachable(f"{what} is no JSON object")
    return read


def _manifest(read: Mapping[str, Any], digest: str, what: str) -> Manifest:
    layers = read.get("layers", ())
    layers = [] if layers is None else layers  # of a model without any, as Go writes it
    if not isinstance(layers, list) or not isinstance(read.get("config"), dict):
        raise Unreachable(f"{what} is none of Ollama's: it has no layers, or no config")
    if len(layers) > MAX_LAYERS:
        raise Unreachable(f"{what} has {len(layers)} layers, more than any real one")
    described = [_descriptor(each, what) for each in layers]
    found = Manifest(digest, _descriptor(read["config"], what), described)
    if len(layers) > MAX_GGUF_LAYERS and "tensor" not in found.kinds():
        raise Unreachable(f"{what} has {len(layers)} layers, more than any real one")
    return found


def _descriptor(entry: object, what: str) -> Descriptor:
    found = entry if isinstance(entry, dict) else {}
    media_type, digest, size = (found.get(key) for key in ("mediaType", "digest", "size"))
    match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    if match is None or not isinstance(media_type, str):
        raise Unreachable(f"{what} has a layer without a type or a SHA-256")
    if type(size) is not int or not 0 <= size <= _MAX_LAYER_BYTES:
        raise Unreachable(f"{what} has a layer of an impossible size: {str(size)[:40]}")
    return Descriptor(media_type, match[1], size)


def _kind(media_type: str) -> str:
    """Return the kind of a layer, without the parameters that its type may have."""
    plain = media_type.partition(";")[0].strip()
    return plain.removeprefix(LAYER_TYPE_PREFIX) if plain.startswith(LAYER_TYPE_PREFIX) else ""
