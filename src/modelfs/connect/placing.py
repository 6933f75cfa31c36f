"""Which of a tool's ways fits a machine, and where the tool is installed there."""

from itertools import takewhile
from pathlib import Path

from modelfs.connect.machine import Machine
from modelfs.connect.tool import Tool, Way, load_tools
from modelfs.errors import NotFound

_PYTHON_PACKAGES = (
    "{home}/.local/lib/python3*/site-packages",
    "{home}/.local/share/uv/tools/*/lib/python3*/site-packages",
    "{home}/.local/share/pipx/venvs/*/lib/python3*/site-packages",
    "/usr/lib/python3/dist-packages",
    "/usr/local/lib/python3*/dist-packages",
    "/usr/local/lib/python3*/site-packages",
)


def owner_of(tool: Tool) -> Tool:
    """Return the tool whose folder this one reads: itself, for most."""
    return load_tools()[tool.through] if tool.through else tool


def way_for(tool: Tool, machine: Machine) -> Way | None:
    """Return the first of a tool's ways that fits the machine."""
    for way in tool.ways:
        if not way.only_if or any(machine.path(each).exists() for each in way.only_if):
            return way
    return None


def place_of(tool: Tool, way: Way | None, machine: Machine, at: Path | None) -> Path | None:
    """Return where the tool is installed; raise NotFound when that matters and it is not there."""
    if at is not None:
        missing = [name for name in tool.find.holds if not (at / name).exists()]
        if not at.is_dir() or missing:
            reason = f"it has no {missing[0]}" if at.is_dir() else "there is no such folder"
            raise NotFound(f"{tool.title} is not in {at}: {reason}", "--at names its own folder")
        return at
    if (found := usual_place(tool, machine)) is not None:
        return found
    places = ", ".join(str(machine.path(template)) for template in tool.find.folders)
    if way is not None and way.needs_place:
        raise NotFound(
            f"{tool.title} is not where it usually is: {places}",
            f"say where it is: modelfs connect {tool.name} --at DIR",
        )
    if way is not None and way.needs_tool and not _is_there(tool, way, machine):
        raise NotFound(
            f"{tool.title} is not on this machine: it would be in {places}",
            "start it once, so that it makes its folders, and try again",
        )
    return None


def _is_there(tool: Tool, way: Way, machine: Machine) -> bool:
    if any(machine.path(change["file"]).exists() for change in way.changes):
        return True
    return bool(program_of(tool, machine) or package_of(tool, machine))


def program_of(tool: Tool, machine: Machine) -> Path | None:
    """Return the first of a tool's programs that is on the PATH."""
    return next(filter(None, map(machine.program, tool.find.programs)), None)


def package_of(tool: Tool, machine: Machine) -> Path | None:
    """Return the metadata folder of the first of a tool's Python packages that is installed."""
    for name in tool.find.packages:
        for template in _PYTHON_PACKAGES:
            folder = machine.path(template)
            fixed = Path(*takewhile(lambda part: "*" not in part, folder.parts))
            pattern = "/".join([*folder.parts[len(fixed.parts) :], f"{name}-*.dist-info"])
            if (info := next(fixed.glob(pattern), None)) is not None:
                return info
    return None


def fields_of(tool: Tool, mountpoint: Path, place: Path | None) -> dict[str, str]:
    """Return what the templates of a tool may name, apart from the machine's own places."""
    fields = {"mount": str(mountpoint), "folder": str(mountpoint / "by-tool" / tool.name)}
    return {**fields, "at": str(place)} if place else fields


def usual_place(tool: Tool, machine: Machine) -> Path | None:
    """Return the first of the usual folders of a tool that holds it."""
    for template in tool.find.folders:
        folder = machine.path(template)
        if folder.is_dir() and all((folder / name).exists() for name in tool.find.holds):
            return folder
    return None
