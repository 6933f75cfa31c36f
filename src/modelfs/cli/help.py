"""Docstrings as help: for people reading the source and people reading the terminal."""

import inspect
from collections.abc import Callable


def flowed(command: Callable[..., None]) -> str:
    """Return a command's help: each paragraph flows, each example keeps its line."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(map(_flow, paragraphs))


def _flow(paragraph: str) -> str:
    if paragraph.startswith("Examples:"):
        # Indented lines lose their indentation on the way through typer, a prompt stays.
        return paragraph.replace("\n  ", "\n$ ")
    return paragraph.replace("\n", " ")
