"""How a container is given the mount, as options of ``docker run`` and of ``podman run``.

The folder *above* the mountpoint is bound, with ``rslave``: a mount that comes later, or comes
again, appears in a container that is running. The mountpoint itself, once mounted, would bind that
one mount, and the container would keep it dead when another takes its place.
"""

import csv
import io
import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shown:
    """The mount, as far as containers are concerned."""

    mountpoint: Path
    lets_others_in: bool = False
    """Whether it is, or will be, mounted with ``allow_other``."""
    linked: Path | None = None
    """The folder that its files are links into; None where they are files."""


def bind_lines(shown: Shown, home: Path) -> tuple[list[str], list[str]]:
    """Return the options that give a container the mount, and what to know about them.

    Everything has the path in the container that it has here, so that paths in the mount and in
    tools' settings go on meaning the same.
    """
    above = shown.mountpoint.parent
    holds_more = home.is_relative_to(above)
    lines = [_bind(shown.mountpoint if holds_more else above, "bind-propagation=rslave")]
    notes = [_IT_ALONE.format(above) if holds_more else f"it sees all of {above}, read-only"]
    if shown.linked is not None:
        lines.append(_bind(shown.linked))
        notes.append(f"the files are links into {shown.linked}, so the container is given that too")
    if not shown.lets_others_in:
        notes.append(_KEPT_OUT if holds_more else _OTHER_USERS)
    return lines, notes


def _bind(folder: Path, *more: str) -> str:
    """Return one option; its value is a record of CSV, which docker and podman take apart."""
    value = io.StringIO()
    fields = ["type=bind", f"src={folder}", f"dst={folder}", "readonly", *more]
    csv.writer(value, lineterminator="").writerow(fields)
    return f"--mount {shlex.quote(value.getvalue())}"


_IT_ALONE = (
    "only the mountpoint is given, for {} holds more than models: stop the container before "
    "modelfs umount, or have a folder for it alone: modelfs init --mount ~/AI/models"
)
_ALONE = "the mount is for you alone, not even for root"
_LET_IN = "modelfs config allow_other=true, then mount again"
_OTHER_USERS = f'{_ALONE}: run the container as you (--user "$(id -u):$(id -g)"), or {_LET_IN}'
_KEPT_OUT = f"{_ALONE}, so an engine that runs as root cannot bind it: {_LET_IN}"
