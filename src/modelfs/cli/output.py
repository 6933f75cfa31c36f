"""Where words go: data to stdout, everything else to stderr; and text made safe to show.

Names and paths come from outside. They pass through ``clean`` before they reach a terminal, and
are never read as markup.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# Control characters, the marks that turn text around, and bytes that are no UTF-8.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: object) -> str:
    """Return text that cannot steer a terminal: what could is written as its escape."""
    return _UNSAFE.sub(lambda match: repr(match[0])[1:-1], str(text))


@cache
def out() -> Console:
    """Return the console of the data."""
    return _console(stderr=False)


@cache
def err() -> Console:
    """Return the console of everything else; ``--quiet`` silences it."""
    return _console(stderr=True)


@cache
def error_console() -> Console:
    """Return the console of warnings, errors and questions, which ``--quiet`` leaves alone."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    # no-color.org asks for no colour; without bold and dim too, output is wholly plain.
    if os.environ.get("NO_COLOR"):
        return Console(stderr=stderr, color_system=None, highlight=False, emoji=False)
    return Console(stderr=stderr, highlight=False, emoji=False)


def say(text: str, style: str = "") -> None:
    """Print one line of data, in full however wide the terminal is."""
    from rich.text import Text

    out().print(Text(clean(text), style=style), soft_wrap=True)


def note(text: str, style: str = "dim") -> None:
    """Print one line beside the data, to stderr."""
    from rich.text import Text

    err().print(Text(clean(text), style=style), soft_wrap=True)


def warn(text: str) -> None:
    """Print one line that deserves attention to stderr, quiet or not."""
    from rich.text import Text

    error_console().print(Text(clean(f"warning: {text}"), style="yellow"), soft_wrap=True)


def next_step(command: str) -> None:
    """Suggest the command that usually comes next."""
    note(f"next: {command}")


def show(renderable: RenderableType, *, aside: bool = False) -> None:
    """Print something drawn, as data or, ``aside``, beside it."""
    (err() if aside else out()).print(renderable)


def print_json(document: object) -> None:
    """Print the one JSON document of a command: UTF-8 whatever the locale.

    A list has a line for each element: indenting 100 000 files costs more than reading them.
    """
    if isinstance(document, list):
        print_json_list([json.dumps(element, ensure_ascii=False) for element in document])
    else:
        _write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def print_json_list(elements: Sequence[str]) -> None:
    """Print a document that is a list, of elements that are JSON already."""
    lines = ",\n".join(elements)
    _write(f"[\n{lines}\n]\n" if elements else "[]\n")


def _write(text: str) -> None:
    sys.stdout.flush()
    # A lone surrogate becomes its \udcXX escape, which is what JSON has for it.
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()
