"""Carrying out a plan: commands, files, commands; the first that fails ends it and is told."""

import subprocess
from pathlib import Path

from modelfs import durable
from modelfs.errors import Failed
from modelfs.service.plan import Command, Plan, command_line


def apply(plan: Plan) -> None:
    """Carry out a plan. Raises Failed; doing it again, or uninstalling, goes on from there."""
    for command in plan.first:
        _run(command)
    for path, text in plan.write:
        _write(path, text)
    for path in plan.remove:
        # Safety: of the files that installing makes, and as it made them or with --force.
        path.unlink(missing_ok=True)
    for command in plan.then:
        _run(command)


def _write(path: Path, text: str) -> None:
    try:
        durable.make_folder(path.parent)
        durable.write_file(path, text.encode(errors="surrogateescape"))
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}") from error


def _run(command: Command) -> None:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise Failed(f"{command[0]} cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise Failed(
            f"{command_line(command)}: {words[0] if words else f'exit {done.returncode}'}",
            words[1].strip() if len(words) > 1 else "modelfs service logs",
        )
