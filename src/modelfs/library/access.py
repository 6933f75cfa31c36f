"""The network as a library uses it: its settings, and logging in to services and out.

It tells whose token is kept where, never the token itself.
"""

from dataclasses import dataclass
from typing import cast, get_args
from urllib.parse import urlsplit

from modelfs.errors import AccessDenied, BadInput, Unreachable
from modelfs.fetch import tokens
from modelfs.fetch.endpoints import Endpoints
from modelfs.fetch.listing import Access
from modelfs.fetch.web import Web
from modelfs.library.library import Library

SERVICES: tuple[str, ...] = tuple(filter(None, get_args(Access)))


@dataclass(frozen=True, slots=True)
class Login:
    """How things stand with a service after logging in or out."""

    service: str
    host: str
    user: str | None
    """Whose token it is; None where the service was not asked."""
    file: str
    """Where the token is kept, or was."""
    overridden_by: str | None
    """The variable whose token is used whatever is kept."""
    removed: bool = False
    """Whether there was one, when logging out."""


def web(library: Library) -> Web:
    """Return what talks to servers, as this library is configured; the caller closes it."""
    settings = library.settings
    return Web(stall_s=settings.stall_s, xet=settings.xet)


def service_named(text: str) -> Access:
    """Return the service of this name; raises BadInput."""
    if text not in SERVICES:
        raise BadInput(f"there is no service {text!r}", f"known: {', '.join(SERVICES)}")
    return cast("Access", text)


def log_in(service: Access, token: str) -> Login:
    """Keep a token for this user alone; the hub is asked first whose it is.

    Raises BadInput for what can be no token, AccessDenied for one of nobody, Unreachable when the
    hub cannot be asked; then nothing is stored.
    """
    try:
        file, user = tokens.store(service, token)
    except (AccessDenied, Unreachable) as error:
        raise type(error)(f"{error.message}; nothing was stored", error.hint) from None
    return Login(service, _host(service), user or None, str(file), _override(service))


def log_out(service: Access) -> Login:
    """Remove the token of a service; the result says whether there was one."""
    file = str(tokens.place(service))
    removed = tokens.forget(service)
    return Login(service, _host(service), None, file, _override(service), removed)


def _override(service: Access) -> str | None:
    return tokens.told_by_environment(service)


def _host(service: Access) -> str:
    endpoints = Endpoints.configured()
    address = {
        "hub": endpoints.hub,
        "civitai": endpoints.civitai,
        "modelscope": endpoints.modelscope,
    }[service]
    return urlsplit(address).netloc
