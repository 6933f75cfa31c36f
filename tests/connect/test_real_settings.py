"""Settings of every format: connecting changes only what is ours, disconnecting changes it back."""

import difflib
import json
import os
import tomllib
from pathlib import Path

import pytest
import yaml

from modelfs.connect import diff

from .conftest import Desk
from .samples import COMFY, COMFY_FILE, MOUNT, SAMPLES, Sample

each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)


def changed_lines(before: bytes, after: bytes) -> tuple[list[str], list[str]]:
    """Return the lines that went and those that came."""
    texts = [content.decode().split("\n") for content in (before, after)]
    lines = list(difflib.ndiff(*texts))
    return [x[2:] for x in lines if x[:2] == "- "], [x[2:] for x in lines if x[:2] == "+ "]


@each_sample
def test_only_ours_changes_and_all_of_it_goes_again(desk: Desk, sample: Sample) -> None:
    file = sample.install(desk)
    file.chmod(0o640)
    before = desk.everything()
    plan = desk.plan(sample.tool)
    assert desk.everything() == before, "a plan changes nothing"
    desk.connect(sample.tool)
    removed, added = changed_lines(sample.content, file.read_bytes())
    assert tuple(removed) == sample.removed
    assert set(sample.added) <= set(added)
    assert all(f"+{line}".rstrip("\r") in diff(plan) for line in sample.added)
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path for path in desk.everything() if path not in before] == []
    after = desk.everything()
    again = desk.connect(sample.tool)
    assert again.changes == () and again.already == (file,)
    assert desk.everything() == after
    back = desk.disconnect(sample.tool)
    assert back.warnings == ()
    assert desk.everything() == before
    assert desk.records() == []


@each_sample
def test_what_others_change_meanwhile_stays(desk: Desk, sample: Sample) -> None:
    file = sample.install(desk)
    desk.connect(sample.tool)
    old, new = sample.edited
    file.write_bytes(file.read_bytes().replace(old, new))
    plan = desk.disconnect(sample.tool)
    expected = sample.content.replace(old, new)
    assert [str(file) in warning for warning in plan.warnings] == [True]
    assert file.read_bytes().rstrip(b"\n") == expected.rstrip(b"\n")


@each_sample
def test_an_edit_between_two_connects_stays_too(desk: Desk, sample: Sample) -> None:
    file = sample.install(desk)
    desk.connect(sample.tool)
    old, new = sample.edited
    file.write_bytes(file.read_bytes().replace(old, new))
    moved = Desk(desk.machine, Path("/mnt/elsewhere"), desk.state)
    moved.connect(sample.tool)
    assert b"/mnt/elsewhere/by-tool" in file.read_bytes()
    assert moved.disconnect(sample.tool).warnings == ()
    assert file.read_bytes().rstrip(b"\n") == sample.content.replace(old, new).rstrip(b"\n")


@each_sample
def test_a_moved_mount_replaces_the_old_one(desk: Desk, sample: Sample) -> None:
    file = sample.install(desk)
    desk.connect(sample.tool)
    moved = Desk(desk.machine, Path("/mnt/elsewhere"), desk.state)
    moved.connect(sample.tool)
    content = file.read_bytes()
    assert b"/mnt/elsewhere/by-tool" in content
    assert MOUNT.encode() not in content
    moved.disconnect(sample.tool)
    assert file.read_bytes() == sample.content


@each_sample
def test_without_settings_they_are_made_and_taken_away(desk: Desk, sample: Sample) -> None:
    file = sample.install(desk)
    file.unlink()
    while file.parent != desk.home and not any(file.parent.iterdir()):
        file = file.parent
        file.rmdir()
    before = desk.everything()
    plan = desk.connect(sample.tool)
    assert len(plan.changes) == 1 and MOUNT in plan.changes[0].path.read_text()
    desk.disconnect(sample.tool)
    assert desk.everything() == before


@each_sample
def test_a_lost_record_still_lets_our_part_go(desk: Desk, sample: Sample) -> None:
    file = sample.install(desk)
    desk.connect(sample.tool)
    for record in (desk.state / "connections").glob("*.json"):
        record.unlink()
    plan = desk.disconnect(sample.tool)
    assert "there is no record of what was there before" in plan.warnings
    assert MOUNT.encode() not in file.read_bytes()


def test_the_formats_mean_what_they_should(desk: Desk) -> None:
    for sample in SAMPLES:
        content = sample.install(desk)
        desk.connect(sample.tool)
        text = content.read_text()
        if sample.file.endswith(".yaml"):
            section = yaml.safe_load(text)["modelfs"]
            assert section["base_path"] == f"{MOUNT}/comfyui"
            assert section["text_encoders"].split("\n") == ["text_encoders", "clip", ""]
        elif sample.tool in ("lmstudio", "sdnext", "fooocus"):
            assert MOUNT in str(json.loads(text))
        elif sample.tool == "kohya":
            assert tomllib.loads(text)["model"]["models_dir"] == f"{MOUNT}/kohya/models"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_and_the_attributes_stay(desk: Desk) -> None:
    file = SAMPLES[0].install(desk)
    os.chown(file, 1234, 1235)
    os.setxattr(file, "user.note", b"mine")
    for act in (desk.connect, desk.disconnect):
        act("comfyui")
        assert (file.stat().st_uid, file.stat().st_gid) == (1234, 1235)
        assert os.getxattr(file, "user.note") == b"mine"


def test_a_linked_settings_file_is_changed_where_it_is(desk: Desk) -> None:
    sample = SAMPLES[0]
    file = sample.install(desk)
    real = desk.home / "dotfiles" / "comfy.yaml"
    real.parent.mkdir()
    file.rename(real)
    file.symlink_to(real)
    desk.connect("comfyui")
    assert file.is_symlink() and b"modelfs:" in real.read_bytes()
    desk.disconnect("comfyui")
    assert file.is_symlink() and real.read_bytes() == sample.content


def test_a_link_to_settings_that_are_not_there_is_kept(desk: Desk) -> None:
    SAMPLES[0].install(desk).unlink()
    (desk.home / COMFY_FILE).symlink_to(desk.home / "later.yaml")
    desk.connect("comfyui")
    assert (desk.home / "later.yaml").is_file()
    desk.disconnect("comfyui")
    assert (desk.home / COMFY_FILE).is_symlink() and not (desk.home / "later.yaml").exists()


def test_a_tool_elsewhere_is_found_by_at(desk: Desk) -> None:
    place = desk.home / "apps" / "comfy"
    place.mkdir(parents=True)
    for name in COMFY:
        (place / Path(name).name).touch()
    desk.connect("comfyui", place)
    assert (place / "extra_model_paths.yaml").exists()
    desk.disconnect("comfyui")  # the record says where
    assert not (place / "extra_model_paths.yaml").exists()
