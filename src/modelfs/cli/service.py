"""``service``: the mount that is simply there, begun at login or at boot."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelfs.cli import options
from modelfs.cli.confirm import confirm
from modelfs.cli.help import flowed
from modelfs.cli.output import next_step, note, print_json, say, warn
from modelfs.cli.tables import Cell, print_card
from modelfs.cli.upkeep import quota, scrub
from modelfs.errors import BadInput, Refused

if TYPE_CHECKING:
    from modelfs.fs.state import MountState
    from modelfs.service.machine import Machine
    from modelfs.service.plan import Kind, Plan
    from modelfs.service.standing import Standing

User = Annotated[
    bool, options.flag("--user", help="A service of your own, begun at login: as usual.")
]
System = Annotated[
    bool, options.flag("--system", help="A service of the machine, begun at boot; needs root.")
]
For = Annotated[
    str | None,
    typer.Option("--for", metavar="USER", help="Whose library, as root.", show_default=False),
]
Force = Annotated[
    bool, options.flag("--force", help="Also files that were changed since they were installed.")
]


def install(
    user: User = False,
    system: System = False,
    for_user: For = None,
    force: Force = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
) -> None:
    """Have the library mounted always: from login on, or with --system from boot on.

    With --system it is mounted as you, with the one right more that lets the kernel read the
    models without modelfs in between, and shown to all users of the machine. Where no systemd
    runs, the desktop mounts it at login. Installing again brings it up to date.

    Examples:
      modelfs service install
      modelfs service install --dry-run
      sudo modelfs service install --system
    """
    from modelfs.service.plan import plan_install

    machine, kind = _asked(user, system, for_user, "install")
    is_mounted = _is_mounted(machine, kind)
    plan = plan_install(machine, kind, is_mounted=is_mounted, force=force)
    _carry_out(plan, "install", dry_run=dry_run, yes=yes)
    for text in plan.warnings:
        warn(text)
    for text in plan.notes:
        note(text)
    if not dry_run:
        next_step("modelfs service status")


def uninstall(
    user: User = False,
    system: System = False,
    for_user: For = None,
    force: Force = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
) -> None:
    """Take the service away again, and the mount with it. The library stays as it is.

    Examples:
      modelfs service uninstall
      sudo modelfs service uninstall --system
    """
    from modelfs.service.plan import installed_kind, plan_uninstall

    machine, kind = _asked(user, system, for_user, "uninstall")
    if not system and installed_kind(machine) == "autostart":
        kind = "autostart"
    plan = plan_uninstall(machine, kind, force=force)
    if not plan.remove:
        note("there is no such service; nothing to uninstall")
        return
    _carry_out(plan, "uninstall", dry_run=dry_run, yes=yes)


def status(for_user: For = None, as_json: options.Json = False) -> None:
    """Say whether the service is installed, whether it runs, and how its mount is.

    Examples:
      modelfs service status
      modelfs service status --json
    """
    from modelfs.fs.state import mount_state
    from modelfs.library import open_library
    from modelfs.service.standing import standing

    machine = _machine(for_user)
    found = standing(machine)
    state = None
    if machine.home == Path.home():
        with open_library(read_only=True) as library:
            state = mount_state(library.paths)
    if as_json:
        print_json({**asdict(found), "mount": _mount_document(state)})
        return
    print_card(_card(found, state))
    if found.kind is None:
        next_step("modelfs service install")
    elif found.active not in (None, "active"):
        next_step("modelfs service logs")


def logs(
    for_user: For = None,
    lines: Annotated[
        int, typer.Option("--lines", "-n", help="How many of the last lines.", min=1)
    ] = 100,
    follow: Annotated[bool, options.flag("--follow", "-f", help="Show new ones as they come.")] = (
        False
    ),
) -> None:
    """Show what the service has to say: systemd's journal, or the mount's own log without one.

    Examples:
      modelfs service logs
      modelfs service logs --follow
    """
    from modelfs.library import open_library
    from modelfs.service.standing import log_command

    command = log_command(_machine(for_user), lines=lines, follow=follow)
    if command is not None:
        os.execvp(command[0], command)
    with open_library(read_only=True) as library:
        file = library.paths.mount_log
    if follow:
        os.execvp("tail", ["tail", f"--lines={lines}", "--follow=name", "--retry", str(file)])
    try:
        text = file.read_text(errors="replace")
    except FileNotFoundError:
        note("nothing was said yet")
        return
    for line in text.splitlines()[-lines:]:
        say(line)


def _asked(user: bool, system: bool, for_user: str | None, verb: str) -> tuple[Machine, Kind]:
    if user and system:
        raise BadInput("--user and --system are two services", "give one of them")
    if not system:
        if for_user is not None:
            raise BadInput("--for belongs to --system", "a service of one's own one makes oneself")
        return _machine(None), "user"
    machine = _machine(for_user or os.environ.get("SUDO_USER"))
    if not machine.is_root:
        program = " ".join(machine.command)
        raise Refused(
            "a service of the machine is root's to change",
            f"sudo {program} service {verb} --system",
        )
    if for_user is None and not os.environ.get("SUDO_USER"):
        raise BadInput("whose library?", f"modelfs service {verb} --system --for USER")
    return machine, "system"


def _machine(for_user: str | None) -> Machine:
    from modelfs.service import machine

    return machine.here_for(for_user) if for_user else machine.here()


def _is_mounted(machine: Machine, kind: Kind) -> bool:
    """Say whether the library is mounted; raises where its user has none, or not this program."""
    if kind == "system":
        from modelfs.service.standing import is_mounted_for

        return is_mounted_for(machine)
    from modelfs.fs.state import mount_state
    from modelfs.library import open_library

    with open_library(read_only=True) as library:
        return mount_state(library.paths).mounted


def _carry_out(plan: Plan, verb: str, *, dry_run: bool, yes: bool) -> None:
    from modelfs.service.applying import apply

    if dry_run:
        _show(plan, aside=False)
        return
    if not yes:
        _show(plan, aside=True)
    confirm(f"{verb} {plan.unit}?", yes=yes)
    apply(plan)
    say(f"{verb}ed {plan.unit}")


def _show(plan: Plan, *, aside: bool) -> None:
    from modelfs.service.plan import command_line

    tell = note if aside else say
    for command in plan.first:
        tell(f"run     {command_line(command)}")
    for path, text in plan.write:
        tell(f"write   {path}")
        for line in text.splitlines():
            tell(f"        {line}".rstrip())
    for path in plan.remove:
        tell(f"remove  {path}")
    for command in plan.then:
        tell(f"run     {command_line(command)}")


def _mount_document(state: MountState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "mounted": state.mounted,
        "mountpoint": str(state.mountpoint) if state.mountpoint else None,
        "read_path": state.read_path,
        "pid": state.pid,
        "problem": state.problem or None,
    }


def _card(found: Standing, state: MountState | None) -> list[tuple[str, str | Cell]]:
    rows: list[tuple[str, str | Cell]] = [("installed", _INSTALLED[found.kind])]
    if found.unit:
        rows.append(("unit", found.unit))
    if not found.active and found.kind in ("user", "system"):
        rows.append(("state", Cell("systemd does not say", "yellow")))
    if found.active:
        style = {"active": "green", "failed": "bold red"}.get(found.active, "yellow")
        told = found.active + (f" ({found.detail})" if found.detail else "")
        rows += [("state", Cell(told, style)), ("at start", found.enabled or "unknown")]
        rows.append(("checks", f"by its timer, {found.timer}" if found.timer else "by the mount"))
    if found.restarts:
        rows.append(("restarts", str(found.restarts)))
    if found.says:
        rows.append(("says", found.says))
    if state is not None:
        rows.append(("mounted", f"at {state.mountpoint}" if state.mounted else "no"))
        if state.problem:
            rows.append(("problem", Cell(state.problem, "bold red")))
    return rows


_INSTALLED: dict[Kind | None, str] = {
    None: "no",
    "user": "yes, for you, from login on",
    "system": "yes, for the machine, from boot on",
    "autostart": "yes, as an entry of the desktop's autostart",
}


def service() -> None:
    """Have the library mounted always: from login or from boot on, and again after a crash.

    Examples:
      modelfs service install
      modelfs service status
    """


app = typer.Typer(no_args_is_help=True)
app.callback(help=flowed(service))(service)
_COMMANDS: list[Callable[..., None]] = [install, uninstall, status, logs, scrub, quota]
for _command in _COMMANDS:
    hidden = _command in (scrub, quota)
    app.command(_command.__name__, help=flowed(_command), hidden=hidden)(_command)
