"""How huggingface_hub asks: with our patience and our care for the token, not with its own.

Left to itself it waits for an answer without limit, repeats in silence for up to half a minute and
cannot be stopped meanwhile. While ``asking``, its requests fail at once, and ``Web`` decides.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from modelfs.errors import Cancelled
from modelfs.fetch.web import Refusal, Web, longest_wait_s, unreachable

_ATTEMPTS = 5
_T = TypeVar("_T")
_asking: ContextVar[Web | None] = ContextVar("asking", default=None)


class NoAnswer(Exception):
    """A request that nobody answered; no error of httpx2, which huggingface_hub would repeat."""

    def __init__(self, error: httpx2.TransportError, url: str) -> None:
        super().__init__(f"no answer from {urlsplit(url).hostname}")
        self.error = error
        self.url = url


class Client(httpx2.Client):
    """The client that huggingface_hub uses; outside ``asking`` an ordinary one."""

    def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        """Send a request; while ``asking`` raise NoAnswer, or Refusal for what may pass."""
        web = _asking.get()
        if web is None:
            return super().send(request, **how)
        request.extensions["timeout"] = httpx2.Timeout(web.stall_s).as_dict()
        url = str(request.url)
        if not web.endpoints.may_see("hub", url):
            # The next page of a list is wherever the answer says.
            request.headers.pop("authorization", None)
        try:
            answer = super().send(request, **how)
        except httpx2.TransportError as error:
            raise NoAnswer(error, url) from error
        body = "" if answer.is_success or how.get("stream") else answer.text[:2000]
        refusal = Refusal(answer.status_code, url, answer.headers, body)
        if refusal.may_pass:
            answer.close()
            raise refusal
        return answer


@contextmanager
def asking(web: Web) -> Iterator[None]:
    """Make the requests of this thread fail at once, so that the caller decides on another."""
    token = _asking.set(web)
    try:
        yield
    finally:
        _asking.reset(token)


def persist(web: Web, what: str, ask: Callable[[], _T]) -> _T:
    """Return what ``ask`` returns, asking again while that may help.

    Raises Unreachable or AccessDenied in ``web``'s words; what else ``ask`` raises passes through.
    """
    for attempt in range(_ATTEMPTS):
        wait_s = None
        last = attempt + 1 == _ATTEMPTS
        try:
            with asking(web):
                return ask()
        except Refusal as refusal:
            wait_s = refusal.wait_s
            if last or (wait_s is not None and wait_s > longest_wait_s()):
                raise refusal.explained(what, "hub") from None
        except NoAnswer as silence:
            if last:
                raise unreachable(silence.error, silence.url) from None
        web.pause(attempt, wait_s)
        if web.stopped.is_set():
            raise Cancelled(f"stopped while asking for {what}")
    raise AssertionError
