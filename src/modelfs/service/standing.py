"""How the service stands, in systemd's own words; and where its log is."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass

from modelfs.errors import Failed
from modelfs.service.machine import Machine
from modelfs.service.plan import Command, Kind, as_user, installed_kind, timer_of, unit_of

_PATIENCE_S = 10.0
_SHOWN = "LoadState,UnitFileState,ActiveState,SubState,MainPID,Result,NRestarts,StatusText"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is installed and what became of it; None where nothing or nobody says."""

    kind: Kind | None
    unit: str | None = None
    enabled: str | None = None
    """As ``systemctl is-enabled`` says: ``enabled``, ``disabled``, ..."""
    active: str | None = None
    """As ``systemctl is-active`` says: ``active``, ``failed``, ..."""
    detail: str | None = None
    """How it came to that: ``running``, ``auto-restart``; of a failed one ``exit-code``, ..."""
    pid: int | None = None
    restarts: int | None = None
    says: str | None = None
    """What the mount's process last said of itself."""
    timer: str | None = None
    """Whether the timer for checks is ``active``."""


def standing(machine: Machine) -> Standing:
    """Ask systemd how the service stands."""
    kind = installed_kind(machine)
    if kind is None:
        return Standing(None)
    unit = unit_of(machine, kind)
    if kind == "autostart":
        return Standing(kind, unit)
    told = _shown(kind, unit, _SHOWN)
    failed = told.get("Result", "success") != "success"
    return Standing(
        kind,
        unit,
        enabled=told.get("UnitFileState") or None,
        active=told.get("ActiveState"),
        detail=told.get("Result") if failed else told.get("SubState"),
        pid=_number(told.get("MainPID")) or None,
        restarts=_number(told.get("NRestarts")),
        says=told.get("StatusText") or None,
        timer=_shown(kind, timer_of(machine, kind), "ActiveState").get("ActiveState"),
    )


def is_mounted_for(machine: Machine) -> bool:
    """Ask modelfs, as the service's user, whether the library is mounted, as root.

    Raises Failed where that user has no library, or cannot run this program.
    """
    command = as_user(machine, "status", "--json")
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        raise Failed(
            f"{machine.user} cannot use modelfs: {words[0].removeprefix('modelfs: ')}",
            f"as {machine.user} run: modelfs init",
        )
    return bool(json.loads(done.stdout)["mounted"])


def _shown(kind: Kind, unit: str, properties: str) -> dict[str, str]:
    whose = ["--user"] if kind == "user" else []
    try:
        asked = subprocess.run(
            ["systemctl", *whose, "show", f"--property={properties}", "--", unit],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition("=") for line in asked.stdout.splitlines())
    return {name: value for name, _, value in pairs} if asked.returncode == 0 else {}


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def log_command(machine: Machine, *, lines: int, follow: bool) -> Command | None:
    """Return what shows the service's log; None where no journal has it."""
    kind = installed_kind(machine)
    if kind in (None, "autostart") or shutil.which("journalctl") is None:
        return None
    unit = unit_of(machine, kind or "user")
    whose = f"--user-unit={unit}" if kind == "user" else f"--unit={unit}"
    return ("journalctl", whose, f"--lines={lines}", *(["--follow"] if follow else []))


def is_scrubbed_by_timer() -> bool:
    """Say whether the timer runs that the unit of this process names, and so checks bytes."""
    named = os.environ.get("MODELFS_SCRUBBED_BY", "").split()
    if not named:
        return False
    *whose, timer = named
    question = ["systemctl", *whose, "is-active", "--quiet", "--", timer]
    try:
        return subprocess.run(question, timeout=_PATIENCE_S, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
