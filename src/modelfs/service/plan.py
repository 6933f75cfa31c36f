"""What installing and uninstalling would do, as a value: files with their text, and commands.

Made by looking, shown, then carried out by ``applying``.
"""

import os
import shlex
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modelfs.errors import BadInput, Refused
from modelfs.service import units
from modelfs.service.machine import SYSTEM_UNITS, Machine

Kind = Literal["user", "system", "autostart"]
Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, in this order."""

    kind: Kind
    unit: str
    """The unit of the mount; for ``autostart`` the name of the entry."""
    first: tuple[Command, ...]
    write: tuple[tuple[Path, str], ...]
    remove: tuple[Path, ...]
    then: tuple[Command, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def plan_install(
    machine: Machine, kind: Kind, *, is_mounted: bool = False, force: bool = False
) -> Plan:
    """Say what making the service takes, or making it anew.

    Without a systemd to run it, a desktop's entry takes the place of a user's unit. Raises
    BadInput where there is no systemd for ``system``, Refused where another kind is installed or a
    file is not as we wrote it, unless ``force``.
    """
    if kind == "user" and not machine.has_user_manager:
        kind = "autostart"
    if kind == "system" and not machine.has_systemd:
        raise BadInput("no systemd runs here", "mount it without: modelfs mount")
    if (other := installed_kind(machine)) not in (None, kind):
        raise Refused(
            f"the service is installed as {_KINDS[other or kind]} already",
            f"uninstall it first: modelfs service uninstall --{other}",
        )
    texts = _texts(machine, kind)
    if not force:
        _check_ours(path for path in texts if path.exists())
    unit, timer = _names(machine, kind)
    return Plan(
        kind,
        unit,
        first=(_umount(machine, kind),) if is_mounted else (),
        write=tuple((path, units.stamped(text)) for path, text in texts.items()),
        remove=(),
        then=_start(machine, kind, unit, timer),
        warnings=_warnings(machine, kind),
        notes=_notes(machine, kind),
    )


def plan_uninstall(machine: Machine, kind: Kind, *, force: bool = False) -> Plan:
    """Say what taking the service away takes: exactly the files that installing it made.

    Empty where there are none. Raises Refused for one that is not as we wrote it, unless ``force``.
    """
    files = tuple(path for path in _texts(machine, kind) if path.exists())
    if not force:
        _check_ours(files)
    unit, timer = _names(machine, kind)
    systemctl = _systemctl(kind)
    has_manager = machine.has_systemd if kind == "system" else machine.has_user_manager
    is_run = kind != "autostart" and bool(files) and has_manager
    end = (*systemctl, "disable", "--now", unit, timer) if is_run else _umount(machine, kind)
    return Plan(
        kind,
        unit,
        first=(end,) if files else (),
        write=(),
        remove=files,
        then=((*systemctl, "daemon-reload"),) if is_run else (),
    )


def installed_kind(machine: Machine) -> Kind | None:
    """Say as what the service is installed for a user; by whomever."""
    kinds: tuple[Kind, ...] = ("system", "user", "autostart")
    return next((kind for kind in kinds if _main_file(machine, kind).exists()), None)


_KINDS: dict[Kind, str] = {
    "user": "a unit of the user's own",
    "system": "a unit of the system's",
    "autostart": "an entry of the desktop's autostart",
}


def unit_of(machine: Machine, kind: Kind) -> str:
    """Return the name of the mount's unit."""
    return _names(machine, kind)[0]


def timer_of(machine: Machine, kind: Kind) -> str:
    """Return the name of the timer that has bytes checked."""
    return _names(machine, kind)[1]


def _names(machine: Machine, kind: Kind) -> tuple[str, str]:
    if kind == "autostart":
        return units.AUTOSTART, ""
    if kind == "user":
        return units.MOUNT, units.TIMER
    return units.of_user(units.MOUNT, machine.user), units.of_user(units.TIMER, machine.user)


def _main_file(machine: Machine, kind: Kind) -> Path:
    return next(iter(_places(machine, kind)))


def _places(machine: Machine, kind: Kind) -> dict[Path, str]:
    """Return where the files go, each with the template that it is made from."""
    if kind == "autostart":
        return {machine.autostart / units.AUTOSTART: units.AUTOSTART}
    every = (units.MOUNT, units.SCRUB, units.TIMER)
    if kind == "user":
        return {machine.user_units / name: name for name in every}
    # A unit of its own for each user, as one program may not be right for all of them.
    return {
        SYSTEM_UNITS / units.of_user(name, machine.user): units.of_user(name, "") for name in every
    }


def _texts(machine: Machine, kind: Kind) -> dict[Path, str]:
    texts = {}
    for path, template in _places(machine, kind).items():
        call = units.call_of(template, machine.command, machine.environment)
        texts[path] = units.render(template, call, machine.environment)
    return texts


def _check_ours(files: Iterable[Path]) -> None:
    for path in files:
        if not units.is_as_written(path.read_text("utf-8", "surrogateescape")):
            raise Refused(
                f"{path} was changed since modelfs service install wrote it, or is another's",
                "look at it; --force takes it for ours",
            )


def _systemctl(kind: Kind) -> Command:
    return ("systemctl", "--user") if kind == "user" else ("systemctl",)


def _umount(machine: Machine, kind: Kind) -> Command:
    if kind != "system":
        return (*machine.command, "umount")
    return as_user(machine, "umount")


def as_user(machine: Machine, *arguments: str) -> Command:
    """Return how root runs modelfs as the service would, with nothing of root's own settings."""
    variables = {"HOME": str(machine.home), "PATH": os.defpath, **machine.environment}
    words = [f"{name}={value}" for name, value in variables.items()]
    return ("runuser", "-u", machine.user, "--", "env", "-i", *words, *machine.command, *arguments)


def _start(machine: Machine, kind: Kind, unit: str, timer: str) -> tuple[Command, ...]:
    if kind == "autostart":
        return ((*machine.command, "mount"),)
    systemctl = _systemctl(kind)
    return (
        (*systemctl, "daemon-reload"),
        (*systemctl, "enable", unit, timer),
        # Not enable --now, which leaves one that runs with what it was started with.
        (*systemctl, "restart", unit, timer),
    )


def _warnings(machine: Machine, kind: Kind) -> tuple[str, ...]:
    if kind == "autostart":
        return ("no systemd of yours answers here, so the desktop mounts it at login",)
    if kind == "system" and (writable := _changeable(machine)) is not None:
        return (
            f"{machine.user} can change {writable}, which runs with CAP_SYS_ADMIN: enough to "
            "become root by it; a modelfs that root has installed is not to be changed",
        )
    return ()


def _notes(machine: Machine, kind: Kind) -> tuple[str, ...]:
    if kind == "user":
        return (f"to mount at boot, before you log in: loginctl enable-linger {machine.user}",)
    return ()


def _changeable(machine: Machine) -> Path | None:
    """Return the first of the program's parts and the folders around them that is not root's."""
    chain = [*machine.parts, *(Path(os.path.realpath(part)) for part in machine.parts)]
    chain += [folder for path in chain for folder in path.parents]
    for path in chain:
        status = path.lstat()
        mine_only = status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not (mine_only or path.is_symlink() or status.st_mode & stat.S_ISVTX):
            return path
    return None


def command_line(command: Sequence[str]) -> str:
    """Write a command as a person would type it."""
    return shlex.join(command)
