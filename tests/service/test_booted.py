"""The units under a real systemd: the machine's own, and a user's."""

import json
import sys
from collections.abc import Iterator

import pytest

from mount.conftest import wait_for

from .booted import PROGRAM, USER, USER_ID, Booted, booted

MOUNTPOINT = f"/home/{USER}/AI/models"
UNIT = f"modelfs@{USER}.service"
SYS_ADMIN_ALONE = f"{1 << 21:016x}"
ORIGINAL, SHOWN = f"/home/{USER}/one.bin", f"{MOUNTPOINT}/by-category/other/unsorted/one.bin"
UNIT_OF = {(): UNIT, ("--user",): "modelfs.service"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    with booted(tmp_path_factory.mktemp("booted") / "world") as made:
        made.user_ok(str(PROGRAM), "init")
        made.user_ok("sh", "-c", "head -c 300000 /dev/urandom >" + ORIGINAL)
        made.user_ok(str(PROGRAM), "add", ORIGINAL, "--category", "other/unsorted")
        made.ok("systemctl", "start", "user-manager.service")
        yield made


def shown(world: Booted, name: str, *whose: str) -> str:
    """Return what the unit's systemd says of it."""
    ask = world.as_user if whose else world.run
    question = ["systemctl", *whose, "show", f"--property={name}", "--value", UNIT_OF[whose]]
    return ask(*question).stdout.rstrip("\n")


@pytest.fixture(scope="class")
def system(world: Booted) -> Iterator[Booted]:
    """That world, in which the machine's own systemd has the unit."""
    world.ok(str(PROGRAM), "service", "install", "--system", "--for", USER, "--yes")
    yield world
    world.ok(str(PROGRAM), "service", "uninstall", "--system", "--for", USER, "--yes")
    assert not world.is_mounted(MOUNTPOINT)
    assert "modelfs" not in world.ok("find", "/etc/systemd/system")


@pytest.fixture(scope="class")
def user(world: Booted) -> Iterator[Booted]:
    """That world, in which the user's own systemd has the unit."""
    world.user_ok(str(PROGRAM), "mount")  # by hand: installing makes it the service's
    world.user_ok(str(PROGRAM), "service", "install", "--yes")
    yield world
    world.user_ok(str(PROGRAM), "service", "uninstall", "--yes")
    assert not world.is_mounted(MOUNTPOINT)
    assert "modelfs" not in world.ok("find", f"/home/{USER}/.config/systemd")


def kill_and_wait(world: Booted, *whose: str) -> None:
    """Kill the mount's process; wait until the service is there again."""
    before = shown(world, "MainPID", *whose)
    world.ok("kill", "-KILL", before)

    def is_back() -> bool:
        now = shown(world, "MainPID", *whose)
        return now not in ("0", before) and shown(world, "ActiveState", *whose) == "active"

    wait_for(is_back, "the restart")
    assert "by-category" in world.user_ok("ls", MOUNTPOINT)
    mounts = world.user_ok("cat", "/proc/self/mountinfo")
    assert mounts.count(f" {MOUNTPOINT} ") == 1, "the dead one is gone"


class TestTheSystemsUnit:
    def test_it_is_ready_once_it_is_installed(self, system: Booted) -> None:
        assert shown(system, "ActiveState") == "active"
        assert shown(system, "StatusText") == f"1 model at {MOUNTPOINT}, passthrough"

    def test_it_runs_as_its_user_with_that_one_right(self, system: Booted) -> None:
        status = system.ok("cat", f"/proc/{shown(system, 'MainPID')}/status")
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert facts["Uid"].split() == [str(USER_ID)] * 4
        assert facts["CapEff"] == facts["CapPrm"] == facts["CapBnd"] == SYS_ADMIN_ALONE
        assert facts["NoNewPrivs"] == "1"

    def test_all_users_read_what_it_mounts(self, system: Booted) -> None:
        mine = system.ok("sha256sum", ORIGINAL).split()[0]
        system.ok("chmod", "755", f"/home/{USER}/AI")
        become = ("setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all")
        assert system.ok(*become, "sha256sum", SHOWN).split()[0] == mine

    def test_its_user_sees_what_is_read_through_it(self, system: Booted) -> None:
        """A process with more rights than one's own is not to be looked into."""
        script = (
            f"exec 3<{SHOWN}; {sys.executable} -c 'from modelfs.library import open_library, "
            "eviction, select\nwith open_library() as library:\n"
            "    is_open = eviction.open_now(library)\n"
            '    print(is_open(select.one(library, "one.bin")))\''
        )
        assert system.user_ok("bash", "-c", script).strip() == "True"
        assert system.user_ok("bash", "-c", script.partition("; ")[2]).strip() == "False"

    def test_its_timers_service_checks_bytes(self, system: Booted) -> None:
        system.ok("systemctl", "start", f"modelfs-scrub@{USER}.service")
        assert "1 blob checked, 300.0 kB read" in system.log()
        timer = f"modelfs-scrub@{USER}.timer"
        assert system.ok("systemctl", "is-active", timer).strip() == "active"

    def test_killed_it_mounts_again(self, system: Booted) -> None:
        kill_and_wait(system)

    def test_a_user_with_it_needs_no_other(self, system: Booted) -> None:
        refused = system.as_user(str(PROGRAM), "service", "install", "--yes")
        assert refused.returncode == 4 and "uninstall --system" in refused.stderr


class TestTheUsersUnit:
    def test_it_is_ready_once_it_is_installed(self, user: Booted) -> None:
        assert shown(user, "ActiveState", "--user") == "active"
        assert shown(user, "StatusText", "--user") == f"1 model at {MOUNTPOINT}, served"
        mine = user.ok("sha256sum", ORIGINAL).split()[0]
        assert user.user_ok("sha256sum", SHOWN).split()[0] == mine

    def test_status_says_how_it_stands(self, user: Booted) -> None:
        found = json.loads(user.user_ok(str(PROGRAM), "service", "status", "--json"))
        assert found["kind"] == "user" and found["unit"] == "modelfs.service"
        standing = found["enabled"], found["active"], found["detail"], found["timer"]
        assert standing == ("enabled", "active", "running", "active")
        assert found["says"] == f"1 model at {MOUNTPOINT}, served"
        assert found["mount"]["mounted"] is True and found["pid"] == found["mount"]["pid"]

    def test_killed_it_mounts_again(self, user: Booted) -> None:
        kill_and_wait(user, "--user")

    def test_it_does_not_take_away_what_was_mounted_by_hand(self, user: Booted) -> None:
        user.user_ok("systemctl", "--user", "stop", "modelfs.service")
        user.user_ok(str(PROGRAM), "mount")
        assert user.as_user("systemctl", "--user", "start", "modelfs.service").returncode == 1
        user.user_ok("systemctl", "--user", "stop", "modelfs.service")
        assert "by-category" in user.user_ok("ls", MOUNTPOINT)
        user.user_ok(str(PROGRAM), "umount")
        user.user_ok("systemctl", "--user", "reset-failed", "modelfs.service")
        user.user_ok("systemctl", "--user", "start", "modelfs.service")

    def test_stopping_leaves_no_mount_and_is_no_failure(self, user: Booted) -> None:
        user.user_ok("systemctl", "--user", "stop", "modelfs.service")
        assert shown(user, "ActiveState", "--user") == "inactive"
        assert not user.is_mounted(MOUNTPOINT)

    def test_who_unmounts_by_hand_is_not_contradicted(self, user: Booted) -> None:
        user.user_ok("systemctl", "--user", "start", "modelfs.service")
        user.user_ok(str(PROGRAM), "umount")
        wait_for(lambda: shown(user, "ActiveState", "--user") == "inactive", "the end")
        assert shown(user, "NRestarts", "--user") == "0"
        assert not user.is_mounted(MOUNTPOINT)

    def test_a_mountpoint_with_files_in_it_is_tried_once(self, user: Booted) -> None:
        user.user_ok("systemctl", "--user", "stop", "modelfs.service")
        user.user_ok("touch", f"{MOUNTPOINT}/mine")
        failed = user.as_user("systemctl", "--user", "start", "modelfs.service")
        assert failed.returncode == 1
        wait_for(lambda: shown(user, "ActiveState", "--user") == "failed", "it gives up")
        assert shown(user, "NRestarts", "--user") == "0"
        user.user_ok("rm", f"{MOUNTPOINT}/mine")


def test_an_ordinary_user_is_told_what_root_would_type(world: Booted) -> None:
    refused = world.as_user(str(PROGRAM), "service", "install", "--system")
    assert refused.returncode == 4
    assert f"sudo {PROGRAM} service install --system" in refused.stderr


def test_the_user_behind_sudo_is_the_user(world: Booted) -> None:
    install = (str(PROGRAM), "service", "install", "--system", "--dry-run")
    done = world.run(*install, SUDO_USER=USER)
    assert f"write   /etc/systemd/system/{UNIT}" in done.stdout
    whose = world.run(*install)
    assert whose.returncode == 2 and "--system --for USER" in whose.stderr
