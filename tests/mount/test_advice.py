"""The one command that makes the mount faster follows from a few facts."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from modelfs.fs import advice, mountinfo, permission
from modelfs.fs.advice import Facts, faster

USUAL = Facts(
    read_path="served",
    chosen="auto",
    may_administer=False,
    kernel=(6, 12),
    has_systemd=True,
    follows_links=True,
    read_ahead_kib=128,
)
"""An ordinary user's mount on a current machine."""

SERVICE = "sudo modelfs service install --system"
LINKS = "modelfs umount && modelfs mount --links"
UDEV = "sudo cp contrib/udev/99-modelfs-readahead.rules /etc/udev/rules.d/"


@pytest.mark.parametrize(
    ("differs", "command"),
    [
        ({}, SERVICE),
        ({"read_path": "passthrough"}, None),
        ({"read_path": "links"}, None),
        ({"read_path": None}, None),
        ({"has_systemd": False}, LINKS),
        ({"kernel": (6, 8)}, LINKS),
        ({"kernel": (5, 15)}, LINKS),
        ({"kernel": (7, 0)}, SERVICE),
        ({"program": "/home/ada/bin/modelfs"}, SERVICE.replace("modelfs", "/home/ada/bin/modelfs")),
        ({"may_administer": True}, LINKS),  # it tried, and the kernel did not let it
        ({"kernel": (6, 8), "follows_links": False}, UDEV),
        ({"kernel": (6, 8), "follows_links": False, "has_systemd": False}, None),
        ({"kernel": (6, 1), "follows_links": False}, None),
        ({"kernel": (6, 8), "follows_links": False, "read_ahead_kib": 512}, None),
        ({"kernel": (6, 8), "follows_links": False, "read_ahead_kib": None}, None),
        ({"chosen": "served"}, f"modelfs config read_path=auto && {SERVICE}"),
        (
            {"chosen": "served", "may_administer": True},
            "modelfs config read_path=auto && modelfs umount && modelfs mount",
        ),
    ],
)
def test_the_fastest_way_that_is_open_is_advised(
    differs: dict[str, object], command: str | None
) -> None:
    found = faster(replace(USUAL, **differs))  # type: ignore[arg-type]
    assert (found and found.command) == command
    assert found is None or found.gain


def test_the_rule_that_is_advised_is_there() -> None:
    assert (Path(__file__).parents[2] / UDEV.split()[2]).is_file()


def test_the_kernels_release_is_read_whatever_is_behind_the_numbers() -> None:
    assert permission.kernel_version("6.12.0-rc1+deb13-amd64") == (6, 12)
    assert permission.kernel_version("5.15-WSL2") == (5, 15)
    assert permission.kernel_version("unknown") == (0, 0)


def test_root_is_told_of_a_program_that_is_there() -> None:
    command = advice._program_of_root().split()
    assert shutil.which(command[0], path="/usr/local/bin:/usr/bin"), "its PATH has it, or need not"
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, env={})
    assert done.stdout.startswith("modelfs ")


def test_the_capability_of_another_process_is_seen() -> None:
    command = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "sleep", "60"]
    lacking = subprocess.Popen(command)
    try:
        assert permission.may_administer(os.getpid()) is (os.geteuid() == 0)
        wait = Path(f"/proc/{lacking.pid}/comm")
        while wait.read_text() != "sleep\n":
            assert lacking.poll() is None
        assert not permission.may_administer(lacking.pid)
    finally:
        lacking.kill()
        lacking.wait()
    assert not permission.may_administer(lacking.pid), "it is gone"


def test_a_path_lies_in_the_topmost_mount_around_it(tmp_path: Path) -> None:
    place = tmp_path / "a b\\c"
    place.mkdir()
    assert mountinfo.mount_of(place / "not" / "there").mountpoint in place.parents
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "below", str(place)], check=True)
    subprocess.run(["mount", "-t", "ramfs", "above", str(place)], check=True)
    try:
        found = mountinfo.mount_of(place / "not" / "there")
        assert (found.mountpoint, found.kind) == (place, "ramfs")
        subprocess.run(["mount", "--make-shared", str(place)], check=True)
        assert mountinfo.mount_of(place).is_shared
        subprocess.run(["mount", "--make-private", str(place)], check=True)
        assert not mountinfo.mount_of(place).is_shared
    finally:
        subprocess.run(["umount", str(place)], check=True)
        subprocess.run(["umount", str(place)], check=True)
