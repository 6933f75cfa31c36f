"""A stand-in for Xet, the hub's chunked storage, from which the real hf_xet downloads.

Of the published protocol (https://huggingface.co/docs/xet) it has what a download needs: the
reconstruction of a file, and its xorbs, with chunks that are not compressed. Its hashes are only
names, not the Merkle hashes of the protocol: a client that downloads does not compute them.
"""

import hashlib
import re
import secrets
import threading
import time
from dataclasses import dataclass

from fetch.standin.content import Content
from fetch.standin.faults import Faults
from fetch.standin.serving import Origin, Reply, Request, json_reply

CHUNK_BYTES = 64 << 10
"""All chunks but the last have this size; those of real clients have it on average."""
XORB_CHUNKS = 64
_HEADER_BYTES = 8
_TOKEN_LIFE_S = 3600


@dataclass(frozen=True)
class Chunked:
    """A file as Xet has it."""

    path: str
    content: Content

    @property
    def chunks(self) -> int:
        """How many chunks it has."""
        return -(-self.content.size // CHUNK_BYTES)

    def xorb(self, number: int) -> Content:
        """Return the ``number``-th container of its chunks, each behind its header."""
        first = number * XORB_CHUNKS
        pieces = []
        for chunk in range(first, min(first + XORB_CHUNKS, self.chunks)):
            data = self.content.read(chunk * CHUNK_BYTES, CHUNK_BYTES)
            size = len(data).to_bytes(3, "little")
            pieces += [b"\0", size, b"\0", size, data]  # version, packed, no compression, unpacked
        return Content(b"".join(pieces))


class XetStorage:
    """The storage of one hub, at an origin of its own."""

    def __init__(self, requests: list[Request], faults: Faults) -> None:
        self.origin = Origin("xet", "localhost", self._answer, requests, faults)
        self.tokens: set[str] = set()
        """What it has given out; its API wants one of these, and never a token of the hub."""
        self._files: dict[str, Chunked] = {}
        self._xorbs: dict[str, tuple[Chunked, int]] = {}
        self._lock = threading.Lock()

    def keep(self, path: str, content: Content) -> str:
        """Take a file in; return its hash."""
        file, name = Chunked(path, content), _name("file", path, content.sha256)
        with self._lock:
            self._files[name] = file
            for number in range(-(-file.chunks // XORB_CHUNKS)):
                self._xorbs[_name("xorb", name, str(number))] = file, number
        return name

    def give_token(self) -> Reply:
        """Answer a request for a token, as the hub does."""
        token, expires = f"xet_{secrets.token_hex(8)}", int(time.time()) + _TOKEN_LIFE_S
        self.tokens.add(token)
        headers = {
            "X-Xet-Cas-Url": self.origin.address,
            "X-Xet-Access-Token": token,
            "X-Xet-Token-Expiration": str(expires),
        }
        told = {"casUrl": self.origin.address, "accessToken": token, "exp": expires}
        return json_reply(told, headers)

    def _answer(self, request: Request) -> Reply:
        if match := re.fullmatch(r"/xorbs/(\w+)", request.path):
            return self._answer_xorb(match[1])
        if request.token not in self.tokens:
            return Reply(401)
        if request.path == "/v1/telemetry":
            return Reply()
        if match := re.fullmatch(r"/v2/reconstructions/(\w+)", request.path):
            return self._answer_reconstruction(request, match[1])
        return Reply(404)

    def _answer_xorb(self, name: str) -> Reply:
        if name not in self._xorbs:
            return Reply(403)
        file, number = self._xorbs[name]
        return Reply(200, {"Accept-Ranges": "bytes"}, file.xorb(number), file.path)

    def _answer_reconstruction(self, request: Request, name: str) -> Reply:
        file = self._files.get(name)
        if file is None:
            return Reply(404)
        start, end = _asked(request.range, file.content.size)
        if start >= end:
            return Reply(416)
        first, last = start // CHUNK_BYTES, (end - 1) // CHUNK_BYTES
        numbers = range(first // XORB_CHUNKS, last // XORB_CHUNKS + 1)
        xorbs = [_name("xorb", name, str(number)) for number in numbers]
        terms, ways = [], {}
        for number, xorb in zip(numbers, xorbs, strict=True):
            from_chunk = max(first - number * XORB_CHUNKS, 0)
            to_chunk = min(last - number * XORB_CHUNKS + 1, XORB_CHUNKS)
            at = (number * XORB_CHUNKS + from_chunk) * CHUNK_BYTES
            chunks = {"start": from_chunk, "end": to_chunk}
            size = min((to_chunk - from_chunk) * CHUNK_BYTES, file.content.size - at)
            terms.append({"hash": xorb, "unpacked_length": size, "range": chunks})
            ways[xorb] = [self._way(xorb, chunks, size)]
        offset = start - first * CHUNK_BYTES
        return json_reply({"offset_into_first_range": offset, "terms": terms, "xorbs": ways})

    def _way(self, xorb: str, chunks: dict[str, int], size: int) -> dict[str, object]:
        """Return where the bytes of some chunks are, which have ``size`` bytes without headers."""
        start = chunks["start"] * (CHUNK_BYTES + _HEADER_BYTES)
        end = start + (chunks["end"] - chunks["start"]) * _HEADER_BYTES + size
        place = {"chunks": chunks, "bytes": {"start": start, "end": end - 1}}
        return {"url": f"{self.origin.address}/xorbs/{xorb}", "ranges": [place]}


def _asked(wanted: str | None, size: int) -> tuple[int, int]:
    match = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted or "")
    return (int(match[1]), min(int(match[2]) + 1, size)) if match else (0, size)


def _name(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
