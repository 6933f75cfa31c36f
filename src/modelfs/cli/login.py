"""``login`` and ``logout``: tokens of services, typed unseen or piped, never shown."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from modelfs.cli import completion, options
from modelfs.cli.output import note, print_json, say, warn
from modelfs.errors import BadInput

_LONGEST_BYTES = 64 << 10

Service = Annotated[
    str,
    typer.Argument(
        metavar="SERVICE",
        help="hub, civitai or modelscope.",
        autocompletion=completion.service_names,
    ),
]


def login(service: Service = "hub", as_json: options.Json = False) -> None:
    """Keep a service's token, so that what is private or gated can be fetched.

    The token is asked for and not shown while it is typed, or read from a pipe; it is never an
    argument, where other programs could read it. The hub's is checked, and kept where
    huggingface_hub and its hf keep it. Only the service itself ever gets it.

    Examples:
      modelfs login
      modelfs login civitai
      modelfs login < token.txt
    """
    from modelfs.library import access

    asked = access.service_named(service)
    found = access.log_in(asked, _read_token(service))
    if as_json:
        print_json({"service": found.service, "user": found.user, "stored_at": found.file})
    elif found.user:
        say(f"logged in to {found.host} as {found.user}; token kept in {found.file}")
    else:
        say(f"token for {found.host} kept in {found.file}; the next fetch tries it")
    if found.overridden_by:
        warn(f"{found.overridden_by} is set: its token is used, not the one that is kept")


def logout(service: Service = "hub", as_json: options.Json = False) -> None:
    """Remove the token of a service that login keeps.

    Examples:
      modelfs logout
      modelfs logout civitai
    """
    from modelfs.library import access

    found = access.log_out(access.service_named(service))
    if as_json:
        kept = {"service": found.service, "removed": found.removed, "stored_at": found.file}
        print_json(kept)
    elif found.removed:
        say(f"removed the token for {found.host} from {found.file}")
    else:
        note(f"there was no token for {found.host} in {found.file}")
    if found.overridden_by:
        warn(f"{found.overridden_by} is set: its token is used still")


def _read_token(service: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.buffer.read(_LONGEST_BYTES).decode("ascii", "replace")
    import getpass
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(f"token for {service} (it is not shown): ")
    except EOFError:
        return ""
    except getpass.GetPassWarning:
        raise BadInput(
            "this terminal would show what is typed", f"modelfs login {service} < FILE"
        ) from None
