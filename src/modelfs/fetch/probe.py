"""One look at a file on a server before it is fetched: how big it is, and whether it is one."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from modelfs.errors import BadInput
from modelfs.fetch.listing import Access
from modelfs.fetch.web import Refusal, Web, longest_wait_s, unreachable

_WEB_PAGES = ("text/html", "application/xhtml+xml")
_FIRST_BYTE = {"range": "bytes=0-0"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a server says of a file."""

    size_bytes: int | None
    """None where it does not say."""
    url: str
    """The address that answered, after every redirect."""
    headers: Mapping[str, str]
    """By lower-case names."""

    @property
    def content_type(self) -> str:
        """What it calls the content, without parameters: ``application/octet-stream``."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_web_page(self) -> bool:
        """Whether it is a page for people: a login, a description, an error in disguise.

        A file to be saved is none, whatever else its server says of it.
        """
        disposition = self.headers.get("content-disposition", "").strip().lower()
        return self.content_type in _WEB_PAGES and not disposition.startswith("attachment")


def look(web: Web, url: str, access: Access = "", *, attempts: int = 4) -> Seen:
    """Ask for the first byte of a file; nothing else is read.

    A GET, because links signed for one are refused to a HEAD. Raises Refusal for an answer that is
    no success, Unreachable for none, BadInput for what is no address.
    """
    headers: dict[str, str] = dict(_FIRST_BYTE)
    for attempt in range(attempts):
        is_last = attempt + 1 == attempts
        try:
            return _once(web, url, access, headers)
        except Refusal as refusal:
            wait_s = refusal.wait_s
            if refusal.status == 416 and headers:  # an empty file has no first byte
                headers = {}
                continue
            if is_last or not refusal.may_pass or (wait_s or 0) > longest_wait_s():
                raise
        except httpx2.HTTPError as error:
            if is_last:
                raise unreachable(error, url) from None
            wait_s = None
        except (httpx2.InvalidURL, UnicodeError):
            raise BadInput("that address cannot be read", "is it copied whole?") from None
        web.pause(attempt, wait_s)
    raise AssertionError


def _once(web: Web, url: str, access: Access, headers: Mapping[str, str]) -> Seen:
    found = [url]
    with web.open(url, access, headers, found_at=found.append) as answer:
        if answer.headers.get("content-length") == "1":
            answer.read()  # so that the connection can be used again
        said = {name.lower(): value for name, value in answer.headers.items()}
        return Seen(_size_bytes(said), found[-1], said)


def _size_bytes(headers: Mapping[str, str]) -> int | None:
    total = headers.get("content-range", "").rpartition("/")[2]
    if not headers.get("content-range"):
        total = "" if "content-encoding" in headers else headers.get("content-length", "")
    return int(total) if total.isascii() and total.isdigit() else None
