"""Draw docs/session.svg from a real session: ``python docs/session.py FOLDER_WITH_MODELS``.

Runs the installed ``modelfs`` on a temporary library with a real mount and records what it prints.
"""

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 100
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
COMMANDS = [
    "modelfs add ~/Downloads --tag favourites",
    "modelfs add ~/ComfyUI/models",
    "modelfs ls",
    "modelfs mount",
    "ls ~/AI/models/by-tool/comfyui/loras ~/AI/models/by-category/language/llm",
    "du -sh ~/AI/models",
]


def main(models: Path) -> None:
    """Run the session in a home of its own and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "Downloads").symlink_to(models / "Downloads")
        (home / "ComfyUI").symlink_to(models / "ComfyUI")
        environment = {
            "HOME": folder,
            "PATH": os.environ["PATH"],
            "COLUMNS": str(COLUMNS),
            "FORCE_COLOR": "1",
            "TERM": "xterm-256color",
        }
        _run("modelfs init", environment)
        try:
            shown = [(command, _run(command, environment)) for command in COMMANDS]
        finally:
            _run("modelfs umount --lazy", environment)
    _draw(shown, folder)


def _run(command: str, environment: dict[str, str]) -> str:
    words = [word.replace("~", environment["HOME"]) for word in shlex.split(command)]
    done = subprocess.run(
        words,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
    )
    return done.stdout


def _settled(output: str) -> str:
    """Return what stays on the screen: without the progress bars and what they leave blank."""
    lines = [line for line in output.splitlines() if "\u2501" not in line]
    return "\n".join(line for line in lines if _CONTROL.sub("", line).strip())


def _draw(shown: list[tuple[str, str]], home: str) -> None:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for command, output in shown:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        console.print(Text.from_ansi(_settled(output).replace(home, "~")))
        console.print()
    picture = console.export_svg(title="modelfs")
    # No picture should ask another host for its font.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    picture = picture.replace("Fira Code, monospace", "DejaVu Sans Mono, Menlo, monospace")
    (Path(__file__).parent / "session.svg").write_text(picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
