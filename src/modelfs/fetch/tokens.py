"""Tokens: read where each service's own client reads them, kept 0600, and never shown.

Invariant: a token leaves this process in the ``Authorization`` header of a request to its own
service and in no other way: no error, log line or row holds one.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from modelfs import durable, paths
from modelfs.errors import BadInput
from modelfs.fetch.listing import Access

_VARIABLES = {
    "civitai": ("CIVITAI_API_TOKEN", "CIVITAI_TOKEN"),
    "modelscope": ("MODELSCOPE_API_TOKEN",),
}


class Tokens:
    """The tokens of this user, each looked up when it is first needed."""

    def __init__(self) -> None:
        self._known: dict[Access, str | None] = {}

    def get(self, access: Access) -> str | None:
        """Return the token for a service, or None."""
        if not access:
            return None
        if access not in self._known:
            self._known[access] = _hub() if access == "hub" else _own(access)
        return self._known[access]


def _hub() -> str | None:
    from modelfs.fetch.hub_client import hub

    return hub().get_token()


def _own(access: Access) -> str | None:
    for name in _VARIABLES[access]:
        if os.environ.get(name, "").strip():
            return os.environ[name].strip()
    with suppress(OSError):
        return token_file(access).read_text("utf-8").strip() or None
    return None


def token_file(access: Access) -> Path:
    """Return where the token of a service other than the hub is kept."""
    return paths.user_config_file().with_name(f"{access}-token")


def store(access: Access, token: str, endpoint: str | None = None) -> tuple[Path, str]:
    """Keep a token for this user alone; return where, and the user's name as far as it is known.

    The hub's is first shown to ``endpoint``, or the configured one, and goes where the hub's own
    client keeps it. Raises BadInput for what cannot be a token; for the hub's AccessDenied where it
    is nobody's, and Unreachable.
    """
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise BadInput("that is no token: it is empty or has blanks or odd characters in it")
    if access == "hub":
        from modelfs.fetch.endpoints import Endpoints
        from modelfs.fetch.hub_client import hub

        return hub().store_token(token, endpoint or Endpoints.configured().hub)
    file = token_file(access)
    durable.make_folder(file.parent)
    durable.write_file(file, token.encode() + b"\n", 0o600)
    return file, ""


def forget(access: Access) -> bool:
    """Remove a stored token; say whether there was one."""
    if access == "hub":
        from modelfs.fetch.hub_client import hub

        return hub().forget_token()
    try:
        token_file(access).unlink()
    except FileNotFoundError:
        return False
    return True


def place(access: Access) -> Path:
    """Return where the token of a service is kept, or would be."""
    if access == "hub":
        from modelfs.fetch.hub_client import hub

        return hub().token_file()
    return token_file(access)


def told_by_environment(access: Access) -> str | None:
    """Return the variable that gives the token whatever is stored, or None."""
    names: tuple[str, ...] = _VARIABLES.get(access, ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"))
    return next((name for name in names if os.environ.get(name, "").strip()), None)


Lookup = Callable[[Access], str | None]
