"""``modelfs connect`` and ``disconnect`` as a person runs them."""

from pathlib import Path

import pytest

from cli.conftest import Program, program

__all__ = ["program"]

SETTINGS = '# mine\nother:\n  base_path: "/data"\n'


@pytest.fixture
def settings(temporary_home: Path) -> Path:
    """ComfyUI in the home, with settings."""
    folder = temporary_home / "ComfyUI"
    folder.mkdir()
    for name in ("main.py", "folder_paths.py"):
        (folder / name).touch()
    file = folder / "extra_model_paths.yaml"
    file.write_text(SETTINGS)
    return file


def test_it_shows_asks_changes_and_takes_back(program: Program, settings: Path) -> None:
    shown = program.ok("connect", "comfyui", "--dry-run").stdout
    assert f"+++ {settings}" in shown and "+modelfs:" in shown
    assert settings.read_text() == SETTINGS
    refused = program("connect", "comfyui")
    assert refused.returncode == 4 and "--yes" in refused.stderr
    assert settings.read_text() == SETTINGS
    code, shown = program.on_terminal("connect", "comfyui", typed=b"y\n")
    assert code == 0 and "+modelfs:" in shown and "connected ComfyUI" in shown
    assert f'  base_path: "{program.mountpoint}/by-tool/comfyui"\n' in settings.read_text()
    assert "already" in program.ok("connect", "comfyui").stdout, "nothing to ask"
    code, shown = program.on_terminal("disconnect", "comfyui", typed=b"n\n")
    assert code == 1 and "-modelfs:" in shown
    assert "disconnected ComfyUI" in program.ok("disconnect", "comfyui", "--yes").stdout
    assert settings.read_text() == SETTINGS
    assert "not connected" in program.ok("disconnect", "comfyui", "--yes").stdout


def test_json_is_one_document(program: Program, settings: Path) -> None:
    planned = program.json("connect", "comfyui", "--dry-run")
    assert planned["changes"] == [{"path": str(settings), "kind": "file"}]
    assert not planned["applied"] and "+modelfs:" in planned["diff"]
    assert program.json("connect", "comfyui", "--yes")["applied"]
    assert program.json("connect", "comfyui")["already"] == [str(settings)]
    assert program.json("disconnect", "comfyui", "--yes")["changes"]
    printed = program.json("connect", "ollama", "--print")
    assert printed[0]["file"].endswith("50-modelfs-ollama.conf")
    assert program.json("connect", "ollama", "--docker")["lines"][0].startswith("--mount ")


def test_printing_changes_nothing(program: Program, settings: Path) -> None:
    text = program.ok("connect", "comfyui", "--print").stdout
    assert f"# in {settings}:" in text and "\nmodelfs:\n" in text
    assert "readonly,bind-propagation=rslave" in program.ok("connect", "ollama", "--docker").stdout
    assert str(program.store / "blobs") not in program.ok("connect", "ollama", "--docker").stdout
    program.ok("config", "read_path=links", "allow_other=true")
    linked = program.ok("connect", "ollama", "--docker")
    assert f"src={program.store}/blobs,dst={program.store}/blobs,readonly\n" in linked.stdout
    assert "given that too" in linked.stderr and "allow_other" not in linked.stderr
    assert "--admindir" in program.ok("connect", "koboldcpp").stdout
    assert settings.read_text() == SETTINGS


def test_errors_are_lines_with_their_codes(program: Program, settings: Path) -> None:
    settings.write_text("[")
    for words, code in (
        (["connect", "nope"], 3),
        (["connect", "comfyui", "--at", "/nowhere"], 3),
        (["connect", "comfyui", "--yes"], 2),
        (["connect", "ollama", "--print", "--docker"], 2),
        (["disconnect", "nope"], 3),
    ):
        done = program(*words)
        assert done.returncode == code, done.stderr
        assert done.stderr.startswith("modelfs: ") and len(done.stderr.splitlines()) <= 2
    assert settings.read_text() == "["
