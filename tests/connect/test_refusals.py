"""What cannot be done is said in one clear line, and nothing is changed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelfs.connect import apply
from modelfs.errors import BadInput, Failed, ModelfsError, NotFound, Refused

from .conftest import Desk
from .samples import SAMPLES

BY_TOOL = {sample.tool: sample for sample in reversed(SAMPLES)}


def refused(desk: Desk, tool: str, kind: type[ModelfsError], at: Path | None = None) -> str:
    """Expect an error of this kind, one line long, and nothing changed; return the line."""
    before = desk.everything()
    with pytest.raises(kind) as caught:
        desk.connect(tool, at)
    assert desk.everything() == before
    assert desk.records() == []
    assert type(caught.value) is kind and "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("tool", "content", "told"),
    [
        ("lmstudio", b'{"a": 1,}', "not valid JSON, line 1"),
        ("lmstudio", b"[]", "no JSON object"),
        ("lmstudio", b"\xff\xfe{", "not UTF-8"),
        ("comfyui", b"a: [\nb: }", "not valid YAML, line"),
        ("comfyui", b"- one\n- two\n", "no named sections"),
        ("kohya", b"[model\n", "not valid"),
        ("kohya", b"model = 3\n", "no section"),
        ("gpt4all", b"[General]\n=x\n", "not valid"),
        ("swarmui", b"Paths: none\n", "no section"),
    ],
)
def test_broken_settings_are_named(desk: Desk, tool: str, content: bytes, told: str) -> None:
    file = BY_TOOL[tool].install(desk)
    file.write_bytes(content)
    kind = Refused if content == b"model = 3\n" else BadInput
    message = refused(desk, tool, kind)
    assert message.startswith(f"{file}: ") and told in message


@pytest.mark.parametrize(
    ("tool", "content", "told"),
    [
        ("comfyui", b"modelfs:\n  base_path: /mine\n", "did not write"),
        ("comfyui", b"# >>> modelfs connect: modelfs disconnect takes these lines out\n", "pair"),
        ("comfyui", b"{a: 1}\n", "no place"),
        ("kohya", b"model.x = 1\n", "no place"),
        ("kohya", b"[model]\nmodels_dir = 3\n", "no text on one line"),
        ("fooocus", b'{"path_loras": 3}', "neither a text nor a list"),
    ],
)
def test_others_entries_are_not_touched(desk: Desk, tool: str, content: bytes, told: str) -> None:
    BY_TOOL[tool].install(desk).write_bytes(content)
    assert told in refused(desk, tool, Refused)


def test_a_file_of_our_name_that_is_not_ours_stays(desk: Desk) -> None:
    file = desk.home / ".config/environment.d/50-modelfs-vosk.conf"
    file.parent.mkdir(parents=True)
    file.write_text("VOSK_MODEL_PATH=/mine\n")
    assert "somebody else" in refused(desk, "vosk", Refused)


def test_unknown_tools_and_places_are_not_found(desk: Desk) -> None:
    assert "there is no tool 'comfy'" in refused(desk, "comfy", NotFound)
    assert str(desk.home / "ComfyUI") in refused(desk, "comfyui", NotFound)
    for tool in ("lmstudio", "gpt4all", "kdenlive"):
        assert "not on this machine" in refused(desk, tool, NotFound)
    assert "no main.py" in refused(desk, "comfyui", NotFound, desk.home)
    assert "no such folder" in refused(desk, "comfyui", NotFound, desk.home / "nowhere")


@pytest.mark.parametrize("character", ["\n", '"', "'", "$", ";", "%", "\\"])
def test_a_mountpoint_that_settings_cannot_hold(desk: Desk, character: str) -> None:
    odd = Desk(desk.machine, Path(f"/home/a{character}b"), desk.state)
    for tool in ("vosk", "whisper"):
        assert "cannot hold" in refused(odd, tool, BadInput)


def test_a_folder_with_something_in_it_is_never_replaced(desk: Desk) -> None:
    model = desk.home / ".cache/whisper/tiny.pt"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"weights")
    assert "is not empty" in refused(desk, "whisper", Refused)
    model.unlink()
    desk.connect("whisper")
    assert os.readlink(model.parent) == str(desk.folder("whisper"))
    desk.disconnect("whisper")
    assert model.parent.is_dir() and not model.parent.is_symlink()


def test_a_file_in_the_place_of_a_link_stays(desk: Desk) -> None:
    (desk.home / ".cache").mkdir()
    (desk.home / ".cache/whisper").write_text("?")
    assert "is a file" in refused(desk, "whisper", Refused)


def test_something_that_came_into_the_folder_after_the_plan_stays(desk: Desk) -> None:
    folder = desk.home / ".cache/whisper"
    folder.mkdir(parents=True)
    plan = desk.plan("whisper")
    (folder / "tiny.pt").write_bytes(b"weights")
    with pytest.raises(Refused):
        apply(plan, desk.state)
    assert (folder / "tiny.pt").read_bytes() == b"weights" and desk.records() == []


def test_our_link_that_became_a_folder_stays(desk: Desk) -> None:
    desk.connect("whisper")
    folder = desk.home / ".cache/whisper"
    folder.unlink()
    folder.mkdir()
    (folder / "tiny.pt").write_bytes(b"weights")
    plan = desk.disconnect("whisper")
    assert plan.changes == () and "was changed since" in plan.warnings[0]
    assert (folder / "tiny.pt").exists() and desk.records() == []


def test_a_settings_file_that_is_a_folder(desk: Desk) -> None:
    file = BY_TOOL["lmstudio"].install(desk)
    file.unlink()
    file.mkdir()
    assert "is not a file" in refused(desk, "lmstudio", BadInput)


def test_a_plan_is_not_applied_to_what_has_changed(desk: Desk) -> None:
    file = BY_TOOL["lmstudio"].install(desk)
    plan = desk.plan("lmstudio")
    file.write_bytes(b"{}")
    with pytest.raises(Refused, match="has changed meanwhile"):
        apply(plan, desk.state)
    assert file.read_bytes() == b"{}" and desk.records() == []
    desk.connect("lmstudio")
    back = desk.plan_back("lmstudio")
    desk.disconnect("lmstudio")
    with pytest.raises(Refused, match="meanwhile"):
        apply(back, desk.state)


@pytest.fixture
def nobody(desk: Desk) -> Iterator[None]:
    """Be another user than the owner of everything but where connections are remembered."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    desk.state.mkdir()
    os.chown(desk.state, 65534, 65534)
    folder = desk.home
    while folder != Path("/"):
        if folder.stat().st_uid == 0 and folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o055)
        folder = folder.parent
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_cannot_be_written_is_not_half_done(
    desk: Desk, request: pytest.FixtureRequest
) -> None:
    BY_TOOL["comfyui"].install(desk)
    unit = desk.machine.root / "etc/systemd/system/ollama.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    request.getfixturevalue("nobody")
    for tool in ("comfyui", "ollama"):
        assert "cannot be written" in refused(desk, tool, Failed)


def test_a_record_that_cannot_be_read_stops_everything(desk: Desk) -> None:
    desk.connect("vosk")
    (desk.state / "connections/vosk.json").write_text('{"tool": "vosk"}')
    before = desk.everything()
    for act in (desk.connect, desk.disconnect):
        with pytest.raises(Failed, match="record"):
            act("vosk")
    assert desk.everything() == before


def test_disconnecting_what_is_not_connected_changes_nothing(desk: Desk) -> None:
    BY_TOOL["lmstudio"].install(desk)
    before = desk.everything()
    plan = desk.disconnect("lmstudio")
    assert plan.changes == () and desk.everything() == before


def test_marks_that_were_broken_since_stop_disconnecting(desk: Desk) -> None:
    file = BY_TOOL["comfyui"].install(desk)
    desk.connect("comfyui")
    file.write_bytes(file.read_bytes().replace(b"# <<< modelfs connect\n", b""))
    before = desk.everything()
    with pytest.raises(Refused, match="do not pair"):
        desk.disconnect("comfyui")
    assert desk.everything() == before and desk.records() == ["comfyui.json"]
