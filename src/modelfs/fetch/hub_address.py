"""Addresses of the hub: ``hf:org/repo@rev:QUANT/path``, and the site's own as they are pasted.

Pure: nobody is asked. What is read is written back by ``str`` and read again as the same.
"""

import re
from dataclasses import dataclass
from glob import escape
from urllib.parse import parse_qs, quote, unquote, urlsplit

from modelfs.errors import BadInput
from modelfs.identify.reading import plain_text

_SITES = {"huggingface.co", "www.huggingface.co", "hf.co"}
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(rf"{_NAME}(?:/{_NAME})?")
_SPECIAL_REVISION = re.compile(r"refs/(?:pr/\d+|convert/[\w.-]+)(?=$|[:/])")
"""The refs of the hub with slashes in them; any other slash of a revision is written %2F."""
_QUANT = re.compile(r"[\w.+-]{1,100}")
_FORM = "write hf:org/repo, then @revision, :quantisation and /path as needed"
_WITH_PATH = {"tree", "blob", "resolve", "raw", "blame", "edit", "commits", "commit"}
_WITHOUT = {"discussions", "settings", "community"}
_OTHER_KINDS = {"datasets": "dataset", "spaces": "space", "buckets": "bucket", "kernels": "kernel"}
_OTHER_PAGES = {
    *("models", "docs", "blog", "api", "papers", "collections", "settings", "join", "login"),
    *("pricing", "tasks", "posts", "chat", "learn", "new", "organizations", "enterprise"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """A model on the hub, and what is wanted of it."""

    repository: str
    """``org/repo``; some of the oldest have no organisation."""
    revision: str | None = None
    """A branch, a tag or a commit."""
    quant: str | None = None
    """The label of a variant, or a part of it."""
    path: str | None = None
    """A file, a folder or a glob pattern of files."""

    def __str__(self) -> str:
        revision = self.revision or ""
        if not _SPECIAL_REVISION.fullmatch(revision):
            revision = quote(revision, safe="")
        return "".join(
            (
                f"hf:{self.repository}",
                f"@{revision}" if revision else "",
                f":{self.quant}" if self.quant else "",
                f"/{self.path}" if self.path else "",
            )
        )


def is_hub_address(text: str, endpoint: str) -> bool:
    """Say whether a text is meant as an address of the hub, right or wrong."""
    text = text.strip()
    return text[:3].lower() == "hf:" or _page(text, endpoint) is not None


def parse_address(text: str, endpoint: str) -> Address:
    """Read an address; ``endpoint`` is the hub's, whose pages count as the site's.

    Raises BadInput for whatever is no model, and says what would be one.
    """
    text = text.strip()
    if not text.isprintable():
        raise _nonsense(text, "there are control characters in it")
    page = _page(text[3:] if text[:3].lower() == "hf:" else text, endpoint)
    if page is not None:
        return _from_page(text, *page)
    if text[:3].lower() != "hf:":
        raise _nonsense(text, "it does not begin with hf:")
    return _from_short(text, text[3:].lstrip("/"))


def _page(text: str, endpoint: str) -> tuple[str, str] | None:
    """Return path and query of a page of the site; None for what is elsewhere."""
    home = urlsplit(endpoint)
    with_scheme = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(with_scheme)
        host, netloc = (parts.hostname or "").lower(), parts.netloc.lower()
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https"):
        return None
    if netloc == home.netloc.lower() and f"{parts.path}/".startswith(f"{home.path}/"):
        return parts.path[len(home.path) :], parts.query
    return (parts.path, parts.query) if host in _SITES else None


def _from_page(text: str, path: str, query: str) -> Address:
    raw = [part for part in path.split("/") if part]
    at = next((at for at in (1, 2) if raw[at : at + 1] and raw[at] in _WITH_PATH | _WITHOUT), None)
    if at is None:
        if len(raw) > 2:
            raise _other_kind(raw) or _nonsense(text, "that page shows no files of a model")
        return _with_shown(_from_short(text, unquote("/".join(raw))), query)
    repository = "/".join(raw[:at])
    found = Address(_repository(text, unquote(repository)))
    if raw[at] in _WITH_PATH and raw[at + 1 :]:
        revision, rest = _revision_and_path(raw[at + 1 :])
        file = escape(unquote("/".join(rest)))
        found = Address(found.repository, _revision(text, revision), None, _path(text, file))
    return _with_shown(found, query)


def _with_shown(address: Address, query: str) -> Address:
    """Add the file whose header the page shows: what a person had open is what he wants."""
    shown = parse_qs(query).get("show_file_info", [""])[0]
    if not shown or address.path or address.quant or not shown.isprintable():
        return address
    return Address(
        address.repository, address.revision or "main", None, _path(shown, escape(shown))
    )


def _revision_and_path(parts: list[str]) -> tuple[str, list[str]]:
    special = _SPECIAL_REVISION.match("/".join(parts))
    if special:
        return special[0], parts[special[0].count("/") + 1 :]
    return unquote(parts[0]), parts[1:]


def _from_short(text: str, rest: str) -> Address:
    """Read ``org/repo[@rev][:QUANT][/path]``."""
    other = _other_kind([part for part in rest.split("/") if part])
    if other is not None:
        raise other
    named = re.match(r"[^@:/]*(?:/[^@:/]*)?", rest)
    repository = named[0] if named else ""
    rest = rest[len(repository) :]
    revision = quant = None
    if rest.startswith("@"):
        special = _SPECIAL_REVISION.match(rest[1:])
        written = special[0] if special else re.split("[:/]", rest[1:], maxsplit=1)[0]
        rest = rest[1 + len(written) :]
        revision = _revision(text, unquote(written))
    if rest.startswith(":"):
        quant, _, rest = rest[1:].partition("/")
        if "@" in quant:
            raise _nonsense(text, "the revision comes before the quantisation")
        if not _QUANT.fullmatch(quant):
            raise _nonsense(text, "what follows ':' is no quantisation")
    # Ollama, which reads the same addresses, says "latest" for none in particular.
    quant = None if quant == "latest" else quant
    name = _repository(text, repository.rstrip("/"))
    path = _path(text, rest)
    if path and "/" not in name and revision is None and quant is None:
        revision = "main"  # otherwise the path would be read as the name of the repository
    return Address(name, revision, quant, path)


def _repository(text: str, name: str) -> str:
    if not _REPOSITORY.fullmatch(name) or "--" in name or ".." in name or name.endswith(".git"):
        raise _nonsense(text, "it names no repository" if name else "the repository is missing")
    if name.lower() in _OTHER_PAGES or name.partition("/")[0].lower() in _OTHER_PAGES:
        raise _nonsense(text, "that page shows no model")
    return name


def _revision(text: str, revision: str) -> str:
    if not revision or len(revision) > 250 or not revision.isprintable() or " " in revision:
        raise _nonsense(text, "what follows '@' is no branch, tag or commit")
    if ".." in revision or revision.startswith(("-", "/")) or revision.endswith("/"):
        raise _nonsense(text, "what follows '@' is no branch, tag or commit")
    return revision


def _path(text: str, path: str) -> str | None:
    path = path.strip("/ ")
    if not path:
        return None
    if not path.isprintable() or any(part in ("", ".", "..") for part in path.split("/")):
        raise _nonsense(text, "its path is none of a repository")
    return path


def _other_kind(parts: list[str]) -> BadInput | None:
    kind = _OTHER_KINDS.get(parts[0].lower()) if parts else None
    if kind is None:
        return None
    name = plain_text("/".join(parts[1:3]), 120) or "that"
    return BadInput(
        f"{name} is a {kind} of the hub, not a model", f"for a {kind} use the hub's own tool, hf"
    )


def _nonsense(text: str, why: str) -> BadInput:
    return BadInput(f"{plain_text(text, 120)!r} is no address of a model: {why}", _FORM)
