"""The signed links of the stand-in hub's CDN, which expire as real ones do."""

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from fetch.standin.content import Content

_EXPIRED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>
"""


@dataclass
class Link:
    """A way to one file, good for a while."""

    content: Content
    file: str
    made_s: float
    uses: int = 0
    revoked: bool = False


class Links:
    """All links of a CDN. The limits hold for those that were given out before, too."""

    def __init__(self) -> None:
        self.expire_after_uses: int | None = None
        """After so many GETs, whole or of a range, a link is worth nothing."""
        self.expire_after_s: float | None = None
        self._links: dict[str, Link] = {}
        self._lock = threading.Lock()

    def give(self, address: str, content: Content, file: str) -> str:
        """Return a new link to a file."""
        signature = secrets.token_hex(16)
        with self._lock:
            self._links[signature] = Link(content, file, time.monotonic())
        return f"{address}/xorbs/{content.sha256}?X-Amz-Expires=3600&X-Amz-Signature={signature}"

    def expire_all(self) -> None:
        """Make every link that was given so far worthless."""
        with self._lock:
            for link in self._links.values():
                link.revoked = True

    def follow(self, method: str, query: Mapping[str, list[str]]) -> Link | None:
        """Return what a link leads to; None where it is wrong or has expired."""
        with self._lock:
            link = self._links.get(query.get("X-Amz-Signature", [""])[0])
            if link is None or link.revoked or self._is_old(link):
                return None
            link.uses += method == "GET"
            return link

    def _is_old(self, link: Link) -> bool:
        worn = self.expire_after_uses is not None and link.uses >= self.expire_after_uses
        age_s = time.monotonic() - link.made_s
        return worn or (self.expire_after_s is not None and age_s > self.expire_after_s)


def expired_text() -> bytes:
    """Return what object stores say of a link that has expired."""
    return _EXPIRED
