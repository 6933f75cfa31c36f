"""The units: what is copied by hand is what is installed, systemd accepts it, nothing hides us."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from modelfs.service import units

from .booted import CHECKOUT, PROGRAM

CONTRIB = CHECKOUT / "contrib" / "systemd"
NAMES = sorted(path.name for path in CONTRIB.iterdir())
MOUNTS = ["modelfs.service", "modelfs@.service"]

NAMESPACES = """
    PrivateTmp PrivateDevices PrivateMounts PrivateUsers ProtectSystem ProtectHome ProtectProc
    ProcSubset ProtectKernelTunables ProtectKernelModules ProtectKernelLogs ProtectControlGroups
    ReadOnlyPaths ReadWritePaths InaccessiblePaths ExecPaths NoExecPaths BindPaths
    BindReadOnlyPaths TemporaryFileSystem MountFlags MountAPIVFS RootDirectory RootImage
    DynamicUser LogNamespace ProtectHostname
    """
"""What gives a service mounts of its own, by systemd.exec(5), so that ours would be seen by none.

The last ones do so only together with others, or in newer versions.
"""
FILTERS = """
    NoNewPrivileges SystemCallFilter SystemCallArchitectures RestrictAddressFamilies
    RestrictNamespaces MemoryDenyWriteExecute RestrictRealtime RestrictSUIDSGID LockPersonality
    SystemCallLog ProtectClock
    """
"""What makes fusermount3 no setuid program in a user's own manager, by systemd.exec(5)."""


def directives(name: str) -> set[str]:
    return set(re.findall(r"^([A-Z][A-Za-z]+)=", (CONTRIB / name).read_text(), re.MULTILINE))


def test_there_is_a_unit_for_each_purpose() -> None:
    every = ["modelfs", "modelfs@", "modelfs-scrub", "modelfs-scrub@"]
    timers = [f"{name}.timer" for name in every if "scrub" in name]
    assert [f"{name}.service" for name in every] + timers == sorted(
        NAMES, key=lambda name: (name.endswith(".timer"), "scrub" in name, "@" in name)
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_copied_by_hand_is_what_is_installed(name: str) -> None:
    program = "/usr/local/bin/modelfs" if "@" in name else "%h/.local/bin/modelfs"
    assert (CONTRIB / name).read_text() == units.render(name, program)


@pytest.mark.parametrize("name", NAMES)
def test_systemd_accepts_it(name: str, tmp_path: Path) -> None:
    variables = {"MODELFS_LIBRARY": '/a "strange" 100% library\\'}
    for each in NAMES:
        text = units.render(each, units.call_of(each, [str(PROGRAM)], variables), variables)
        (tmp_path / each).write_text(text)
    whose = [] if "@" in name else ["--user"]
    unit = tmp_path / name.replace("@", "@root")
    unit.write_text((tmp_path / name).read_text())
    verified = subprocess.run(
        ["systemd-analyze", *whose, "verify", str(unit)],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize("name", MOUNTS)
def test_nothing_gives_the_mount_a_world_of_its_own(name: str) -> None:
    assert not directives(name) & set(NAMESPACES.split())


def test_nothing_takes_fusermount_its_right_from_a_user() -> None:
    assert not directives("modelfs.service") & set(FILTERS.split())
    assert directives("modelfs@.service") & set(FILTERS.split())


def test_every_second_line_is_explained() -> None:
    for name in NAMES:
        lines = (CONTRIB / name).read_text().splitlines()
        comments = sum(line.startswith("#") for line in lines)
        assert comments * 3 >= sum("=" in line and not line.startswith("#") for line in lines)


def test_an_installed_file_is_known_again_until_somebody_changes_it() -> None:
    text = units.stamped(units.render("modelfs.service", "/usr/bin/modelfs"))
    assert units.is_as_written(text)
    assert units.is_as_written(units.stamped("what an older version wrote\n"))
    assert not units.is_as_written(text.replace("RestartSec=2", "RestartSec=9"))
    assert not units.is_as_written(text + "# mine\n")
    assert not units.is_as_written((CONTRIB / "modelfs.service").read_text())
