"""A stand-in for the hub on loopback: one repository at one commit, and a note of each request."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class StandIn:
    """The repository, and what was asked of it."""

    def __init__(self, repository: str, commit: str, files: Mapping[str, bytes]) -> None:
        self.repository = repository
        self.commit = commit
        self.files = files
        self.asked: list[str] = []
        self.address = ""

    def answer(self, target: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body for a path."""
        path = unquote(urlsplit(target).path)
        for revision in ("main", self.commit):
            api = f"/api/models/{self.repository}"
            if path in (api, f"{api}/revision/{revision}"):
                return self._json(self._about())
            if path == f"{api}/tree/{revision}":
                return self._json([self._entry(name) for name in self.files])
            start = f"/{self.repository}/resolve/{revision}/"
            if path.startswith(start):
                return self._file(path.removeprefix(start))
        return 404, {"X-Error-Code": "RepoNotFound"}, b""

    def _about(self) -> object:
        files = [{"rfilename": name} for name in self.files]
        return {
            "id": self.repository,
            "modelId": self.repository,
            "sha": self.commit,
            "siblings": files,
            "private": False,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "lastModified": "2026-01-01T00:00:00.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z",
        }

    def _entry(self, name: str) -> object:
        content = self.files[name]
        return {"type": "file", "path": name, "size": len(content), "oid": _git_id(content)}

    def _json(self, content: object) -> tuple[int, dict[str, str], bytes]:
        headers = {"Content-Type": "application/json", "X-Repo-Commit": self.commit}
        return 200, headers, json.dumps(content).encode()

    def _file(self, name: str) -> tuple[int, dict[str, str], bytes]:
        headers = {"X-Repo-Commit": self.commit}
        if name not in self.files:
            return 404, headers | {"X-Error-Code": "EntryNotFound"}, b""
        content = self.files[name]
        headers |= {"ETag": f'"{_git_id(content)}"', "Accept-Ranges": "bytes"}
        return 200, headers, content


def _git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def serving(hub: StandIn) -> Iterator[StandIn]:
    """Serve it on a free port while the ``with`` lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer with a body."""
            status, headers, body = hub.answer(self.path)
            hub.asked.append(f"{self.command} {self.path}")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
