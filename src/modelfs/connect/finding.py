"""Which tools are on a machine, where, in which version, and whether they are connected.

Only files are looked at: no program is run, nothing below a tool's folder is walked.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelfs.connect.machine import Machine
from modelfs.connect.placing import owner_of, package_of, program_of, usual_place
from modelfs.connect.planning import is_connected
from modelfs.connect.tool import Tool, load_tools
from modelfs.errors import ModelfsError

_VERSION_BYTES = 65536


@dataclass(frozen=True, slots=True)
class FoundTool:
    """A tool of this machine."""

    name: str
    title: str
    at: Path
    """Its folder, its program or its package."""
    version: str | None
    through: str
    """The tool whose folder it reads, when that is not its own."""
    connected: bool | None
    """None when no file could say: it is told where the models are each time it is started."""


def found_tools(machine: Machine, mountpoint: Path) -> list[FoundTool]:
    """Return the tools that are on this machine, by name."""
    found = []
    for tool in load_tools().values():
        if (place := _place(tool, machine)) is not None:
            connected = _state(tool, machine, mountpoint)
            found.append(FoundTool(tool.name, tool.title, *place, tool.through, connected))
    return found


def _state(tool: Tool, machine: Machine, mountpoint: Path) -> bool | None:
    owner = owner_of(tool)
    if not owner.ways:
        return None
    with suppress(ModelfsError, OSError):  # a broken file is told when it is to be changed
        return is_connected(owner, machine, mountpoint)
    return False


def _place(tool: Tool, machine: Machine) -> tuple[Path, str | None] | None:
    """Return where a tool is, with its version where a file says it."""
    if folder := usual_place(tool, machine):
        return folder, _version(tool, folder)
    if (info := package_of(tool, machine)) is not None:
        return info, info.name.removesuffix(".dist-info").partition("-")[2]
    program = program_of(tool, machine)
    return (program, None) if program else None


def _version(tool: Tool, folder: Path) -> str | None:
    for name, pattern in tool.find.version:
        with suppress(OSError), (folder / name).open("rb") as file:
            text = file.read(_VERSION_BYTES).decode("utf-8", "replace")
            if match := re.search(pattern, text, re.MULTILINE):
                return match[1]
    return None
