"""Any file at an address of the web; asked last, for what no other source claims.

Invariant: what an address carries to prove who asks (a user, a token, a signature) is in the
request and in ``RemoteFile.url``, and in no source, name or message.
"""

import re
from urllib.parse import parse_qsl, unquote_plus, urlsplit, urlunsplit

from modelfs.errors import BadInput
from modelfs.fetch.file_names import file_name
from modelfs.fetch.listing import Listing, RemoteFile, Wishes
from modelfs.fetch.probe import Seen, look
from modelfs.fetch.web import Refusal, Web

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_DIGEST_NAME = re.compile(r"\s*(sha|md|blake|xxh|crc|digest|hash)[\w-]*\s*[=:]", re.IGNORECASE)
_BLANK = re.compile(r"[\x00-\x20\x7f]")
_SECRET_WORD = re.compile(
    r"(?:^|[._-])(?:key|sig|sign|pass|pwd|auth|policy|session|jwt|rlkey)(?:$|[._-])"
    r"|token|secret|signature|password|passwd|credential|access_?key|access_?id|api_?key"
    r"|authorization|key-pair-id|^x-(?:amz|goog|ms|oss|cos|obs)-",
    re.IGNORECASE,
)


class AddressSource:
    """``https://example.org/model.gguf``, with ``#sha256=…`` behind it where one is known."""

    def claims(self, text: str) -> bool:
        """Claim every ``http`` and ``https`` address."""
        return text.strip().lower().startswith(("http://", "https://"))

    def wishes(self, text: str) -> Wishes:
        """Return none: there is one file."""
        return Wishes()

    def list(self, text: str, web: Web) -> Listing:
        """Ask for the size and the name of the file; as the protocol says.

        What a server calls an ETag or a hash is not taken for a digest: only the user's is.
        """
        address, sha256 = _split(text.strip())
        source = public_address(address)
        what = source.rpartition("/")[2].partition("?")[0] or source
        try:
            seen = look(web, address)
        except Refusal as refusal:
            raise refusal.explained(what) from None
        if seen.is_web_page:
            raise _web_page(address, seen)
        name = file_name(seen.headers, (address, seen.url))
        file = RemoteFile(name, seen.size_bytes, address, sha256)
        return Listing(source, name, (file,))


def public_address(address: str) -> str:
    """Return an address as it may be shown and kept: without fragment, user, and secrets."""
    parts = urlsplit(address)
    kept = [
        pair
        for pair in parts.query.split("&")
        if not _SECRET_WORD.search(unquote_plus(pair.partition("=")[0]))
    ]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme.lower(), host, parts.path, "&".join(kept), ""))


def _split(text: str) -> tuple[str, str | None]:
    """Return the address to ask, and the digest that its fragment promises."""
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and parts.port != 0 and not _BLANK.search(text)
    except ValueError:
        usable = False
    if not usable:
        raise BadInput("that address cannot be read", "is it copied whole?")
    return text.partition("#")[0], _digest(parts.fragment)


def _digest(fragment: str) -> str | None:
    said = {name.strip().lower(): value.strip() for name, value in parse_qsl(fragment)}
    if _SHA256.fullmatch(said.get("sha256", "")):
        return said["sha256"].lower()
    if "sha256" in said or fragment.strip().lower().startswith("sha256"):
        raise BadInput("what follows '#sha256=' is no SHA-256", "it has 64 hexadecimal digits")
    if _DIGEST_NAME.match(fragment):
        raise BadInput(
            "only a SHA-256 can be checked", "write it behind the address: #sha256=<64 digits>"
        )
    return None


def _web_page(address: str, seen: Seen) -> BadInput:
    hosts = [urlsplit(url).hostname for url in (address, seen.url)]
    moved = f", and {hosts[0]} leads there" if hosts[0] != hosts[1] else ""
    return BadInput(
        f"that is a web page of {hosts[1]}, not a file{moved}",
        "copy the address of the download itself; a page that asks for a login is one too",
    )
