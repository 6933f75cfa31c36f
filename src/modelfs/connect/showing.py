"""A plan and a tool's lines as text: the same for the command, for windows and for tests."""

import difflib
import shlex
from pathlib import Path

from modelfs.connect.changing import check_mountpoint, wanted
from modelfs.connect.containers import Shown, bind_lines
from modelfs.connect.edits.text import lines_of
from modelfs.connect.machine import Machine, filled
from modelfs.connect.placing import fields_of, owner_of, place_of, usual_place, way_for
from modelfs.connect.plan import Change, Plan
from modelfs.connect.states import EmptyFolder, File, Link, State
from modelfs.connect.tool import tool_named


def diff(plan: Plan) -> list[str]:
    """Return the lines of a unified diff of all changes; links and folders are said in words."""
    lines: list[str] = []
    for change in plan.changes:
        lines += _link_lines(change) if change.is_of_link else _file_lines(change)
    return lines


def _file_lines(change: Change) -> list[str]:
    before, after = (
        str(change.path) if isinstance(state, File) else "/dev/null"
        for state in (change.before, change.after)
    )
    lines: list[str] = []
    for line in difflib.unified_diff(_lines(change.before), _lines(change.after), before, after):
        lines.append(line.removesuffix("\n").removesuffix("\r"))
        if not line.endswith("\n"):
            lines.append("\\ No newline at end of file")
    return lines or [f"{change.path}: an empty file, before or after"]


def _lines(state: State) -> list[str]:
    text = state.content.decode("utf-8", "replace") if isinstance(state, File) else ""
    return lines_of(text)


def _link_lines(change: Change) -> list[str]:
    return [f"- {_said(change.path, change.before)}", f"+ {_said(change.path, change.after)}"]


def _said(path: Path, state: State) -> str:
    if isinstance(state, Link):
        return f"{path} -> {state.target}"
    return f"{path}/ (an empty folder)" if isinstance(state, EmptyFolder) else f"{path} (nothing)"


def hand_lines(
    name: str, machine: Machine, mountpoint: Path, at: Path | None = None
) -> list[tuple[str, str]]:
    """Return what to put in by hand: where, and the lines. An empty place is a command to use.

    A tool that is not where it usually is has "DIR" for its folder. Raises BadInput and NotFound
    as ``plan_connect`` does for what was named.
    """
    check_mountpoint(mountpoint)
    tool = owner_of(tool_named(name))
    way = way_for(tool, machine)
    place = place_of(tool, way, machine, at) if at else usual_place(tool, machine)
    fields = fields_of(tool, mountpoint, place or Path("DIR"))
    found = []
    for each in (wanted(change, machine, fields) for change in (way.changes if way else ())):
        if each.edit is None:
            found.append(("", f"ln -s {shlex.quote(each.target)} {shlex.quote(str(each.path))}\n"))
        else:
            found.append((str(each.path), each.edit.by_hand()))
    lines = [filled(line, {**machine.fields(), **fields}) for line in tool.paste]
    return found + [("", "".join(f"{line}\n" for line in lines))] * bool(lines)


def docker_lines(name: str, machine: Machine, shown: Shown) -> tuple[list[str], list[str]]:
    """Return the options of ``docker run`` that give a container the folder, and notes.

    Raises BadInput and NotFound as ``hand_lines`` does.
    """
    check_mountpoint(shown.mountpoint)
    tool = owner_of(tool_named(name))
    fields = {**machine.fields(), **fields_of(tool, shown.mountpoint, None)}
    lines, notes = bind_lines(shown, machine.home)
    if tool.docker is not None:
        for key, value in tool.docker.environment.items():
            lines.append(f"--env {shlex.quote(f'{key}={filled(value, fields)}')}")
        if tool.docker.arguments:
            quoted = {**fields, "folder": shlex.quote(fields["folder"])}
            lines.append(f"# behind the image: {filled(tool.docker.arguments, quoted)}")
        notes = [*(filled(note, fields) for note in tool.docker.notes), *notes]
    return lines, notes
