"""``connect`` and ``disconnect``: a tool's own settings, changed to read the mount, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelfs.cli import completion, options
from modelfs.cli.confirm import confirm
from modelfs.cli.output import next_step, note, print_json, say, warn
from modelfs.errors import BadInput
from modelfs.units import format_count

if TYPE_CHECKING:
    from modelfs.connect import Machine, Plan, Shown

Tool = Annotated[
    str,
    typer.Argument(
        metavar="TOOL",
        help="A tool, as modelfs connect names it.",
        autocompletion=completion.connectable_names,
    ),
]
At = Annotated[
    Path | None,
    typer.Option("--at", metavar="DIR", help="Where it is installed.", show_default=False),
]


def connect(
    tool: Tool,
    at: At = None,
    only_print: Annotated[
        bool, options.flag("--print", help="Only print what to put in by hand.")
    ] = False,
    docker: Annotated[
        bool, options.flag("--docker", help="Only print the options for its container.")
    ] = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Point a tool at its folder in the mount, by its own settings.

    The exact change is shown first. What was there before is kept, and modelfs disconnect puts it
    back byte for byte. Doing it again changes nothing.

    Examples:
      modelfs connect comfyui --dry-run
      modelfs connect comfyui --at ~/apps/ComfyUI
      modelfs connect ollama --print
      modelfs connect ollama --docker
    """
    from modelfs.connect import Machine, plan_connect, user_state_folder
    from modelfs.paths import absolute

    if only_print and docker:
        raise BadInput("--print and --docker are two answers", "give one of them")
    mountpoint, is_mounted = _mount()
    machine, where = Machine.here(), absolute(at) if at else None
    if only_print:
        _print_by_hand(tool, machine, mountpoint, where, as_json=as_json)
    elif docker:
        _print_docker(tool, machine, _shown(), as_json=as_json)
    else:
        plan = plan_connect(tool, machine, mountpoint, user_state_folder(), where)
        _carry_out(plan, "connect", dry_run=dry_run, yes=yes, as_json=as_json)
        if plan.changes and not (is_mounted or dry_run or as_json):
            next_step("modelfs mount")


def disconnect(
    tool: Tool,
    at: At = None,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Make a tool's settings what they were before modelfs connect.

    Files that were changed since keep those changes; only what modelfs put in is taken out.

    Examples:
      modelfs disconnect comfyui --dry-run
      modelfs disconnect ollama --yes
    """
    from modelfs.connect import Machine, plan_disconnect, user_state_folder
    from modelfs.paths import absolute

    mountpoint, _ = _mount()
    where = absolute(at) if at else None
    plan = plan_disconnect(tool, Machine.here(), mountpoint, user_state_folder(), where)
    _carry_out(plan, "disconnect", dry_run=dry_run, yes=yes, as_json=as_json)


def _mount() -> tuple[Path, bool]:
    from modelfs.fs.state import mount_state
    from modelfs.library import open_library

    with open_library(read_only=True) as library:
        return library.mountpoint, mount_state(library.paths).mounted


def _shown() -> Shown:
    """Return what containers need to know of the mount: as it is now, or will be."""
    from modelfs.connect import Shown
    from modelfs.fs import mountinfo
    from modelfs.fs.state import mount_state
    from modelfs.library import open_library

    with open_library(read_only=True) as library:
        settings, state = library.settings, mount_state(library.paths)
        others = settings.allow_other or mountinfo.lets_others_in(library.mountpoint)
        are_links = (state.read_path or settings.read_path) == "links"
        return Shown(library.mountpoint, others, library.paths.blobs if are_links else None)


def _carry_out(plan: Plan, verb: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    from modelfs.connect import apply, user_state_folder

    if not dry_run:
        if plan.changes:
            if not yes:
                _show(plan, aside=True)
            confirm(f"{verb} {plan.title} by {_files(plan)}?", yes=yes)
        apply(plan, user_state_folder())
    if as_json:
        print_json({"dry_run": dry_run, "applied": not dry_run, **_document(plan)})
    elif dry_run:
        _show(plan, aside=False)
    else:
        _tell(plan, f"{verb}ed")


def _files(plan: Plan) -> str:
    return f"changing {format_count(len(plan.changes), 'file')}"


def _show(plan: Plan, *, aside: bool) -> None:
    from modelfs.connect import diff

    lines = diff(plan)
    for line in lines:
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        if aside:
            note(line, style)
        else:
            say(line, style)
    if not lines:
        _tell_unchanged(plan)
    _tell_notes(plan)


def _tell(plan: Plan, done: str) -> None:
    if plan.changes:
        say(f"{done} {plan.title}")
        for change in plan.changes:
            say(f"  {change.path}", style="dim")
    else:
        _tell_unchanged(plan)
    _tell_notes(plan)


def _tell_unchanged(plan: Plan) -> None:
    for line in plan.paste:
        say(line)
    if plan.already:
        say(f"{plan.title} is connected already; nothing to change")
        for path in plan.already:
            say(f"  {path}", style="dim")
    elif not plan.paste:
        say(f"{plan.title} is not connected; nothing to change")


def _tell_notes(plan: Plan) -> None:
    for text in plan.warnings:
        warn(text)
    for text in plan.notes if plan.changes or plan.paste else ():
        note(text)


def _document(plan: Plan) -> dict[str, Any]:
    from modelfs.connect import diff

    return {
        "tool": plan.tool,
        "title": plan.title,
        "folder": str(plan.folder),
        "changes": [{"path": str(c.path), "kind": c.kind} for c in plan.changes],
        "diff": "".join(f"{line}\n" for line in diff(plan)),
        "already": [str(path) for path in plan.already],
        "paste": list(plan.paste),
        "notes": [*plan.warnings, *plan.notes],
    }


def _print_by_hand(
    tool: str, machine: Machine, mountpoint: Path, at: Path | None, *, as_json: bool
) -> None:
    from modelfs.connect import hand_lines

    found = hand_lines(tool, machine, mountpoint, at)
    if as_json:
        print_json([{"file": place or None, "text": text} for place, text in found])
        return
    for place, text in found:
        if place:
            say(f"# in {place}:")
        for line in text.splitlines():
            say(line)


def _print_docker(tool: str, machine: Machine, shown: Shown, *, as_json: bool) -> None:
    from modelfs.connect import docker_lines

    lines, notes = docker_lines(tool, machine, shown)
    if as_json:
        print_json({"lines": lines, "notes": notes})
        return
    for line in lines:
        say(line)
    for text in notes:
        note(text)
