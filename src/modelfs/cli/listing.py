"""``ls``, ``search`` and ``path``: finding models and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import completion, options
from modelfs.cli.output import note, print_json, print_json_list, say, warn
from modelfs.cli.tables import Cell, Column, Row, is_drawn, is_wide, print_plain, print_table
from modelfs.errors import BadInput
from modelfs.units import format_count, format_size, format_time

if TYPE_CHECKING:
    from modelfs.catalog.records import ModelRecord
    from modelfs.library.kinship import Family

STATE_STYLES = {"ok": "", "remote": "cyan", "damaged": "bold red", "missing": "bold red"}

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="QUERY",
        help="Words, and fields such as category:lora, tag:gguf, size>4GB, used<30d, -format:gguf.",
        autocompletion=completion.query_words,
        show_default=False,
    ),
]


def ls(
    query: Words = None,
    trash: Annotated[bool, options.flag("--trash", help="List the trash instead.")] = False,
    group: Annotated[
        bool, options.flag("--group", help="Put the forms of one model together.")
    ] = False,
    plain: options.Plain = False,
    as_json: options.Json = False,
) -> None:
    """List models, all or those that a query means.

    Fields: category, tag, format, arch, quant, name, source, state, pinned (field:value; * stands
    for anything), size, parameters, used, added (with > or <). A leading - means "not".

    Piped, it prints a line per model without a header, with tabs between: name, category, format,
    quant, size in bytes, state, tags, added, last used; - for what is not known. With --group the
    family comes before the name.

    Examples:
      modelfs ls
      modelfs ls category:lora "size>1GB"
      modelfs ls tag:gguf "used>90d" --json
      modelfs ls --group category:llm
      modelfs ls --plain | cut -f 1
    """
    asked = " ".join(query or [])
    if group:
        _print_families(asked, trashed=trash, plain=plain, as_json=as_json)
    else:
        print_models(asked, trashed=trash, plain=plain, as_json=as_json)


def search(
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORDS", autocompletion=completion.query_words),
    ],
    hub: Annotated[
        bool, options.flag("--hub", help="Ask the hub instead, and say what of it is here.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=200, help="Of the hub: how many.", show_default="20"),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TASK",
            help="Of the hub: only for this, as text-generation.",
            show_default=False,
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="ORDER",
            help="Of the hub: most downloads first, or likes, or updated last.",
            show_default=False,
        ),
    ] = None,
    plain: options.Plain = False,
    as_json: options.Json = False,
) -> None:
    """Find models by words in their names, files, tags, notes, source or facts, or at the hub.

    The hub's come with the sizes of their variants and what of them is here already. Piped, those
    are lines of repository, task, downloads, likes, licence, gated or open, here (all, some or
    none) and the variants with their bytes, with tabs between.

    Examples:
      modelfs search llama instruct
      modelfs search flux category:lora
      modelfs search sdxl --json
      modelfs search --hub smollm2 gguf --sort downloads
    """
    if not hub:
        if limit is not None or task is not None or sort is not None:
            raise BadInput("--limit, --task and --sort are for the hub", "give --hub with them")
        print_models(" ".join(words), trashed=False, plain=plain, as_json=as_json)
        return
    from modelfs.cli.hub_listing import print_hub

    print_hub(" ".join(words), limit or 20, task, sort, plain=plain, as_json=as_json)


def path(
    model: options.Model,
    tool: Annotated[
        str | None,
        typer.Option(
            metavar="TOOL",
            help="The path in this tool's folder.",
            autocompletion=completion.tool_names,
        ),
    ] = None,
) -> None:
    """Print the absolute path of a model in the mount, to give to a tool.

    Examples:
      modelfs path SmolLM2-135M-Q4_K_M.gguf
      llama-server -m "$(modelfs path SmolLM2-135M-Q4_K_M.gguf)"
      modelfs path sdxl-base --tool comfyui
    """
    from modelfs.fs.state import mount_state
    from modelfs.library import describe, open_library, select

    with open_library(read_only=True) as library:
        found = describe.path_for(library, select.one(library, model), tool)
        mounted = mount_state(library.paths).mounted
    say(str(found))
    if not mounted:
        warn("nothing is there until it is mounted: modelfs mount")


def print_models(query: str, *, trashed: bool, plain: bool, as_json: bool) -> None:
    """Print the models that a query means: as JSON, as lines or as a table."""
    from modelfs.library import describe, open_library, select

    with open_library(read_only=True) as library:
        if as_json:
            chosen = select.meant(library, query, trashed=trashed)
            print_json_list(describe.listed_as_json(library, chosen))
            return
        found = select.matching(library, query, trashed=trashed)
    if not found:
        _nothing(query, trashed)
    elif not is_drawn(plain=plain):
        print_plain([_plain(model) for model in found])
    else:
        models_table(found)
        _footer(found)


def _print_families(query: str, *, trashed: bool, plain: bool, as_json: bool) -> None:
    from modelfs.library import describe, kinship, open_library, select

    with open_library(read_only=True) as library:
        found = kinship.families(library, select.matching(library, query, trashed=trashed))
    if as_json:
        print_json(describe.grouped(found))
    elif not found:
        _nothing(query, trashed)
    elif not is_drawn(plain=plain):
        print_plain([[family.name, *_plain(model)] for family in found for model in family.models])
    else:
        rows = [row for family in found for row in _family_rows(family)]
        columns = [Column("Family", shrinks=2), Column("Category", shrinks=1), Column("Format")]
        print_table([*columns, Column("Logical", "right"), Column("State")], rows)
        _footer([model for family in found for model in family.models])


def _family_rows(family: Family) -> list[Row]:
    """A model alone is its own line; of several each stands below their family's name."""
    if len(family.models) == 1:
        return [_row(family.models[0], wide=False)[:5]]
    logical = sum(model.size_bytes for model in family.models)
    count = format_count(len(family.models), "form")
    title: Row = [Cell(family.name, "bold"), "", count, Cell(format_size(logical), "bold"), ""]
    below = [_row(model, wide=False)[:5] for model in family.models]
    return [title, *([f"  {row[0]}", *row[1:]] for row in below)]


def models_table(models: Sequence[ModelRecord], *, aside: bool = False) -> None:
    """Draw models: what matters at 80 columns, more of it where there is room."""
    if not models:
        return
    wide = is_wide(aside=aside)
    marked = any(_state(model).text != "ok" for model in models)
    columns = [
        Column("Name", shrinks=2),
        Column("Category", shrinks=2),
        Column("Format"),
        Column("Logical", "right"),
    ]
    columns += [Column("State")] if wide or marked else []
    columns += [Column("Tags", shrinks=1), Column("Last used")] if wide else []
    rows = [_row(model, wide=wide)[: len(columns)] for model in models]
    print_table(columns, rows, aside=aside)


def _row(model: ModelRecord, *, wide: bool) -> Row:
    return [
        model.entry_name,
        model.category,
        kind(model),
        format_size(model.size_bytes),
        _state(model),
        # The automatic ones repeat the format; show and --json have them all.
        ", ".join(tag for tag in model.tags if tag not in model.auto_tags),
        (format_time(model.last_used_at) or "never")[:10],
    ]


def kind(model: ModelRecord) -> str:
    """Return the format with the quantisation, in short."""
    return " ".join(filter(None, (model.facts.format, model.facts.quant)))


def _state(model: ModelRecord) -> Cell:
    words: list[str] = [] if model.state == "ok" else [model.state]
    words += ["pinned"] if model.pinned else []
    runs_code = str(model.facts.details.get("pickle_verdict", "")).startswith("would run code")
    words += ["runs code"] if runs_code else []
    style = STATE_STYLES[model.state] or ("bold red" if runs_code else "")
    return Cell(", ".join(words) or "ok", style)


def _plain(model: ModelRecord) -> list[object]:
    return [
        model.entry_name,
        model.category,
        model.facts.format,
        model.facts.quant,
        model.size_bytes,
        model.state,
        ",".join(model.tags),
        format_time(model.added_at),
        format_time(model.last_used_at),
    ]


def _footer(models: Sequence[ModelRecord]) -> None:
    blobs = {f.blob: f.size_bytes for m in models for f in m.files if f.state == "ok"}
    logical = sum(model.size_bytes for model in models)
    note(
        f"{format_count(len(models), 'model')}: {format_size(logical)} logical, "
        f"{format_size(sum(blobs.values()))} on disk"
    )
    bad = sum(model.state in ("damaged", "missing") for model in models)
    if bad:
        warn(f"{format_count(bad, 'model')} with damage; see modelfs doctor")


def _nothing(query: str, trashed: bool) -> None:
    if query:
        note(f"no model fits {query!r}")
    elif trashed:
        note("the trash is empty")
    else:
        note("there is no model yet; next: modelfs add FILE_OR_FOLDER")
