"""Asking before something goes: on a terminal a question, without one ``--yes`` or nothing."""

import sys

import typer

from modelfs.cli.output import clean, note
from modelfs.errors import Refused

DECLINED = 1


def confirm(question: str, *, yes: bool) -> None:
    """Return when it may be done; the plan has been shown before.

    Raises Refused without a terminal and ``--yes``; ends the program when the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(
            f"not done without being asked: {question}",
            "give --yes to do it, --dry-run to see what it would do",
        )
    if not _answered_yes(question):
        note("nothing was changed")
        raise typer.Exit(DECLINED)


def _answered_yes(question: str) -> bool:
    # To stderr, so that a redirected stdout stays pure data.
    print(f"{clean(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
