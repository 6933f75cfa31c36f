"""Which model, version and file of CivitAI an address means; pure.

The grammar is ``civitai:<model>[@<version>][/<file pattern>]``; ``@latest`` is as good as none.
Besides it: the site's addresses as they are in a browser, and AIR names
(``urn:air:sdxl:lora:civitai:<model>@<version>+<file>``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import parse_qs, urlsplit

from modelfs.errors import BadInput
from modelfs.fetch.endpoints import Endpoints

# One site under several names, which show more or less of the same models by the same numbers.
_HOSTS = frozenset(
    prefix + name
    for prefix in ("", "www.")
    for name in ("civitai.com", "civitai.red", "civitai.green")
)
_ID = r"([1-9]\d{0,17})"
_SHORT = re.compile(rf"civitai:{_ID}(?:@(?:{_ID}|latest))?(?:/(.+))?", re.IGNORECASE)
_AIR = re.compile(
    rf"(?:urn:)?air:(?:[\w.-]+:){{0,2}}civitai:{_ID}(?:@{_ID})?(?:\+{_ID})?(?:\.\w+)?",
    re.IGNORECASE,
)
_MODEL_PAGE = re.compile(rf"(?:/api/v1)?/models/{_ID}(?:/.*)?")
_VERSION_PAGE = re.compile(rf"(?:/api/v1)?/model-versions/{_ID}/?")
_DOWNLOAD = re.compile(rf"/api/download/models/{_ID}/?")
_QUALITIES = ("type", "format", "size", "fp", "quantType")
"""What a download link may say of the file it means."""


@dataclass(frozen=True, slots=True)
class CivitaiAddress:
    """What was asked for; a model or a version is always known."""

    model: int | None = None
    version: int | None = None
    pattern: str = ""
    """Of file names; empty for any."""
    file: int | None = None
    qualities: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    """Whose page it was."""

    @property
    def is_narrow(self) -> bool:
        """Whether certain files are meant."""
        return bool(self.pattern or self.file or self.qualities)

    def means(self, name: str, number: int | None, qualities: Mapping[str, str]) -> bool:
        """Say whether it means a file of this name, number and qualities."""
        if self.pattern and not fnmatchcase(name, self.pattern):
            return False
        if self.file is not None and number != self.file:
            return False
        return all(
            qualities.get(key, "").lower() == value.lower() for key, value in self.qualities.items()
        )


def is_civitai(text: str) -> bool:
    """Say whether a text is one of these addresses, readable or not."""
    text = text.strip().lower()
    if text.startswith(("http://", "https://")):
        try:
            host = urlsplit(text).hostname
            return host in _HOSTS or host == urlsplit(Endpoints.configured().civitai).hostname
        except ValueError:
            return False
    return text.startswith("civitai:") or bool(_AIR.fullmatch(text))


def parse(text: str) -> CivitaiAddress:
    """Read an address; raises BadInput, which never repeats what may hold a token."""
    text = text.strip()
    if found := _SHORT.fullmatch(text):
        return CivitaiAddress(int(found[1]), _number(found[2]), pattern=found[3] or "")
    if found := _AIR.fullmatch(text):
        return CivitaiAddress(int(found[1]), _number(found[2]), file=_number(found[3]))
    if text.lower().startswith(("http://", "https://")) and (page := _page(text)):
        return page
    raise BadInput(
        "that is no model of CivitAI",
        "civitai:<model>, civitai:<model>@<version>/<file>, or the address of a model's page",
    )


def _page(text: str) -> CivitaiAddress | None:
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    host = parts.hostname or ""
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if found := _MODEL_PAGE.fullmatch(parts.path):
        return CivitaiAddress(int(found[1]), _number(query.get("modelVersionId")), host=host)
    if found := _VERSION_PAGE.fullmatch(parts.path):
        return CivitaiAddress(version=int(found[1]), host=host)
    if found := _DOWNLOAD.fullmatch(parts.path):
        number = _number(query.get("fileId"))
        said = {} if number else {key: query[key] for key in _QUALITIES if query.get(key)}
        return CivitaiAddress(version=int(found[1]), file=number, qualities=said, host=host)
    return None


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(_ID, text) else None
