"""``tools``: the tools that have a folder in the mount, and checking a layout of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelfs.cli import options
from modelfs.cli.help import flowed
from modelfs.cli.output import next_step, print_json, say
from modelfs.cli.tables import Column, Row, is_drawn, print_plain, print_table
from modelfs.units import format_count

if TYPE_CHECKING:
    from modelfs.library.tooling import ToolFolder


def tools(
    context: typer.Context,
    everything: Annotated[
        bool, options.flag("--all", help="Also those that are not here and see no model.")
    ] = False,
    plain: options.Plain = False,
    as_json: options.Json = False,
) -> None:
    """List the tools that are here or see models: how many, and whether they are connected.

    Piped, it prints name, title, number of models, folder, where it is, its version and whether it
    is connected, with tabs between; - for what is not known.

    Examples:
      modelfs tools
      modelfs tools --all --json
      modelfs tools check ~/.config/modelfs/layouts/mytool.toml
    """
    if context.invoked_subcommand is not None:
        return
    from modelfs.connect import Machine
    from modelfs.library import open_library
    from modelfs.library.tooling import tool_folders

    with open_library(read_only=True) as library:
        chosen = [
            each
            for each in tool_folders(library, Machine.here())
            if everything or each.models or each.found
        ]
    if as_json:
        print_json([_document(each) | {"about": each.layout.about} for each in chosen])
    elif not is_drawn(plain=plain):
        print_plain(
            [[*(_document(each) | {"connected": _connected(each)}).values()] for each in chosen]
        )
    elif chosen:
        columns = [Column("Tool"), Column("Title", shrinks=1), Column("Models", "right")]
        columns += [Column("On this machine", shrinks=2), Column("Connected")]
        print_table(columns, [_row(each) for each in chosen])
        next_step("modelfs connect TOOL")
    else:
        say("no tool is found, and none sees a model; --all lists them")


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A layout, as TOML.")],
) -> None:
    """Say what is wrong with a layout, by line, or what it describes.

    Examples:
      modelfs tools check mytool.toml
      modelfs tools check ~/.config/modelfs/layouts/comfyui.toml
    """
    from modelfs.library.tooling import check_layout, known_categories

    layout = check_layout(file, known_categories())
    folders = len({*layout.folders, *(rule.folder for rule in layout.rules)})
    rules, shown = format_count(len(layout.rules), "rule"), format_count(folders, "folder")
    say(f"{layout.tool}: {layout.title}, {rules}, {shown}")


def _document(each: ToolFolder) -> dict[str, Any]:
    found = each.found
    return {
        "tool": each.layout.tool,
        "title": each.layout.title,
        "models": each.models,
        "folder": str(each.folder),
        "found_at": str(found.at) if found else None,
        "version": found.version if found else None,
        "connected": found.connected if found else None,
    }


def _row(each: ToolFolder) -> Row:
    found = each.found
    place = f"{found.at}" + (f" ({found.version})" if found.version else "") if found else "-"
    return [each.layout.tool, each.layout.title, str(each.models), place, _connected(each)]


def _connected(each: ToolFolder) -> str:
    return {True: "yes", False: "no", None: "-"}[each.found.connected if each.found else None]


app = typer.Typer()
app.callback(invoke_without_command=True, help=flowed(tools))(tools)
app.command("check", help=flowed(check), no_args_is_help=True)(check)
