"""A stand-in for CivitAI, from the published description of its interface and its own code.

The site, and the storage that it redirects downloads to with signed links. Like the real one, the
storage refuses a request that carries a token besides, and a HEAD, which was not signed.
"""

import copy
import re
from typing import Any, Self
from urllib.parse import urlencode

from fetch.standin.content import Content
from fetch.standin.faults import Faults
from fetch.standin.serving import Origin, Reply, Request, json_reply

TOKEN = "the-secret-of-civitai"
_HTML = {"Content-Type": "text/html; charset=utf-8"}


class StandInCivitai:
    """Serves the models that were added; ``requests`` has all that were made, of both origins."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.faults = Faults()
        self.needs_login: set[int] = set()
        """Versions that only the token opens."""
        self.needs_purchase: set[int] = set()
        """Versions that nothing opens."""
        self._models: dict[int, dict[str, Any]] = {}
        self._contents: dict[int, bytes] = {}
        self._images: dict[str, tuple[str, bytes]] = {}
        self.site = Origin("civitai", "127.0.0.1", self._answer, self.requests, self.faults)
        self.storage = Origin("storage", "localhost", self._store, self.requests, self.faults)
        self.address = self.site.address

    def __enter__(self) -> Self:
        self.site.start()
        self.storage.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.site.stop()
        self.storage.stop()
        errors = self.site.errors + self.storage.errors
        assert kind or not errors, errors[0]

    def add(self, number: int, *versions: dict[str, Any], **fields: Any) -> None:
        """Publish a model; versions as ``version`` gives them."""
        usual = {
            "id": number,
            "name": "Ink",
            "type": "LORA",
            "nsfw": False,
            "description": "<p>Ink.</p>",
            "creator": {"username": "brush", "image": None},
            "tags": ["style"],
            "stats": {"downloadCount": 12},
        }
        self._models[number] = usual | fields | {"modelVersions": [*versions]}

    def version(
        self, number: int, *files: dict[str, Any], images: Any = (), **fields: Any
    ) -> dict[str, Any]:
        """Describe a version as the site does; files as ``file`` gives them."""
        for file in files:
            is_own = file["type"] in ("Model", "Pruned Model")
            query = {"fileId": file["id"]} if is_own else {"type": file["type"]}
            link = f"{self.address}/api/download/models/{number}?{urlencode(query)}"
            file.setdefault("downloadUrl", link)
        return {
            "id": number,
            "name": f"v{number}",
            "baseModel": "SDXL 1.0",
            "trainedWords": ["inkstyle"],
            "status": "Published",
            "availability": "Public",
            "publishedAt": f"2025-01-01T00:00:{number % 60:02}.000Z",
            "stats": {"downloadCount": 34},
            "files": [*files],
            "images": [*images],
        } | fields

    def file(
        self, number: int, name: str, content: bytes = b"weights", **fields: Any
    ) -> dict[str, Any]:
        """Describe a file as the site does, and keep its bytes."""
        self._contents[number] = content
        metadata = {key: fields.pop(key) for key in ("format", "fp", "size") if key in fields}
        digest = Content(content).sha256.upper()
        return {
            "id": number,
            "name": name,
            "type": "Model",
            "sizeKB": len(content) / 1024,
            "metadata": metadata,
            "pickleScanResult": "Success",
            "virusScanResult": "Success",
            "hashes": {"AutoV2": digest[:10], "SHA256": digest},
        } | fields

    def image(self, name: str, content_type: str = "image/jpeg", **fields: Any) -> dict[str, Any]:
        """Describe a picture as the site does, and serve it."""
        self._images[f"/image/{name}"] = (content_type, b"picture " + name.encode())
        url = f"{self.storage.address}/image/{name}"
        return {"url": url, "nsfwLevel": 1, "type": "image", "width": 512} | fields

    def _answer(self, request: Request) -> Reply:
        for pattern, answer in (
            (r"/api/v1/models/(\d+)", self._model),
            (r"/api/v1/model-versions/(\d+)", self._version),
        ):
            if found := re.fullmatch(pattern, request.path):
                value = answer(int(found[1]))
                return json_reply(value) if value else _missing()
        if found := re.fullmatch(r"/api/download/models/(\d+)", request.path):
            return self._download(int(found[1]), request)
        if request.path in ("/login", "/pricing"):
            return Reply(200, _HTML, Content(b"<html>Sign in</html>"))
        return _missing()

    def _model(self, number: int) -> dict[str, Any] | None:
        return copy.deepcopy(self._models.get(number))

    def _version(self, number: int) -> dict[str, Any] | None:
        for model in self._models.values():
            for version in model["modelVersions"]:
                if version["id"] == number:
                    brief = {key: model[key] for key in ("name", "type", "nsfw")}
                    return version | {"modelId": model["id"], "model": brief}
        return None

    def _download(self, number: int, request: Request) -> Reply:
        if number in self.needs_purchase:
            return _moved("/pricing?reason=early-access")
        if number in self.needs_login and request.token != TOKEN:
            return _moved("/login?returnUrl=%2F&reason=download-auth")
        version = self._version(number) or {"files": []}
        for file in version["files"]:
            wanted = {"fileId": str(file["id"]), "type": file["type"]} | file["metadata"]
            if all(wanted.get(key) == value[0] for key, value in request.query.items()):
                return _moved(f"{self.storage.address}/file/{file['id']}?Authorization=signed")
        return _missing()

    def _store(self, request: Request) -> Reply:
        if "authorization" in request.headers or request.method == "HEAD":
            return Reply(400, {}, Content(b"only one way to sign is allowed"))
        if image := self._images.get(request.path):
            return Reply(
                200, {"Content-Type": image[0], "Accept-Ranges": "bytes"}, Content(image[1])
            )
        content = self._contents.get(int(request.path.rpartition("/")[2]))
        if content is None or request.query.get("Authorization") != ["signed"]:
            return _missing()
        kind = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        return Reply(200, kind, Content(content), request.path)


def _moved(location: str) -> Reply:
    return Reply(307, {"Location": location}, Content(b""))


def _missing() -> Reply:
    answer = json_reply({"error": "not found"})
    return Reply(404, answer.headers, answer.content)
