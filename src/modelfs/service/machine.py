"""What of a machine and a user matters to the service: whose it is, and who would run it."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelfs import paths
from modelfs.errors import BadInput

SYSTEM_UNITS = Path("/etc/systemd/system")
_BOOTED = Path("/run/systemd/system")
"""What sd_booted(3) looks for."""
_PATIENCE_S = 10.0
_PASSED_ON = (paths.LIBRARY_VARIABLE, "XDG_CONFIG_HOME", "XDG_DATA_HOME")


@dataclass(frozen=True, slots=True)
class Machine:
    """A user on a machine."""

    user: str
    home: Path
    config: Path
    """Where the user's settings are, ``~/.config``."""
    command: tuple[str, ...]
    """How modelfs is called, without looking for it."""
    parts: tuple[Path, ...] = ()
    """What that program is made of: whoever can change one of these changes what it does."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What says where the library is, beside the user's settings."""
    is_root: bool = False
    """Whether this process is root, whoever the user is."""
    has_systemd: bool = False
    has_user_manager: bool = False
    """Whether a systemd of the user's own answers."""

    @property
    def user_units(self) -> Path:
        """Where the units of the user's own systemd are."""
        return self.config / "systemd" / "user"

    @property
    def autostart(self) -> Path:
        """Where a desktop looks for what to start at login."""
        return self.config / "autostart"


def here() -> Machine:
    """Look at this machine, for the user of this process."""
    has_systemd = _BOOTED.is_dir() and shutil.which("systemctl") is not None
    return Machine(
        user=pwd.getpwuid(os.getuid()).pw_name,
        home=Path.home(),
        config=paths.user_config_file().parents[1],
        command=own_command(),
        parts=_own_parts(),
        environment={name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)},
        is_root=os.geteuid() == 0,
        has_systemd=has_systemd,
        has_user_manager=has_systemd and _user_manager_answers(),
    )


def here_for(user: str) -> Machine:
    """Look at this machine, for another user of it; raises BadInput where there is none."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise BadInput(f"there is no user {user!r} on this machine") from error
    named = {paths.LIBRARY_VARIABLE: os.environ.get(paths.LIBRARY_VARIABLE, "")}
    return Machine(
        user=user,
        home=Path(entry.pw_dir),
        config=Path(entry.pw_dir) / ".config",
        command=own_command(),
        parts=_own_parts(),
        environment={name: value for name, value in named.items() if value},
        is_root=os.geteuid() == 0,
        has_systemd=_BOOTED.is_dir() and shutil.which("systemctl") is not None,
    )


def own_command() -> tuple[str, ...]:
    """Return how to start this very modelfs from anywhere."""
    script = Path(sys.executable).with_name("modelfs")
    return (str(script),) if script.is_file() else (sys.executable, "-m", "modelfs")


def _own_parts() -> tuple[Path, ...]:
    package = Path(__file__).parents[1]
    return Path(own_command()[0]), Path(sys.executable), package


def _user_manager_answers() -> bool:
    question = ["systemctl", "--user", "show", "--property=Version"]
    try:
        asked = subprocess.run(question, capture_output=True, timeout=_PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0
