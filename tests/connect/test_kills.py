"""Killed at any step, connecting and disconnecting leave what disconnecting makes whole again."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelfs.connect import apply

from .conftest import Desk
from .samples import SAMPLES


class Killed(BaseException):
    """The end of a process, for the code in it."""


STEPS: tuple[tuple[object, str], ...] = (
    (os, "rename"),
    (os, "fsync"),
    (os, "write"),
    (os, "symlink"),
    (os, "fchmod"),
    (os, "ftruncate"),
    (Path, "unlink"),
    (Path, "rmdir"),
    (Path, "mkdir"),
    (Path, "chmod"),
)


@contextmanager
def killed_at(step: int) -> Iterator[list[int]]:
    """Let the process die at its n-th step: from then on nothing of it reaches the disk."""
    count = [0]
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in STEPS:
            patch.setattr(owner, name, _counted(getattr(owner, name), count, step))
        yield count


def _counted(real: Callable[..., object], count: list[int], step: int) -> Callable[..., object]:
    def call(*arguments: object, **options: object) -> object:
        count[0] += 1
        if count[0] >= step:
            raise Killed
        return real(*arguments, **options)

    return call


def prepare_comfyui(desk: Desk) -> None:
    SAMPLES[0].install(desk)


def prepare_drop_in(desk: Desk) -> None:
    unit = desk.machine.root / "etc/systemd/system/ollama.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nUser=ollama\n")


def prepare_links(desk: Desk) -> None:
    (desk.home / ".config/Subtitle Edit/SpeechToText/Cpp/Models").mkdir(parents=True, mode=0o750)


def prepare_other_link(desk: Desk) -> None:
    (desk.home / ".cache").mkdir()
    (desk.home / ".cache/whisper").symlink_to("/data/whisper")


CASES = {
    "comfyui": prepare_comfyui,
    "ollama": prepare_drop_in,
    "subtitle-edit": prepare_links,
    "whisper": prepare_other_link,
}


def die(desk: Desk, tool: str, verb: str, step: int) -> bool:
    """Connect or disconnect, dying at a step; say whether that step was reached."""
    plan = desk.plan(tool) if verb == "connect" else desk.plan_back(tool)
    with killed_at(step) as count:
        try:
            apply(plan, desk.state)
        except Killed:
            return True
    assert count[0] > 5, "the steps of the work are counted"
    return False


@pytest.mark.parametrize("tool", CASES)
@pytest.mark.parametrize("verb", ["connect", "disconnect"])
@pytest.mark.parametrize("then_connects", [False, True])
def test_a_kill_leaves_what_disconnect_restores(
    tmp_path: Path, tool: str, verb: str, then_connects: bool
) -> None:
    step = 0
    was_killed = True
    while was_killed:
        step += 1
        desk = _fresh(tmp_path / str(step))
        CASES[tool](desk)
        before = desk.everything()
        if verb == "disconnect":
            desk.connect(tool)
        was_killed = die(desk, tool, verb, step)
        if then_connects:
            desk.connect(tool)
            assert desk.plan(tool).changes == ()
        warnings = desk.disconnect(tool).warnings
        assert warnings == (), f"killed at step {step}"
        assert desk.everything() == before, f"killed at step {step}"
        assert desk.records() == []


def test_a_file_is_the_old_or_the_new_one_whenever_it_dies(tmp_path: Path) -> None:
    sample, step, was_killed = SAMPLES[0], 0, True
    seen = set()
    while was_killed:
        step += 1
        desk = _fresh(tmp_path / str(step))
        file = sample.install(desk)
        was_killed = die(desk, "comfyui", "connect", step)
        seen.add(file.read_bytes())
        if file.read_bytes() != sample.content:
            assert desk.records() == ["comfyui.json"], "the record is there first"
    assert len(seen) == 2 and sample.content in seen


@pytest.mark.parametrize("tool", CASES)
def test_an_error_on_the_way_changes_nothing(tmp_path: Path, tool: str) -> None:
    """A disk that fails at one call, and works again."""
    step, failed = 0, True
    while failed:
        step += 1
        desk = _fresh(tmp_path / str(step))
        CASES[tool](desk)
        before = desk.everything()
        plan = desk.plan(tool)
        failed = _fails(plan, desk, step)
        if failed:
            assert desk.everything() == before, f"an error at step {step}"
        desk.disconnect(tool)
        assert desk.everything() == before, f"an error at step {step}"


def _fails(plan: object, desk: Desk, step: int) -> bool:
    count = [0]
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((os, "rename"), (os, "fsync"), (os, "write"), (os, "symlink")):
            patch.setattr(owner, name, _failing(getattr(owner, name), count, step))
        try:
            apply(plan, desk.state)  # type: ignore[arg-type]
        except OSError:
            return True
    return False


def _failing(real: Callable[..., object], count: list[int], step: int) -> Callable[..., object]:
    def call(*arguments: object, **options: object) -> object:
        count[0] += 1
        if count[0] == step:
            raise OSError(28, "No space left on device")
        return real(*arguments, **options)

    return call


def _fresh(folder: Path) -> Desk:
    from modelfs.connect import Machine

    home, root = folder / "home", folder / "root"
    home.mkdir(parents=True)
    root.mkdir()
    machine = Machine(home, {"PATH": str(home / "bin")}, root)
    return Desk(machine, Path("/home/ada/AI/models"), folder / "state")
