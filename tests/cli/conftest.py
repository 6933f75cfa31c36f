"""The program as a person runs it: a process of its own on a library in a temporary folder."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelfs.catalog.database import Catalog
from modelfs.library import Library, create_library, describe, open_library, select
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add

from .model_files import write_gguf, write_lora

COMMAND = [sys.executable, "-m", "modelfs"]
DEADLINE_S = 20.0
ESCAPE = re.compile(r"\x1b")

SMALL = "SmolLM2-135M-Instruct-Q4_K_M.gguf"
LONG = "DeepSeek-R1-Distill-Qwen-32B-Instruct-abliterated-uncensored-imatrix-v2.1-Q5_K_S.gguf"
MARKUP = "[red]loud[bold] name.gguf"
BLANKS = "my own model.gguf"
LORA = "detail_tweaker_xl.safetensors"


@dataclass(frozen=True)
class Program:
    """Runs modelfs on one library."""

    store: Path
    mountpoint: Path
    originals: Path

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it without a terminal: closed input, both outputs captured."""
        return subprocess.run(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            env={**os.environ, **environment},
        )

    def ok(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it and expect success."""
        done = self(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run it with ``--json`` and return the one document that stdout must be."""
        done = self(*arguments, "--json")
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def drawn(self, *arguments: str, columns: int) -> str:
        """Return what it would draw on a plain terminal of this width."""
        return self.ok(*arguments, COLUMNS=str(columns), FORCE_COLOR="1", NO_COLOR="1").stdout

    def on_terminal(
        self, *arguments: str, typed: bytes | signal.Signals, at: bytes = b"[y/N] "
    ) -> tuple[int, str]:
        """Run it on a terminal; type an answer to its question, or send it a signal there.

        ``at`` is what it shows when the moment for that has come.

        Returns the exit code and all that was shown.
        """
        main_end, terminal = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=_take_terminal,
            env={**os.environ, "COLUMNS": "100", "TERM": "xterm", "NO_COLOR": "1"},
        )
        os.close(terminal)
        try:
            shown = _converse(
                main_end,
                lambda: (
                    os.write(main_end, typed)
                    if isinstance(typed, bytes)
                    else process.send_signal(typed)
                ),
                at,
            )
        finally:
            os.close(main_end)
        return process.wait(DEADLINE_S), shown

    def open(self) -> Library:
        return open_library(self.store)

    def add(self, *sources: Path, **options: object) -> None:
        """Add files within this process, which costs no start."""
        with self.open() as library:
            plan = plan_add(library, list(map(str, sources)), AddOptions(**options))  # type: ignore[arg-type]
            list(add(library, plan))

    def model(self, name: str) -> dict[str, Any]:
        """Return what the library knows of a model, without starting the program."""
        with self.open() as library:
            return describe.shown(library, select.one(library, name))

    def names(self, query: str, *, trashed: bool = False) -> set[str]:
        """Return the names of the models that a query means, without starting the program."""
        with self.open() as library:
            return {model.entry_name for model in select.matching(library, query, trashed=trashed)}

    def blob_path(self, name: str) -> Path:
        """Return where the bytes of a single-file model are."""
        with self.open() as library:
            return library.store.path(select.one(library, name).files[0].blob)

    def everything(self) -> object:
        """Return every file with its size and time, and every row: equal when nothing changed."""
        files = []
        for root in (self.store, self.originals):
            for path in sorted(root.rglob("*")):
                # SQLite makes and removes its own side files when anybody only reads.
                if not path.name.startswith("catalog.sqlite3"):
                    status = path.lstat()
                    files.append((str(path), status.st_mode, status.st_size, status.st_mtime_ns))
        return files, _rows(self.store / "catalog.sqlite3")


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _converse(fd: int, answer: Callable[[], object], at: bytes) -> str:
    """Read until the question, answer it, read to the end."""
    shown, asked = b"", False
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            piece = os.read(fd, 65536)
        except OSError:  # EIO: the last writer has closed the terminal
            break
        if not piece:
            break
        shown += piece
        if not asked and at in shown:
            asked = True
            answer()
    return shown.decode(errors="replace")


def _rows(file: Path) -> Sequence[object]:
    catalog = Catalog.open(file, read_only=True)
    try:
        tables = ("blob", "copy", "category", "model", "file", "tag", "change")
        return [catalog.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]
    finally:
        catalog.close()


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary_home: Path
) -> Iterator[Program]:
    """An empty library, its mountpoint and a folder for originals."""
    store, mountpoint, originals = tmp_path / "store", tmp_path / "models", tmp_path / "originals"
    monkeypatch.setenv("MODELFS_LIBRARY", str(store))
    for variable in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(variable, raising=False)
    originals.mkdir()
    create_library(store, mountpoint).close()
    yield Program(store, mountpoint, originals)


@pytest.fixture
def shelf(program: Program) -> Program:
    """A library with a handful of models, some of them with difficult names."""
    folder = program.originals
    write_gguf(folder / SMALL, rows=4)
    write_gguf(folder / LONG, rows=8, architecture="qwen2")
    write_gguf(folder / MARKUP, rows=12)
    write_gguf(folder / BLANKS, rows=16)
    write_lora(folder / LORA)
    program.add(folder)
    program.add(folder / BLANKS, name="a second name", tags=("mine", "two words"))
    return program
