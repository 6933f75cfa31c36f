"""The bytes of an answer, in large pieces.

httpx2 takes a body apart in 64 KiB steps through three layers, which caps one core at 0.5 GB/s. The
rest of a long body is read from the connection itself instead, which is documented for it to hand
out (the extension ``network_stream``): 2 GB/s, at the price that the connection is not used again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import httpcore2
import httpx2

_PIECE_BYTES = 1 << 20
"""What is read and written in one call each; with a quarter of it half the time goes into calls."""
_WORTH_BYTES = 4 << 20


def pieces(answer: httpx2.Response, stall_s: float) -> Iterator[bytes]:
    """Give a body piece by piece; raises httpx2's errors when it stalls or ends too early."""
    raw = answer.iter_raw()
    length = answer.headers.get("content-length", "")
    stream = answer.extensions.get("network_stream")
    if stream is None or not _is_plain(answer) or int(length) < _WORTH_BYTES:
        yield from raw
        return
    # After its first piece httpx2 holds none of the body back: it gives all that it has read.
    left = int(length)
    for piece in raw:
        left -= len(piece)
        yield piece
        break
    with _as_httpx2():
        while left > 0:
            piece = stream.read(min(left, _PIECE_BYTES), stall_s)
            if not piece:
                raise httpx2.RemoteProtocolError("the connection closed before the end")
            left -= len(piece)
            yield piece


def _is_plain(answer: httpx2.Response) -> bool:
    """Say whether what comes over the connection is the body and nothing else."""
    headers = answer.headers
    return (
        answer.http_version == "HTTP/1.1"
        and headers.get("content-length", "").isdigit()
        and "transfer-encoding" not in headers
        and headers.get("content-encoding", "identity") == "identity"
    )


@contextmanager
def _as_httpx2() -> Iterator[None]:
    """Raise for the connection's own errors those that its answer would have raised."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise httpx2.ReadTimeout(str(error)) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise httpx2.ReadError(str(error)) from error
