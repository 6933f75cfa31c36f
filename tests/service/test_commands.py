"""``modelfs service`` on a machine whose systemctl writes down what is asked of it."""

import json
from pathlib import Path

import pytest

from cli.conftest import Program
from modelfs.fs.launch import start, stop
from modelfs.library import open_library
from modelfs.service import units
from mount.conftest import wait_for

from .conftest import Fakery

FILES = {"modelfs.service", "modelfs-scrub.service", "modelfs-scrub.timer"}
BOTH = "modelfs.service modelfs-scrub.timer"


def test_installing_writes_the_units_and_starts_them(fakery: Fakery, tmp_path: Path) -> None:
    done = fakery.modelfs("service", "install", "--yes")
    assert done.stdout == "installed modelfs.service\n"
    assert "loginctl enable-linger root" in done.stderr
    assert {path.name for path in fakery.units.iterdir()} == FILES
    text = (fakery.units / "modelfs.service").read_text()
    assert units.is_as_written(text)
    assert f"Environment=MODELFS_LIBRARY={tmp_path}/store\n" in text
    assert "bin/modelfs mount --foreground\n" in text
    *_, reload, enable, restart = fakery.calls()
    assert reload == "systemctl --user daemon-reload"
    assert enable == f"systemctl --user enable {BOTH}"
    assert restart == f"systemctl --user restart {BOTH}"


def test_nothing_is_done_without_being_asked(fakery: Fakery) -> None:
    refused = fakery.modelfs("service", "install", code=4)
    assert "install modelfs.service?" in refused.stderr and "--yes" in refused.stderr
    assert f"write   {fakery.units}/modelfs.service" in refused.stderr, "what it would do is shown"
    assert "run     systemctl --user daemon-reload" in refused.stderr
    shown = fakery.modelfs("service", "install", "--dry-run").stdout
    assert f"write   {fakery.units}/modelfs-scrub.timer" in shown and "WantedBy=" in shown
    assert not fakery.units.exists()
    assert not [call for call in fakery.calls() if "enable" in call]


def test_a_terminal_is_asked(program: Program) -> None:
    code, shown = program.on_terminal("service", "install", typed=b"n\n")
    assert code == 1
    assert "install modelfs.desktop? [y/N]" in shown and "nothing was changed" in shown


def test_uninstalling_takes_what_was_installed_and_nothing_else(fakery: Fakery) -> None:
    fakery.modelfs("service", "install", "--yes")
    (fakery.units / "other.service").write_text("[Service]\n")
    fakery.calls()
    assert fakery.modelfs("service", "uninstall", "--yes").stdout == "uninstalled modelfs.service\n"
    assert [path.name for path in fakery.units.iterdir()] == ["other.service"]
    end, reload = fakery.calls()[-2:]
    assert end == f"systemctl --user disable --now {BOTH}"
    assert reload == "systemctl --user daemon-reload"
    again = fakery.modelfs("service", "uninstall", "--yes")
    assert "nothing to uninstall" in again.stderr


@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_what_somebody_has_changed_is_not_touched_unasked(fakery: Fakery, verb: str) -> None:
    fakery.modelfs("service", "install", "--yes")
    unit = fakery.units / "modelfs.service"
    unit.write_text(unit.read_text() + "# mine\n")
    before = unit.read_text()
    refused = fakery.modelfs("service", verb, "--yes", code=4)
    assert str(unit) in refused.stderr and "--force" in refused.stderr
    assert unit.read_text() == before
    fakery.modelfs("service", verb, "--yes", "--force")
    assert unit.exists() == (verb == "install") and "# mine" not in "".join(
        path.read_text() for path in fakery.units.iterdir()
    )


def test_installing_again_brings_it_up_to_date(fakery: Fakery) -> None:
    fakery.modelfs("service", "install", "--yes")
    unit = fakery.units / "modelfs.service"
    new = unit.read_text()
    unit.write_text(units.stamped("[Service]\nExecStart=/an/older/modelfs mount\n"))
    fakery.modelfs("service", "install", "--yes")
    assert unit.read_text() == new


def test_what_systemd_refuses_is_told_in_its_words(fakery: Fakery) -> None:
    fakery.put("systemctl", 'case "$*" in *restart*) echo "Job failed." >&2; exit 1 ;; esac')
    failed = fakery.modelfs("service", "install", "--yes", code=1)
    assert "restart modelfs.service modelfs-scrub.timer: Job failed." in failed.stderr
    assert "modelfs service logs" in failed.stderr


def test_a_mount_by_hand_is_taken_away_first(fakery: Fakery) -> None:
    with open_library() as library:
        start(library, links=False)
        shown = fakery.modelfs("service", "install", "--dry-run").stdout
        assert shown.splitlines()[0].endswith("modelfs umount")
        stop(library, lazy=False)


def test_status_says_what_systemd_says(fakery: Fakery) -> None:
    bare = json.loads(fakery.modelfs("service", "status", "--json").stdout)
    assert bare["kind"] is None and bare["active"] is None and bare["mount"]["mounted"] is False
    fakery.modelfs("service", "install", "--yes")
    fakery.put(
        "systemctl",
        "printf 'ActiveState=failed\\nSubState=failed\\nResult=exit-code\\nMainPID=0\\n"
        "NRestarts=5\\nUnitFileState=enabled\\nStatusText=it said\\n'",
    )
    found = json.loads(fakery.modelfs("service", "status", "--json").stdout)
    assert (found["kind"], found["unit"]) == ("user", "modelfs.service")
    assert (found["active"], found["detail"], found["restarts"]) == ("failed", "exit-code", 5)
    assert found["pid"] is None and found["says"] == "it said"
    shown = fakery.modelfs("service", "status")
    assert "failed (exit-code)" in shown.stdout and "modelfs service logs" in shown.stderr


def test_logs_are_the_journals(fakery: Fakery) -> None:
    fakery.put("journalctl", "echo from the journal")
    fakery.modelfs("service", "install", "--yes")
    fakery.calls()
    assert fakery.modelfs("service", "logs", "-n", "7", "-f").stdout == "from the journal\n"
    assert fakery.calls()[-1] == "journalctl --user-unit=modelfs.service --lines=7 --follow"


def test_without_a_service_logs_are_the_mounts_own(fakery: Fakery, tmp_path: Path) -> None:
    assert "nothing was said" in fakery.modelfs("service", "logs").stderr
    (tmp_path / "store" / "mount.log").write_text("one\ntwo\nthree\n")
    assert fakery.modelfs("service", "logs", "--lines", "2").stdout == "two\nthree\n"


def test_options_that_contradict_each_other_are_refused(fakery: Fakery) -> None:
    assert (
        "give one of them"
        in fakery.modelfs("service", "install", "--user", "--system", code=2).stderr
    )
    assert "--system" in fakery.modelfs("service", "install", "--for", "root", code=2).stderr
    assert (
        "no user 'nobody-here'"
        in fakery.modelfs("service", "install", "--system", "--for", "nobody-here", code=2).stderr
    )


def test_without_systemd_the_desktop_mounts_it(program: Program, temporary_home: Path) -> None:
    entry = temporary_home / "xdg_config_home" / "autostart" / "modelfs.desktop"
    done = program.ok("service", "install", "--yes")
    assert "the desktop mounts it at login" in done.stderr
    try:
        text = entry.read_text()
        assert f"Exec=env MODELFS_LIBRARY={program.store} " in text
        assert text.splitlines()[1] == "[Desktop Entry]"
        wait_for(lambda: program.json("status")["mounted"], "it is mounted at once, too")
        assert program.json("service", "status")["kind"] == "autostart"
    finally:
        program.ok("service", "uninstall", "--yes")
    assert not entry.exists() and not program.json("status")["mounted"]


def test_without_systemd_there_is_no_service_of_the_machine(program: Program) -> None:
    refused = program("service", "install", "--system", "--for", "root", "--yes")
    assert refused.returncode == 2 and "no systemd runs here" in refused.stderr
