"""Where huggingface_hub keeps tokens: the one in use in a file, all by their names in another.

Invariant: each file is replaced as a whole and is its owner's alone from its first byte.
"""

import io
import re
from collections.abc import Mapping
from configparser import ConfigParser, Error
from contextlib import suppress
from pathlib import Path

from modelfs import durable

_MODE = 0o600


def name_of(identity: Mapping[str, object], user: str) -> str:
    """Return what the hub calls a token, as a name that the file of tokens can hold."""
    auth = identity.get("auth")
    access = auth.get("accessToken") if isinstance(auth, dict) else None
    said = access.get("displayName") if isinstance(access, dict) else None
    name = re.sub(r"[\[\]\x00-\x1f\x7f]", "", said if isinstance(said, str) else "").strip()
    return name if name and name != "DEFAULT" else f"modelfs-{user}"


def keep(file: Path, name: str, token: str) -> Path:
    """Store a token under its name and put it in use; return the file of the one in use."""
    durable.make_folder(file.parent)
    stored = _stored(file)
    if stored.has_section(name):
        stored.remove_section(name)
    stored.add_section(name)
    stored.set(name, "hf_token", token)
    _write(file, stored)
    durable.write_file(file, token.encode(), _MODE)
    return file


def forget(file: Path) -> bool:
    """Remove the token in use, under its name too; say whether there was one."""
    try:
        token = file.read_text("utf-8").strip()
    except FileNotFoundError:
        return False
    stored = _stored(file)
    names = [
        name for name in stored.sections() if stored.get(name, "hf_token", fallback="") == token
    ]
    for name in names:
        stored.remove_section(name)
    if names:
        _write(file, stored)
    file.unlink(missing_ok=True)
    return True


def _stored(file: Path) -> ConfigParser:
    """Read the tokens by name; a file that cannot be read counts as empty, as it does there."""
    stored = ConfigParser(interpolation=None)
    with suppress(FileNotFoundError, Error, UnicodeDecodeError):
        stored.read_string(_by_name(file).read_text("utf-8"))
    return stored


def _write(file: Path, stored: ConfigParser) -> None:
    text = io.StringIO()
    stored.write(text)
    durable.write_file(_by_name(file), text.getvalue().encode(), _MODE)


def _by_name(file: Path) -> Path:
    return file.with_name("stored_tokens")
