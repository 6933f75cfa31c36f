"""A stand-in for Ollama's registry: manifests by name and tag, blobs at another origin."""

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256

from fetch.standin.content import Content
from fetch.standin.faults import Faults
from fetch.standin.serving import Origin, Reply, Request, json_reply

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.ollama.image."
_PLACE = re.compile(r"/v2/(?P<name>[^/]+/[^/]+)/(?P<what>manifests|blobs)/(?P<id>[^/]+)")
_CHALLENGE = (
    'Bearer realm="https://ollama.com/token",service="ollama.com",scope="repository:{}:pull"'
)


class StandInOllama:
    """A registry with as many models as a test publishes."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.faults = Faults()
        """A manifest's file is ``name:tag``, with its namespace; a blob's is its digest."""
        self.private: set[str] = set()
        """Models, with their namespace, of which it wants to know who asks."""
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, Content] = {}
        self._registry = Origin("registry", "127.0.0.1", self._answer, self.requests, self.faults)
        self._storage = Origin("storage", "localhost", self._store, self.requests, self.faults)
        self.endpoint = self._registry.address

    def start(self) -> None:
        """Begin to serve."""
        self._registry.start()
        self._storage.start()

    def stop(self) -> None:
        """End."""
        self._registry.stop()
        self._storage.stop()

    @property
    def errors(self) -> list[str]:
        """Failures of the stand-in itself."""
        return self._registry.errors + self._storage.errors

    def publish(
        self, name: str, layers: Sequence[tuple[str, bytes]], config: Mapping[str, object]
    ) -> dict[str, object]:
        """Publish a model, ``namespace/model:tag``, of layers by kind; return its manifest."""
        text = json.dumps(config).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self.blob(CONFIG_TYPE, text),
            "layers": [self.blob(LAYER + kind, content) for kind, content in layers],
        }
        self.manifests[name] = json.dumps(manifest).encode()
        return manifest

    def blob(self, media_type: str, content: bytes) -> dict[str, object]:
        """Keep a blob; return what a manifest says of it."""
        digest = f"sha256:{sha256(content).hexdigest()}"
        self.blobs[digest] = Content(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def _answer(self, request: Request) -> Reply:
        place = _PLACE.fullmatch(request.path)
        if place is None:
            return _missing("NAME_UNKNOWN")
        if place["name"] in self.private:
            headers = {"WWW-Authenticate": _CHALLENGE.format(place["name"])}
            return Reply(401, headers, Content(b"{}"))
        if place["what"] == "blobs":
            if place["id"] not in self.blobs:
                return _missing("BLOB_UNKNOWN")
            location = f"{self._storage.address}/{place['id']}?signature=s3cret"
            return Reply(307, {"Location": location}, file=place["id"])
        shown = f"{place['name']}:{place['id']}"
        if shown not in self.manifests or request.headers.get("accept") != MANIFEST_TYPE:
            return _missing("MANIFEST_UNKNOWN")
        return Reply(200, {"Content-Type": MANIFEST_TYPE}, Content(self.manifests[shown]), shown)

    def _store(self, request: Request) -> Reply:
        digest = request.path.strip("/")
        headers = {"Accept-Ranges": "bytes", "ETag": f'"{digest}"'}
        return Reply(200, headers, self.blobs[digest], digest)


def _missing(code: str) -> Reply:
    reply = json_reply({"errors": [{"code": code, "message": "not known"}]})
    return Reply(404, reply.headers, reply.content)
