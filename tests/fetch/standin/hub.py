"""A stand-in for the Hugging Face hub and its CDN, which the real huggingface_hub works with.

In a test: ``hub.repository("org/name", files={...})`` and ``HF_ENDPOINT=hub.endpoint``. As a
process of its own: ``process.HubProcess``.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from fetch.standin import refusals
from fetch.standin.content import Content
from fetch.standin.faults import Faults
from fetch.standin.links import Links, expired_text
from fetch.standin.repository import Commit, HubFile, Repository
from fetch.standin.search import chosen, expand, first, search
from fetch.standin.serving import Origin, Reply, Request, json_reply
from fetch.standin.xet import XetStorage

_ID = r"(?P<id>[^/]+(?:/[^/]+)?)"
_API = re.compile(
    rf"/api/models/{_ID}"
    r"(?:/(?P<verb>revision|tree|paths-info|refs|auth-check|xet-read-token)"
    r"(?:/(?P<revision>[^/]+)(?:/(?P<path>.*))?)?)?"
)
_RESOLVE = re.compile(rf"/{_ID}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
_TELEMETRY = ("/api/agent-harnesses", "/api/telemetry", "/v1/telemetry")


class StandInHub:
    """A hub with as many repositories as a test makes, and a CDN at another origin."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        """Every request to either origin, in the order in which they came."""
        self.faults = Faults()
        self.links = Links()
        self.tokens: dict[str, str] = {}
        """Which tokens are accepted, and whose they are: ``{"hf_valid": "user"}``."""
        self.redirects = True
        """Whether files in LFS are at the CDN; otherwise the hub sends them itself."""
        self.page_size = 1000
        self.repositories: dict[str, Repository] = {}
        self._hub = Origin("hub", "127.0.0.1", self._answer, self.requests, self.faults)
        self._cdn = Origin("cdn", "localhost", self._answer_as_cdn, self.requests, self.faults)
        self.xet = XetStorage(self.requests, self.faults)
        self._origins = (self._hub, self._cdn, self.xet.origin)
        self.endpoint = self._hub.address
        self.cdn = self._cdn.address

    def start(self) -> None:
        """Begin to serve."""
        for origin in self._origins:
            origin.start()

    def stop(self) -> None:
        """End, whatever is still being sent."""
        self.faults.release()
        for origin in self._origins:
            origin.stop()

    @property
    def errors(self) -> list[str]:
        """Failures of the stand-in itself."""
        return [error for origin in self._origins for error in origin.errors]

    def repository(
        self,
        id: str,
        files: Mapping[str, Any],
        *,
        private: bool = False,
        gated: bool | str = False,
        allowed: set[str] | None = None,
        card: Mapping[str, Any] | None = None,
        license: str | None = None,
        tags: list[str] | None = None,
        xet: bool = False,
        **about: Any,
    ) -> Repository:
        """Make a repository with a first commit.

        ``files`` are bytes, text, a Path (sent from disk), a Content or a HubFile. ``gated=True``
        is ``auto``. ``xet`` has the LFS files in Xet as well. ``about`` is what the API says
        besides, by its own names: pipeline_tag, downloads, likes, library_name, gguf, ...
        """
        data = dict(card or {}) | ({"license": license} if license else {})
        about["tags"] = [*(tags or []), *([f"license:{license}"] if license else [])]
        about |= {"cardData": data} if data else {}
        made = Repository(
            id,
            private,
            "auto" if gated is True else gated,
            allowed or set(),
            about,
            keep=self.xet.keep if xet else None,
        )
        made.change(files)
        self.repositories[id] = made
        return made

    def bytes_sent(self, file: str) -> int:
        """Return how many bytes of a file went out, over both origins."""
        return sum(each.bytes_sent for each in self.requests if each.file == file)

    def open_connections(self) -> int:
        """Return how many clients are connected."""
        return sum(len(origin.connections) for origin in self._origins)

    def authorized_hosts(self) -> set[str]:
        """Return the origins that ever saw an Authorization header: ``{"hub"}`` is right.

        Xet's own tokens, which it wants to see, do not count.
        """
        return {
            each.origin
            for each in self.requests
            if "authorization" in each.headers and each.token not in self.xet.tokens
        }

    @property
    def telemetry_requests(self) -> list[Request]:
        """The requests that only tell the hub who asks."""
        return [each for each in self.requests if each.path.startswith(_TELEMETRY)]

    def _answer(self, request: Request) -> Reply:
        user = self.tokens.get(request.token or "")
        if request.token and user is None:
            return refusals.bad_token()
        if request.path == "/api/whoami-v2":
            return _whoami(user)
        if request.path == "/api/models":
            found = search(list(self.repositories.values()), request.query)
            return self._page(request, found, int(first(request.query, "limit") or 0))
        if match := _API.fullmatch(request.path):
            return self._answer_api(request, user, **_unquoted(match))
        if match := _RESOLVE.fullmatch(request.path):
            return self._answer_resolve(user, **_unquoted(match))
        return refusals.error(404, "Not Found")

    def _answer_api(
        self, request: Request, user: str | None, id: str, verb: str, revision: str, path: str
    ) -> Reply:
        repository = self._visible(id, user)
        if isinstance(repository, Reply):
            return repository
        if verb == "refs":
            return json_reply(_refs(repository))
        if verb == "auth-check":
            return refusals.gate(repository, user) or json_reply({})
        commit = repository.at(revision or "main")
        if commit is None:
            return refusals.no_revision(revision)
        if verb == "xet-read-token":
            return refusals.gate(repository, user) or self.xet.give_token()
        if verb == "tree":
            recursive = first(request.query, "recursive").lower() in ("true", "1")
            entries = repository.tree(commit, path, recursive=recursive)
            if entries is None:
                return refusals.no_entry(commit, path)
            return self._page(request, entries)
        if verb == "paths-info":
            return json_reply(repository.paths_info(commit, _form(request).get("paths", [])))
        told = repository.describe(commit, blobs=bool(first(request.query, "blobs")))
        wanted = expand(request.query)
        return json_reply(chosen(told, wanted) if wanted else told)

    def _answer_resolve(self, user: str | None, id: str, revision: str, path: str) -> Reply:
        repository = self._visible(id, user)
        if isinstance(repository, Reply):
            return repository
        if refusal := refusals.gate(repository, user):
            return replace(refusal, file=path)
        commit = repository.at(revision)
        if commit is None:
            return refusals.no_revision(revision)
        file = commit.files.get(path)
        if file is None:
            return refusals.no_entry(commit, path)
        headers = _file_headers(commit, file)
        if file.xet_hash:
            way = f"{self.endpoint}/api/models/{id}/xet-read-token/{commit.hash}"
            headers |= {"X-Xet-Hash": file.xet_hash, "Link": f'<{way}>; rel="xet-auth"'}
        if file.lfs and self.redirects:
            link = self.links.give(self.cdn, file.content, path)
            return Reply(302, headers | {"Location": link}, file=path)
        return Reply(200, headers | _sending(path), file.content, path)

    def _answer_as_cdn(self, request: Request) -> Reply:
        link = self.links.follow(request.method, request.query)
        if link is None:
            return Reply(403, {"Content-Type": "application/xml"}, Content(expired_text()))
        etag = {"ETag": f'"{link.content.sha256}"'}
        return Reply(200, etag | _sending(link.file), link.content, link.file)

    def _visible(self, id: str, user: str | None) -> Repository | Reply:
        """Return a repository; a user who may not know of it is told the same as of a missing."""
        repository = self.repositories.get(id)
        if repository and not (repository.private and user not in repository.allowed):
            return repository
        return refusals.no_repository(user)

    def _page(self, request: Request, found: list[Any], limit: int = 0) -> Reply:
        start = int(first(request.query, "cursor") or 0)
        end = start + (min(limit, self.page_size) or self.page_size)
        query = urlencode({**request.query, "cursor": end}, doseq=True)
        link = {"Link": f'<{self.endpoint}{request.path}?{query}>; rel="next"'}
        return json_reply(found[start:end], link if end < len(found) else {})


def _unquoted(match: re.Match[str]) -> dict[str, str]:
    return {name: unquote(value or "") for name, value in match.groupdict().items()}


def _form(request: Request) -> dict[str, list[str]]:
    return parse_qs(request.body.decode())


def _whoami(user: str | None) -> Reply:
    if user is None:
        return refusals.nobody()
    token = {"displayName": "stand-in", "role": "read"}
    auth = {"type": "access_token", "accessToken": token}
    return json_reply({"type": "user", "name": user, "fullname": user, "orgs": [], "auth": auth})


def _refs(repository: Repository) -> dict[str, Any]:
    refs = [
        {"name": ref.split("/", 2)[2], "ref": ref, "targetCommit": commit}
        for ref, commit in repository.refs.items()
    ]
    branches = [ref for ref in refs if ref["ref"].startswith("refs/heads/")]
    tags = [ref for ref in refs if ref["ref"].startswith("refs/tags/")]
    return {"branches": branches, "tags": tags, "converts": [], "pullRequests": []}


def _file_headers(commit: Commit, file: HubFile) -> dict[str, str]:
    headers = {"X-Repo-Commit": commit.hash, "ETag": f'"{file.etag}"'}
    if file.lfs:
        headers |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(file.size)}
    return headers


def _sending(path: str) -> dict[str, str]:
    name = path.rpartition("/")[2]
    return {
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(name)};",
    }
