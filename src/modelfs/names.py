"""Names that are legal as file names, whatever they came from; pure.

Legal: UTF-8 in NFC, 1 to 255 bytes, no ``/``, NUL or control characters, no leading dot, no
blank or dot at the end. Everything that becomes part of a path goes through here first.
"""

import os
import re
import unicodedata

MAX_BYTES = 255
"""The longest name Linux file systems take (NAME_MAX)."""

_ILLEGAL = re.compile(r"[/\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_TAG_ILLEGAL = re.compile(r"[/+,\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_EXTENSION = re.compile(r"\.[A-Za-z0-9_]{1,16}")
_UNNAMED = "unnamed"
_PUBLISHER_BYTES = 64
"""So much of a publisher tells models apart."""


def legal_name(text: str) -> str:
    """Return ``text`` as a legal name, unchanged when it is one already."""
    clean = _ILLEGAL.sub("_", unicodedata.normalize("NFC", text)).lstrip(". ").rstrip(". ")
    return shorten(clean) or _UNNAMED


def shorten(text: str, spare_bytes: int = 0) -> str:
    """Cut a name to fit, leaving ``spare_bytes`` for what is to be appended."""
    raw = text.encode()
    room = MAX_BYTES - spare_bytes
    return text if len(raw) <= room else raw[:room].decode(errors="ignore").rstrip(". ")


def split_extension(name: str) -> tuple[str, str]:
    """Split off the extension that says the format: ``a.b.gguf`` gives ``a.b`` and ``.gguf``."""
    stem, extension = os.path.splitext(name)
    if not stem or not _EXTENSION.fullmatch(extension):
        return name, ""
    return stem, extension


def legal_path(parts: list[str]) -> str:
    """Return a relative path of legal names."""
    return "/".join(_legal_inside(part) for part in parts if part not in ("", "."))


def _legal_inside(part: str) -> str:
    # Inside a model a leading dot means something to its tool; '..' never does.
    clean = legal_name(part)
    hidden = part.startswith(".") and not part.startswith("..")
    return shorten("." + clean) if hidden else clean


def fold(name: str) -> str:
    """Return the form in which two names clash: also on disks and tools that ignore case."""
    return unicodedata.normalize("NFC", name).casefold()


def alternatives(name: str, publisher: str | None, short_id: str, extension: str) -> list[str]:
    """Return the names to try when ``name`` is taken, best first; the last ones never run out."""
    wanted = [name]
    if publisher:  # whatever a source says it is
        wanted.append(f"{name}-{shorten(legal_name(publisher), MAX_BYTES - _PUBLISHER_BYTES)}")
    wanted += [f"{name}-{short_id}", *(f"{name}-{short_id}-{n}" for n in range(2, 1000))]
    spare = len(extension.encode())
    return [_append(name, choice[len(name) :], spare) for choice in wanted]


def _append(name: str, suffix: str, spare_bytes: int) -> str:
    return shorten(name, len(suffix.encode()) + spare_bytes) + suffix


def check_tag(text: str) -> str | None:
    """Return why ``text`` cannot be a tag, or None when it can."""
    if not text.strip():
        return "a tag cannot be empty"
    if _TAG_ILLEGAL.search(text):
        return "a tag has no '/', '+', ',' or control character"
    if text.startswith(("~", ".")):
        return "a tag does not start with '~' or '.'"
    if text != text.strip() or len(text.encode()) > MAX_BYTES:
        return "a tag has no blanks around it and at most 255 bytes"
    return None
