"""The texts that are installed: templates of two fields, and the stamp that tells them later.

A stamp is the first line of what ``modelfs service install`` wrote. It holds a check sum of the
rest, so that what a person has changed since is neither replaced nor removed unasked.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib import resources

MOUNT, SCRUB, TIMER = "modelfs.service", "modelfs-scrub.service", "modelfs-scrub.timer"
AUTOSTART = "modelfs.desktop"

_COMMAND, _ENVIRONMENT = "@modelfs@", "@environment@\n"
_STAMP = re.compile(r"# Written by modelfs service install \(([0-9a-f]{16})\)\.\n(.*)", re.DOTALL)


def of_user(name: str, user: str) -> str:
    """Return the name that a unit has in the system's manager, where it is one of many users."""
    stem, _, kind = name.rpartition(".")
    return f"{stem}@{user}.{kind}"


def render(name: str, call: str, environment: Mapping[str, str] | None = None) -> str:
    """Return the text of a unit, or of a template by its name with ``@``.

    ``call`` is how modelfs is called, as ``call_of`` writes it; ``environment`` what it finds.
    """
    text = (resources.files(__package__) / "units" / name).read_text("utf-8")
    variables = [f"Environment={_quoted(f'{k}={v}')}\n" for k, v in (environment or {}).items()]
    return text.replace(_ENVIRONMENT, "".join(variables)).replace(_COMMAND, call)


def call_of(name: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return how a file of this name is to call modelfs, quoted as its kind wants it."""
    if name != AUTOSTART:
        return " ".join(map(_quoted, command))
    variables = [f"{name}={value}" for name, value in environment.items()]
    return " ".join(
        map(_quoted_for_desktop, [*(["env"] if variables else []), *variables, *command])
    )


def _quoted(word: str) -> str:
    """Write a word as systemd.syntax(7) and the specifiers of systemd.unit(5) have it."""
    word = word.replace("%", "%%")
    if re.fullmatch(r"[\w@%+=:,./-]+", word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _quoted_for_desktop(word: str) -> str:
    """Write a word as the Exec key of the desktop entry specification has it."""
    word = word.replace("%", "%%")
    if re.fullmatch(r"[\w@%+=:,./-]+", word):
        return word
    # Once for the words of Exec, and once more for a string of the file.
    escaped = re.sub(r'(["`$\\])', r"\\\1", word).replace("\\", "\\\\")
    return f'"{escaped}"'


def stamped(text: str) -> str:
    """Return a text with the line before it that tells whose it is."""
    return f"# Written by modelfs service install ({_check_sum(text)}).\n{text}"


def is_as_written(text: str) -> bool:
    """Say whether this is what ``stamped`` gave, of whichever version, and nobody changed it."""
    match = _STAMP.fullmatch(text)
    return match is not None and match[1] == _check_sum(match[2])


def _check_sum(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]
