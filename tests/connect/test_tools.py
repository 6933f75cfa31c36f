"""The data of the tools: all of them can be connected or say how, and what is there is found."""

import os
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from modelfs.connect import (
    Shown,
    docker_lines,
    found_tools,
    hand_lines,
    load_tools,
    tool_named,
)
from modelfs.connect.tool import parse_tool
from modelfs.errors import BadInput
from modelfs.layouts import load_layouts

from .conftest import Desk
from .samples import COMFY, SAMPLES

GENERATOR = Path("/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator")
ENVIRONMENT_TOOLS = [
    tool.name
    for tool in load_tools().values()
    if tool.ways and tool.ways[-1].changes[0]["kind"] == "environment"
]


def install(desk: Desk, tool: str) -> None:
    """Put the first usual folder of a tool on the machine."""
    find = tool_named(tool).find
    if find.folders:
        folder = desk.machine.path(find.folders[0])
        folder.mkdir(parents=True, exist_ok=True)
        for name in find.holds:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()


@pytest.mark.parametrize("tool", load_tools())
def test_every_tool_is_connected_and_back_or_says_how(desk: Desk, tool: str) -> None:
    install(desk, tool)
    before = desk.everything()
    plan = desk.connect(tool)
    owner = load_tools()[tool].through or tool
    assert plan.tool == owner
    assert bool(plan.changes) != bool(plan.paste)
    assert str(desk.folder(owner)) in str(desk.everything()) + str(
        plan.paste
    ) or "path MODEL" in str(plan.paste)
    assert desk.connect(tool).changes == ()
    desk.disconnect(tool)
    assert desk.everything() == before


@pytest.mark.parametrize("tool", load_tools())
def test_every_tool_has_lines_for_hands_and_for_containers(desk: Desk, tool: str) -> None:
    assert "".join(text for _, text in hand_lines(tool, desk.machine, desk.mountpoint)).strip()
    lines, notes = docker_lines(tool, desk.machine, Shown(desk.mountpoint))
    above = desk.mountpoint.parent
    assert lines[0] == (
        f"--mount type=bind,src={above},dst={above},readonly,bind-propagation=rslave"
    )
    assert any("allow_other" in note for note in notes)


def test_the_data_names_only_what_there_is() -> None:
    for tool in load_tools().values():
        assert not tool.through or load_tools()[tool.through].ways
        assert tool.ways or tool.paste or tool.through


def test_every_tool_with_a_folder_is_known_here_under_the_same_name() -> None:
    assert {layout.tool for layout in load_layouts()} <= set(load_tools())


def test_the_folders_that_tools_are_pointed_at_are_shown_to_them() -> None:
    for layout in load_layouts():
        shown = {"/".join(folder) for folder in layout.folders}
        shown |= {"/".join(rule.folder) for rule in layout.rules}
        text = resources.files("modelfs.connect.tools").joinpath(f"{layout.tool}.toml").read_text()
        for below in re.findall(r"\{folder\}/([\w/-]+)(?![\w.])", text):
            assert any(f"{each}/".startswith(f"{below}/") for each in shown), (layout.tool, below)


def test_wrong_data_is_named() -> None:
    for text, told in (
        ("titel = 1", "titel"),
        ("[[way]]\n[[way.change]]\nkind = 'magic'", "magic"),
        ("[[way]]\n[[way.change]]\nkind = 'link'\nvalue = 1", "value"),
        ("= =", "x: "),
    ):
        with pytest.raises(BadInput, match=told):
            parse_tool("x", text)


@pytest.mark.skipif(not GENERATOR.exists(), reason="systemd is not installed")
@pytest.mark.parametrize("tool", ENVIRONMENT_TOOLS)
def test_systemd_reads_what_was_meant(desk: Desk, tool: str) -> None:
    blanks = Desk(desk.machine, Path("/home/ada/meine Modelle #1 (ü)"), desk.state)
    blanks.connect(tool)
    done = subprocess.run(
        [GENERATOR],
        env={"HOME": str(desk.home), "XDG_CONFIG_HOME": str(desk.home / ".config")},
        capture_output=True,
        text=True,
        check=True,
    )
    folder = blanks.folder(tool)
    assert any(
        f"={folder}" in line.replace("\\", "").replace('"', "").replace("$'", "").replace("'", "")
        for line in done.stdout.splitlines()
    ), done.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_drop_in_is_a_unit_that_systemd_understands(desk: Desk) -> None:
    units = desk.machine.root / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "ollama.service").write_text("[Service]\nExecStart=/bin/true\n")
    desk.connect("ollama")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={desk.machine.root}", "ollama.service"],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"},
        capture_output=True,
        text=True,
    )
    assert "modelfs.conf" not in done.stderr, done.stderr
    text = (units / "ollama.service.d/modelfs.conf").read_text()
    assert f'Environment="OLLAMA_MODELS={desk.folder("ollama")}"' in text


def test_ollama_is_told_where_it_runs(desk: Desk) -> None:
    assert desk.plan("ollama").changes[0].path == (
        desk.home / ".config/environment.d/50-modelfs-ollama.conf"
    )
    unit = desk.home / ".config/systemd/user/ollama.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    assert desk.plan("ollama").changes[0].path == Path(f"{unit}.d/modelfs.conf")
    system = desk.machine.root / "etc/systemd/system/ollama.service"
    system.parent.mkdir(parents=True)
    system.touch()
    plan = desk.plan("ollama")
    assert plan.changes[0].path == Path(f"{system}.d/modelfs.conf")
    assert any("allow_other" in note for note in plan.notes)


def test_an_own_line_in_our_file_survives(desk: Desk) -> None:
    desk.connect("ollama")
    file = desk.home / ".config/environment.d/50-modelfs-ollama.conf"
    file.write_text(file.read_text() + "OLLAMA_HOST=0.0.0.0\n")
    assert desk.connect("ollama").changes == ()
    desk.disconnect("ollama")
    assert file.read_text() == "OLLAMA_HOST=0.0.0.0\n"


def test_what_is_on_the_machine_is_found(desk: Desk) -> None:
    assert found_tools(desk.machine, desk.mountpoint) == []
    for part in COMFY:
        (desk.home / part).parent.mkdir(parents=True, exist_ok=True)
        (desk.home / part).touch()
    (desk.home / "ComfyUI/comfyui_version.py").write_text('# x\n__version__ = "0.3.62"\n')
    (desk.home / ".local/lib/python3.11/site-packages/vllm-0.9.1.dist-info").mkdir(parents=True)
    program = desk.home / "bin/koboldcpp"
    program.parent.mkdir()
    program.touch()
    program.chmod(0o755)
    comfyui, koboldcpp, vllm = found_tools(desk.machine, desk.mountpoint)
    assert (comfyui.name, comfyui.at, comfyui.version, comfyui.connected) == (
        "comfyui", desk.home / "ComfyUI", "0.3.62", False,
    )  # fmt: skip
    assert (koboldcpp.at, koboldcpp.connected) == (program, None)
    assert (vllm.version, vllm.through, vllm.connected) == ("0.9.1", "huggingface", False)
    desk.connect("comfyui")
    desk.connect("vllm")
    found = {tool.name: tool.connected for tool in found_tools(desk.machine, desk.mountpoint)}
    assert found == {"comfyui": True, "koboldcpp": None, "vllm": True}
    elsewhere = found_tools(desk.machine, Path("/mnt/elsewhere"))
    assert not any(tool.connected for tool in elsewhere), "it points at another mount"


def test_a_broken_settings_file_hides_no_tool(desk: Desk) -> None:
    sample = SAMPLES[0]
    sample.install(desk).write_bytes(b"[")
    (tool,) = found_tools(desk.machine, desk.mountpoint)
    assert (tool.name, tool.connected) == ("comfyui", False)
