"""What would be done, as values."""

from dataclasses import replace
from pathlib import Path

import pytest

from modelfs.errors import BadInput, Refused
from modelfs.service import plan as plans
from modelfs.service import units
from modelfs.service.machine import Machine
from modelfs.service.plan import plan_install, plan_uninstall


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(plans, "SYSTEM_UNITS", tmp_path / "etc")
    program = tmp_path / "my programs" / "modelfs"
    program.parent.mkdir()
    program.touch()
    return Machine(
        user="ada",
        home=tmp_path / "ada",
        config=tmp_path / "ada" / ".config",
        command=(str(program),),
        parts=(program,),
        environment={"MODELFS_LIBRARY": "/models 100%"},
        is_root=True,
        has_systemd=True,
        has_user_manager=True,
    )


def written(plan: plans.Plan) -> dict[str, str]:
    return {path.name: text for path, text in plan.write}


def carry_out(plan: plans.Plan) -> None:
    for path, text in plan.write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_of_the_system_each_user_has_units_of_ones_own(machine: Machine, tmp_path: Path) -> None:
    plan = plan_install(machine, "system")
    names = ["modelfs@ada.service", "modelfs-scrub@ada.service", "modelfs-scrub@ada.timer"]
    assert [path for path, _ in plan.write] == [tmp_path / "etc" / name for name in names]
    start, timer = names[0], names[2]
    assert plan.then == (
        ("systemctl", "daemon-reload"),
        ("systemctl", "enable", start, timer),
        ("systemctl", "restart", start, timer),
    )


def test_words_are_quoted_as_systemd_reads_them(machine: Machine) -> None:
    text = written(plan_install(machine, "user"))["modelfs.service"]
    assert f'ExecStart="{machine.command[0]}" mount --foreground\n' in text
    assert 'Environment="MODELFS_LIBRARY=/models 100%%"\n' in text


def test_words_are_quoted_as_a_desktop_reads_them(machine: Machine) -> None:
    bare = replace(machine, has_user_manager=False, environment={"A": 'a "b" $c `d` 1%'})
    (text,) = written(plan_install(bare, "user")).values()
    (line,) = [line for line in text.splitlines() if line.startswith("Exec=")]
    quoted = r'"A=a \\"b\\" \\$c \\`d\\` 1%%"'
    assert line == f'Exec=env {quoted} "{machine.command[0]}" mount'


def test_a_mount_by_hand_is_unmounted_by_its_user(machine: Machine) -> None:
    ((*words,),) = plan_install(machine, "system", is_mounted=True).first
    assert words[:7] == ["runuser", "-u", "ada", "--", "env", "-i", f"HOME={machine.home}"]
    assert words[-2:] == [machine.command[0], "umount"]
    assert plan_install(machine, "user", is_mounted=True).first == ((*machine.command, "umount"),)
    assert plan_install(machine, "user").first == ()


def test_there_is_one_service_at_a_time(machine: Machine) -> None:
    carry_out(plan_install(machine, "user"))
    with pytest.raises(Refused, match="already") as refused:
        plan_install(machine, "system")
    assert "uninstall --user" in refused.value.hint
    plan_install(machine, "user")


def test_one_copied_by_hand_is_not_replaced_unasked(machine: Machine) -> None:
    machine.user_units.mkdir(parents=True)
    (machine.user_units / "modelfs.service").write_text("[Service]\n")
    with pytest.raises(Refused, match="another's"):
        plan_install(machine, "user")
    assert plan_install(machine, "user", force=True).write
    with pytest.raises(Refused, match="another's"):
        plan_uninstall(machine, "user")


def test_uninstalling_names_exactly_what_is_there(machine: Machine) -> None:
    assert plan_uninstall(machine, "user").remove == ()
    assert plan_uninstall(machine, "user").first == ()
    plan = plan_install(machine, "user")
    carry_out(plan)
    going = plan_uninstall(machine, "user")
    assert going.remove == tuple(path for path, _ in plan.write)
    (machine.user_units / units.TIMER).unlink()
    assert len(plan_uninstall(machine, "user").remove) == 2


def test_without_a_manager_of_the_users_own_the_desktop_does_it(machine: Machine) -> None:
    bare = replace(machine, has_user_manager=False)
    plan = plan_install(bare, "user")
    assert plan.kind == "autostart" and plan.then == ((*machine.command, "mount"),)
    assert "no systemd of yours answers" in plan.warnings[0]
    carry_out(plan)
    assert plan_uninstall(bare, "autostart").first == ((*machine.command, "umount"),)
    with pytest.raises(BadInput, match="no systemd"):
        plan_install(replace(bare, has_systemd=False), "system")


def test_a_program_that_its_user_can_change_is_warned_of(machine: Machine, tmp_path: Path) -> None:
    mine = Path("/usr/bin/env")
    assert plan_install(replace(machine, parts=(mine,)), "system").warnings == ()
    machine.parts[0].parent.chmod(0o777)
    (warning,) = plan_install(machine, "system").warnings
    assert f"ada can change {tmp_path}/my programs" in warning and "root" in warning
    assert plan_install(machine, "user").warnings == ()
