"""``categories``: the tree that models are sorted into, and adding to it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from modelfs.cli import options
from modelfs.cli.help import flowed
from modelfs.cli.output import next_step, note, print_json, say
from modelfs.cli.tables import Column, Row, is_drawn, print_plain, print_table
from modelfs.units import format_size


def categories(
    context: typer.Context,
    everything: Annotated[bool, options.flag("--all", help="Also those without a model.")] = False,
    plain: options.Plain = False,
    as_json: options.Json = False,
) -> None:
    """List the categories that have models, or add one.

    Piped, it prints id, title, number of models and their logical bytes, with tabs between.

    Examples:
      modelfs categories
      modelfs categories --all --json
      modelfs categories add image/texture --title "Textures"
    """
    if context.invoked_subcommand is not None:
        return
    from modelfs.library import open_library, organise

    with open_library(read_only=True) as library:
        counts = organise.category_counts(library)
    rows = [row for row in counts if everything or row[2]]
    if as_json:
        print_json([_document(*row) for row in rows])
    elif not is_drawn(plain=plain):
        print_plain(rows)
    elif rows:
        columns = [Column("Category"), Column("Title", shrinks=1)]
        columns += [Column("Models", "right"), Column("Logical", "right")]
        print_table(columns, _tree(rows))
    else:
        note("no category has a model; --all shows them")


def add(
    category: Annotated[
        str, typer.Argument(metavar="ID", help="One to three parts of a-z, 0-9 and -, with /.")
    ],
    title: Annotated[str, typer.Option(help="How it is called.", show_default=False)] = "",
) -> None:
    """Add a category of your own.

    Examples:
      modelfs categories add image/texture
      modelfs categories add audio/foley --title "Sound effects"
    """
    from modelfs.library import open_library, organise

    with open_library() as library:
        added = organise.add_category(library, category, title)
    say(f"added the category {added}")
    next_step(f"modelfs set MODEL category={added}")


def _document(category: str, title: str, models: int, size_bytes: int) -> dict[str, Any]:
    return {"category": category, "title": title, "models": models, "size_bytes": size_bytes}


def _tree(rows: list[tuple[str, str, int, int]]) -> list[Row]:
    """Return the rows below a line for each first level, which sums them up."""
    lines: list[Row] = []
    for first in dict.fromkeys(row[0].partition("/")[0] for row in rows):
        below = [row for row in rows if row[0].partition("/")[0] == first]
        total = sum(row[2] for row in below), sum(row[3] for row in below)
        lines.append([first, "", *_numbers(*total)])
        lines += [[f"  {row[0][len(first) + 1 :]}", row[1], *_numbers(*row[2:])] for row in below]
    return lines


def _numbers(models: int, size_bytes: int) -> list[str]:
    return [str(models), format_size(size_bytes)] if models else ["-", "-"]


app = typer.Typer()
app.callback(invoke_without_command=True, help=flowed(categories))(categories)
app.command("add", help=flowed(add), no_args_is_help=True)(add)
