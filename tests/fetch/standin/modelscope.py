"""A stand-in for ModelScope: the file list and the downloads that its own client uses."""

import re
from typing import Any, Self
from urllib.parse import unquote

from fetch.standin.content import Content
from fetch.standin.faults import Faults
from fetch.standin.serving import Origin, Reply, Request, json_reply

_RESOLVE = r"/models/([^/]+/[^/]+)/resolve/([^/]+)/(.+)"
_COMMIT = "5f1b3e0f4b1c2d3e4f5061728394a5b6c7d8e9f0"


class StandInModelScope:
    """Serves the repositories that were added; downloads are redirected to a CDN's origin."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.faults = Faults()
        self._repositories: dict[tuple[str, str], dict[str, bytes]] = {}
        self.site = Origin("modelscope", "127.0.0.1", self._answer, self.requests, self.faults)
        self.cdn = Origin("cdn", "localhost", self._send, self.requests, self.faults)
        self.address = self.site.address

    def __enter__(self) -> Self:
        self.site.start()
        self.cdn.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.site.stop()
        self.cdn.stop()
        errors = self.site.errors + self.cdn.errors
        assert kind or not errors, errors[0]

    def add(self, name: str, files: dict[str, bytes], revision: str = "master") -> None:
        """Publish a repository at a branch or tag."""
        self._repositories[name, revision] = files

    def _answer(self, request: Request) -> Reply:
        path = unquote(request.path)
        if found := re.fullmatch(r"/api/v1/models/([^/]+/[^/]+)/repo/files", path):
            return self._list(found[1], request.query.get("Revision", [""])[0])
        found = re.fullmatch(_RESOLVE, path)
        if found and found[3] in self._repositories.get((found[1], found[2]), {}):
            return Reply(302, {"Location": self.cdn.address + request.path}, Content(b""))
        return Reply(404, {}, Content(b"{}"))

    def _send(self, request: Request) -> Reply:
        found = re.fullmatch(_RESOLVE, unquote(request.path))
        assert found
        content = self._repositories[found[1], found[2]][found[3]]
        return Reply(200, {"Accept-Ranges": "bytes"}, Content(content), found[3])

    def _list(self, name: str, revision: str) -> Reply:
        files = self._repositories.get((name, revision))
        if files is None:  # with a status of 200, as the real one does for a revision
            failure = {"Code": 10010205001, "Success": False, "Message": "not exist", "Data": None}
            return json_reply(failure)
        folders = {path.rpartition("/")[0] for path in files} - {""}
        entries = [_entry(folder, None) for folder in sorted(folders)]
        entries += [_entry(path, content) for path, content in files.items()]
        return json_reply(
            {
                "Code": 200,
                "Success": True,
                "Message": "success",
                "Data": {"Files": entries, "IsVisual": False},
            }
        )


def _entry(path: str, content: bytes | None) -> dict[str, Any]:
    is_file = content is not None
    return {
        "Name": path.rpartition("/")[2],
        "Path": path,
        "Type": "blob" if is_file else "tree",
        "Size": len(content or b""),
        "Sha256": Content(content).sha256.upper() if content is not None else "",
        "IsLFS": is_file and len(content or b"") > 100,
        "Mode": "33188" if is_file else "16384",
        "Revision": _COMMIT,
        "CommittedDate": 1775179795,
    }
