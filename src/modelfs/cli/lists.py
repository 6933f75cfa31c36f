"""``export-list``: the list with which another machine fetches the same models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import options
from modelfs.cli.confirm import confirm
from modelfs.cli.listing import Words
from modelfs.cli.output import next_step, note, print_json, warn
from modelfs.errors import BadInput, NotFound
from modelfs.units import format_count

if TYPE_CHECKING:
    from modelfs.library.lists import ListDocument


def export_list(
    query: Words = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it there, not to stdout."),
    ] = None,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Write a list with which modelfs add --from fetches the same models on another machine.

    All models, or those that a query means. Each is pinned to the revision and the files that are
    here, with its name, tags, category, notes and pin. Models that no address is known of, such
    as those from a folder, are named in a comment.

    Examples:
      modelfs export-list > models.toml
      modelfs export-list category:llm --output llms.toml
      modelfs export-list --json
    """
    from modelfs.library import lists, open_library, select

    asked = " ".join(query or [])
    with open_library(read_only=True) as library:
        chosen = select.matching(library, asked)
        if not chosen:
            raise NotFound(
                f"no model fits {asked!r}" if asked else "the library is empty",
                "modelfs ls shows what there is",
            )
        document = lists.export_list(library, chosen)
    target = _target(output, yes=yes) if output is not None else None
    if target is not None:
        _write(target, document.text)
    if as_json:
        print_json(_document(document, target))
    elif target is None:
        _print(document.text)
    _tell(document, target)


def _target(output: Path, *, yes: bool) -> Path:
    """Return the file to write, a link followed; ask before one is replaced."""
    from modelfs import paths

    file = paths.absolute(output).resolve()
    if file.exists():
        if not file.is_file():
            raise BadInput(f"{output} is not a file", "to write to a pipe, leave --output out")
        confirm(f"replace {output}?", yes=yes)
    return file


def _write(file: Path, text: str) -> None:
    from modelfs import durable
    from modelfs.store.trouble import explained

    with explained(f"{file} cannot be written"):
        durable.write_file(file, text.encode())


def _print(text: str) -> None:
    """Print a list as it is: TOML is UTF-8 whatever the locale."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _document(document: ListDocument, file: Path | None) -> dict[str, object]:
    from modelfs.library.list_text import as_values

    return {
        "file": str(file) if file else None,
        "models": [as_values(each) for each in document.wanted],
        "skipped": [
            {"name": each.name, "source": each.source, "reason": each.reason}
            for each in document.not_listed
        ],
    }


def _tell(document: ListDocument, file: Path | None) -> None:
    count = format_count(len(document.wanted), "model")
    missing = len(document.not_listed)
    if missing:
        warn(f"{format_count(missing, 'model')} cannot be fetched again, and the list says which")
    note(f"{count} in the list" + (f" {file}" if file else ""))
    if file is not None:
        next_step(f"modelfs add --from {file.name}, on the other machine")
