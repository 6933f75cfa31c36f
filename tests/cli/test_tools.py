"""The tools that have a folder in the mount, and layouts of one's own."""

from pathlib import Path

from core.conftest import write
from identify.builders import gguf

from .conftest import Program

LLAMA = gguf({"general.architecture": "llama"}, [("output.weight", (32, 32), 0)], data_bytes=4096)


def test_tools_are_listed_with_what_they_see(program: Program) -> None:
    program.ok("add", str(write(program.originals / "tiny.gguf", LLAMA)))
    seen = {each["tool"]: each for each in program.json("tools")}
    assert seen["llama.cpp"]["models"] == 1
    assert seen["llama.cpp"]["folder"].endswith("/by-tool/llama.cpp")
    assert "comfyui" not in seen, "it sees no language model"
    everything = program.json("tools", "--all")
    assert {"comfyui", "ollama"} <= {each["tool"] for each in everything}


def test_a_layout_is_checked_by_line(program: Program) -> None:
    good = '[[rule]]\nfolder = "x"\ncategories = ["language/llm"]\n'
    file = write(program.originals / "mine.toml", good.encode())
    assert program("tools", "check", str(file)).stdout == "mine: mine, 1 rule, 1 folder\n"
    for text, said in (
        (good + 'shape = "round"\n', "line 4, rule 1: 'shape'"),
        (good.replace("llm", "lmm"), "line 3, rule 1: there is no category"),
        (good + 'name = "{nmae}"\n', "line 4, rule 1"),
        ("= =", "mine.toml"),
    ):
        result = program("tools", "check", str(write(file, text.encode())))
        assert result.returncode == 2
        assert said in result.stderr, result.stderr
        assert "Traceback" not in result.stderr


def test_a_layout_of_ones_own_is_a_folder_of_the_mount(program: Program, tmp_path: Path) -> None:
    text = b'[[rule]]\nfolder = "{publisher}"\ncategories = ["language/llm"]\n'
    write(tmp_path / "settings" / "modelfs" / "layouts" / "mine.toml", text)
    here = {"XDG_CONFIG_HOME": str(tmp_path / "settings")}
    program.ok("add", str(write(program.originals / "tiny.gguf", LLAMA)))
    path = program.ok("path", "tiny.gguf", "--tool", "mine", **here).stdout.strip()
    assert path.endswith("/by-tool/mine/local/tiny.gguf")
    missing = program("path", "tiny.gguf", "--tool", "nobody", **here)
    assert missing.returncode == 3
