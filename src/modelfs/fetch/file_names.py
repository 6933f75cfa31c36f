"""What to call a file that a server sends: one legal name, never a path; pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from modelfs.names import legal_name, shorten, split_extension

_SLASHES = re.compile(r"[/\\]")
_PARAMETER = re.compile(r""";\s*([^\s;="]+)\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)""", re.DOTALL)
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")


def legal_file_name(text: str) -> str:
    """Return the last part of a path as a legal name, unchanged when it is one already.

    A name too long loses its middle: the extension tells programs what to do with the file.
    """
    name = _SLASHES.split(text)[-1]
    if legal_name(name) == name:
        return name
    stem, extension = split_extension(name.strip(". "))
    return legal_name(shorten(legal_name(stem), len(extension)) + extension)


def file_name(headers: Mapping[str, str], urls: Sequence[str]) -> str:
    """Return what a server calls a file, else what its addresses do, the first before the last.

    Of the addresses one with an extension is preferred: a CDN's are often numbers.
    """
    said = from_disposition(headers.get("content-disposition", ""))
    if said:
        return legal_file_name(said)
    named = [name for name in map(_last_part, urls) if name]
    full = (name for name in named if split_extension(name)[1])
    return legal_file_name(next(full, named[0] if named else ""))


def _last_part(url: str) -> str:
    # Decoded first: what a server calls `models%2Fx.gguf` is `x.gguf` in a folder.
    parts = _SLASHES.split(unquote(urlsplit(url).path, errors="replace"))
    return next((part for part in reversed(parts) if part.strip(". ")), "")


def from_disposition(header: str) -> str:
    """Return the file name in a Content-Disposition, without any folders; empty when there is none.

    RFC 6266: ``filename*`` before ``filename``. Tolerated, because servers send it: RFC 2047's
    encoded words, UTF-8 read as Latin-1, percent-encoding in a plain name, and no type in front.
    """
    found = dict(_parameters(header))
    for read, key in ((_extended, "filename*"), (_plain, "filename")):
        name = _SLASHES.split(read(found.get(key, "")))[-1]
        if name.strip(". "):
            return name
    return ""


def _parameters(header: str) -> Iterator[tuple[str, str]]:
    for match in _PARAMETER.finditer(";" + header):
        key, value = match[1].lower(), match[2].strip()
        if value.startswith('"'):
            # No other escapes: in `C:\models\x.bin` the backslashes are folders.
            value = re.sub(r'\\(["\\])', r"\1", value[1:].removesuffix('"'))
        yield key, value


def _extended(value: str) -> str:
    """Read ``UTF-8'en'a%20name`` (RFC 8187)."""
    charset, _, rest = value.partition("'")
    _, quote, text = rest.partition("'")
    try:
        return unquote_to_bytes(text).decode(charset or "utf-8") if quote else ""
    except (LookupError, UnicodeError):
        return ""


def _plain(value: str) -> str:
    if "=?" in value and "?=" in value:
        try:
            return str(make_header(decode_header(value)))
        except (HeaderParseError, LookupError, UnicodeError, ValueError):
            return value
    try:
        value = value.encode("latin-1").decode("utf-8")
        return unquote(value, errors="strict") if _PERCENT.search(value) else value
    except UnicodeError:
        return value
