"""ModelScope: repositories of files, listed and downloaded by the plain API of its own client."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from glob import escape
from urllib.parse import quote, unquote, urlencode, urlsplit

from modelfs.errors import BadInput, NotFound, Unreachable
from modelfs.fetch.endpoints import Endpoints
from modelfs.fetch.listing import Listing, RemoteFile, Wishes
from modelfs.fetch.variants import variants_of
from modelfs.fetch.web import Web

_PREFIX = "ms:"
_HOSTS = ("modelscope.cn", "www.modelscope.cn", "modelscope.ai", "www.modelscope.ai")
_USUAL_REVISION = "master"
_NAME = r"\w[\w.-]*/\w[\w.-]*"
_SHORT = re.compile(
    rf"ms:(?P<id>{_NAME})(?:@(?P<revision>[^:/@]+))?(?::(?P<quant>[^/:@]+))?(?:/(?P<glob>.+))?"
)
_PAGE = re.compile(
    rf"/models/(?P<id>{_NAME})"
    r"(?:/(?P<kind>resolve|file/view|tree)/(?P<revision>[^/]+)(?:/(?P<path>.+?))?"
    r"|/(?:summary|files|feedback))?/?"
)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class _Address:
    id: str
    revision: str
    quant: str
    glob: str
    host: str = ""


class ModelScopeSource:
    """``ms:org/name[@revision][:QUANT][/glob]``, or an address of the site as it is."""

    def claims(self, text: str) -> bool:
        """Claim ``ms:`` and the site's hosts."""
        return text.strip().lower().startswith(_PREFIX) or _is_site(text.strip())

    def wishes(self, text: str) -> Wishes:
        """Return what the address itself asks for: a quantisation, files by a pattern."""
        address = _parse(text)
        return Wishes(
            variants=(address.quant,) if address.quant else (),
            include=(address.glob,) if address.glob else (),
        )

    def list(self, text: str, web: Web) -> Listing:
        """Ask for the files of a revision, all folders at once; as the protocol says."""
        address = _parse(text)
        query = urlencode({"Revision": address.revision, "Recursive": "true"})
        url = f"{web.endpoints.modelscope}/api/v1/models/{quote(address.id)}/repo/files?{query}"
        try:
            answer = web.json(url, f"model {address.id}", "modelscope")
        except NotFound as error:
            raise NotFound(error.message, _elsewhere(address, web) or error.hint) from None
        files = tuple(_files(_data(answer, address, web), address, web))
        if not files:
            raise NotFound(f"{address.id} has no files at revision {address.revision}")
        return Listing(
            f"ms:{address.id}@{address.revision}",
            address.id,
            files,
            variants_of(files),
            asked=address.revision,
        )


def _is_site(text: str) -> bool:
    if not text.lower().startswith(("http://", "https://")):
        return False
    try:
        host = urlsplit(text).hostname
        return host in (*_HOSTS, urlsplit(Endpoints.configured().modelscope).hostname)
    except ValueError:
        return False


def _parse(text: str) -> _Address:
    """Raises BadInput."""
    text = text.strip()
    if text.lower().startswith(_PREFIX):
        if found := _SHORT.fullmatch(_PREFIX + text[len(_PREFIX) :]):
            id_, revision, quant, pattern = found.groups(default="")
            return _Address(id_, revision or _USUAL_REVISION, quant, pattern)
    else:
        address = urlsplit(text)
        if found := _PAGE.fullmatch(unquote(address.path)):
            id_, kind, revision, path = found.groups(default="")
            pattern = escape(path) + "/*" * (kind == "tree") if path else ""
            return _Address(id_, revision or _USUAL_REVISION, "", pattern, address.hostname or "")
    raise BadInput(
        "that is no model of ModelScope",
        "ms:org/name, ms:org/name@revision:Q4_K_M, or the address of a model's page",
    )


def _elsewhere(address: _Address, web: Web) -> str:
    """Return what to try for a page of the site that we do not ask."""
    asked = urlsplit(web.endpoints.modelscope).hostname or ""
    if not address.host or address.host.removeprefix("www.") == asked.removeprefix("www."):
        return ""
    return f"it may be on that site alone: MODELFS_MODELSCOPE=https://{address.host}"


def _data(answer: object, address: _Address, web: Web) -> list[object]:
    """Return the entries; its errors may come with a status of 200 and a code of their own."""
    host = urlsplit(web.endpoints.modelscope).hostname
    if isinstance(answer, dict):
        data = answer.get("Data")
        if isinstance(data, dict) and isinstance(data.get("Files"), list):
            return list(data["Files"])
        if answer.get("Success") is False or answer.get("Code") not in (None, 200):
            raise NotFound(
                f"{host} has no model {address.id} with a revision {address.revision}",
                _elsewhere(address, web) or "check the spelling",
            )
    raise Unreachable(f"{host} answered with something else than a list of files")


def _files(entries: list[object], address: _Address, web: Web) -> Iterator[RemoteFile]:
    # Not `/api/v1/…/repo?FilePath=`: it answers a range with status 200, as if it were the whole.
    revision = quote(address.revision, safe="")
    base = f"{web.endpoints.modelscope}/models/{quote(address.id)}/resolve/{revision}"
    seen: set[str] = set()
    for entry in entries:
        if not isinstance(entry, Mapping) or entry.get("Type") == "tree":
            continue
        path, size, sha256 = (entry.get(key) for key in ("Path", "Size", "Sha256"))
        if not isinstance(path, str) or not path.strip("/") or path in seen:
            continue
        seen.add(path)
        yield RemoteFile(
            path,
            size if type(size) is int and size >= 0 else None,
            f"{base}/{quote(path, safe='/')}",
            sha256.lower() if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else None,
            access="modelscope",
        )
