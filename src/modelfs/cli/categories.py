"""``categories``: the tree that models are sorted into, and one's own changes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelfs.cli import completion, options
from modelfs.cli.help import flowed
from modelfs.cli.output import next_step, note, print_json, say
from modelfs.cli.tables import Cell, Column, Row, is_drawn, print_plain, print_table
from modelfs.units import format_count, format_size

if TYPE_CHECKING:
    from modelfs.library.categories import Counted

Known = Annotated[
    str,
    typer.Argument(metavar="ID", help="A category.", autocompletion=completion.category_names),
]
Several = Annotated[
    list[str],
    typer.Argument(
        metavar="ID",
        help="Categories; a first level such as video means all in it.",
        autocompletion=completion.category_names,
    ),
]


def categories(
    context: typer.Context,
    everything: Annotated[bool, options.flag("--all", help="Also those without a model.")] = False,
    plain: options.Plain = False,
    as_json: options.Json = False,
) -> None:
    """List the categories that have models, or change the tree.

    Piped, it prints id, title, number of models and their logical bytes, with tabs between.

    Examples:
      modelfs categories
      modelfs categories --all --json
      modelfs categories add image/texture --title "Textures"
      modelfs categories hide video
    """
    if context.invoked_subcommand is not None:
        return
    from modelfs.library import categories as tree
    from modelfs.library import open_library

    with open_library(read_only=True) as library:
        found = [each for each in tree.counted(library) if everything or each.models]
    if as_json:
        print_json([_document(each) for each in found])
    elif not is_drawn(plain=plain):
        print_plain([[e.category.id, e.category.title, e.models, e.size_bytes] for e in found])
    elif found:
        columns = [Column("Category"), Column("Title", shrinks=1)]
        columns += [Column("Models", "right"), Column("Logical", "right")]
        print_table(columns, _tree(found))
    else:
        note("no category has a model; --all shows them")


def add(
    category: Annotated[
        str, typer.Argument(metavar="ID", help="One to three parts of a-z, 0-9 and -, with /.")
    ],
    title: Annotated[str, typer.Option(help="How it is called.", show_default=False)] = "",
) -> None:
    """Add a category of your own, anywhere in the tree.

    Examples:
      modelfs categories add image/texture
      modelfs categories add image/lora/anime --title "Anime styles"
    """
    from modelfs.library import categories as tree
    from modelfs.library import open_library

    with open_library() as library:
        added = tree.add(library, category, title)
    say(f"added the category {added}")
    next_step(f"modelfs set MODEL category={added}")


def rename(
    category: Known,
    new: Annotated[str, typer.Argument(metavar="NEW-ID", help="Its id from now on.")],
    dry_run: options.DryRun = False,
) -> None:
    """Give a category of your own another id; its models move along, and so do their paths.

    Those that came with the program keep their ids; `modelfs categories title` changes how one is
    called.

    Examples:
      modelfs categories rename image/texture image/material --dry-run
      modelfs categories rename image/texture image/material
    """
    from modelfs.library import categories as tree
    from modelfs.library import open_library

    with open_library(read_only=dry_run) as library:
        plan = tree.plan_rename(library, category, new)
        if not dry_run:
            tree.rename(library, plan)
    moved = format_count(len(plan.models), "model")
    for old, target in plan.ids.items():
        say(f"{'would rename' if dry_run else 'renamed'} {old} to {target}")
    note(f"{moved} {'would move' if dry_run else 'moved'} with it")


def title(
    category: Known,
    text: Annotated[str, typer.Argument(metavar="TITLE", help="How it is called.")],
) -> None:
    """Call a category something else; its id and its paths stay.

    Examples:
      modelfs categories title image/lora "Styles"
      modelfs categories title vad "Who speaks when"
    """
    from modelfs.library import categories as tree
    from modelfs.library import open_library

    with open_library() as library:
        tree.set_title(library, category, text)
    say(f"{category} is called {text}")


def hide(names: Several) -> None:
    """Leave categories out of the mount's listings; paths into them go on working.

    Their models stay in every other folder, in ls and in search.

    Examples:
      modelfs categories hide video 3d
      modelfs categories hide image/hypernetwork
    """
    _set_hidden(names, hidden=True)


def show(names: Several) -> None:
    """List hidden categories in the mount again.

    Examples:
      modelfs categories show video
      modelfs categories show image/hypernetwork
    """
    _set_hidden(names, hidden=False)


def _set_hidden(names: list[str], *, hidden: bool) -> None:
    from modelfs.library import categories as tree
    from modelfs.library import open_library

    with open_library() as library:
        ids = tree.set_hidden(library, names, hidden=hidden)
    say(f"{'hidden' if hidden else 'shown'}: {', '.join(ids)}")


def remove(category: Known) -> None:
    """Remove a category of your own that has no models.

    Examples:
      modelfs categories remove image/texture
      modelfs categories remove image/lora/anime
    """
    from modelfs.library import categories as tree
    from modelfs.library import open_library

    with open_library() as library:
        tree.remove(library, category)
    say(f"removed the category {category}")


def _document(each: Counted) -> dict[str, Any]:
    return {
        "category": each.category.id,
        "title": each.category.title,
        "models": each.models,
        "size_bytes": each.size_bytes,
        "hidden": each.category.hidden,
        "own": each.category.own,
    }


def _tree(found: list[Counted]) -> list[Row]:
    """Return the rows below a line for each first level, which sums them up."""
    lines: list[Row] = []
    for first in dict.fromkeys(each.category.first_part for each in found):
        below = [each for each in found if each.category.first_part == first]
        total = sum(each.models for each in below), sum(each.size_bytes for each in below)
        lines.append([Cell(first, "bold"), "", *_numbers(*total)])
        lines += [_line(each, len(first) + 1) for each in below if each.category.id != first]
    return lines


def _line(each: Counted, indent: int) -> Row:
    category, style = each.category, "dim" if each.category.hidden else ""
    shown = f"{category.title} (hidden)" if category.hidden else category.title
    cells = [f"  {category.id[indent:]}", shown, *_numbers(each.models, each.size_bytes)]
    return [Cell(text, style) for text in cells]


def _numbers(models: int, size_bytes: int) -> list[str]:
    return [str(models), format_size(size_bytes)] if models else ["-", "-"]


app = typer.Typer()
app.callback(invoke_without_command=True, help=flowed(categories))(categories)
for _name, _command in (
    ("add", add),
    ("rename", rename),
    ("title", title),
    ("hide", hide),
    ("show", show),
    ("remove", remove),
):
    app.command(_name, help=flowed(_command), no_args_is_help=True)(_command)
