"""``identify`` and ``refresh``: what files are, and looking at a library's models again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import options
from modelfs.cli.identifications import identified_document, show_identified, show_rules
from modelfs.cli.output import note, print_json, warn
from modelfs.cli.progress import bars
from modelfs.cli.tables import Column, is_drawn, print_plain, print_table
from modelfs.errors import BadInput
from modelfs.units import format_count

if TYPE_CHECKING:
    from modelfs.catalog.records import ModelRecord
    from modelfs.library import Library
    from modelfs.library.refresh import Refreshed, RefreshPlan


def identify(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Files or folders.", show_default=False),
    ] = None,
    why: Annotated[bool, options.flag("--why", help="Give the reasons for each verdict.")] = False,
    explain_rules: Annotated[
        str | None,
        typer.Option(
            "--explain-rules",
            metavar="FAMILY",
            help="Print the rows of the tables for a family, category or format instead.",
        ),
    ] = None,
    plain: options.Plain = False,
    as_json: options.Json = False,
) -> None:
    """Say what model files are, by their bytes, without adding or loading them; needs no library.

    A verdict is "sure" when the bytes or the model's own configuration say so, "likely" when
    somebody says so of it, and a "guess" when only its name does.

    Piped, it prints path, format, category, architecture, quant, parameters, base model and how
    sure, with tabs between; - for what is not known.

    Examples:
      modelfs identify ~/Downloads/mystery.safetensors --why
      modelfs identify ~/ComfyUI/models --json
      modelfs identify --explain-rules sdxl
    """
    if explain_rules is not None:
        show_rules(explain_rules, plain=plain, as_json=as_json)
        return
    if not paths:
        raise BadInput("say which files or folders", "modelfs identify PATH…")
    from modelfs.library.finding import Skipped
    from modelfs.library.identifying import identify_paths

    with bars() as drawn:
        told = list(identify_paths(paths, drawn.report))
    found = [each for each in told if not isinstance(each, Skipped)]
    if as_json:
        print_json([identified_document(each) for each in found])
    else:
        show_identified(found, why=why, plain=plain)
    skipped = [each for each in told if isinstance(each, Skipped)]
    if skipped:
        shown = "; ".join(f"{each.path}: {each.reason}" for each in skipped[:3])
        note(f"passed over {format_count(len(skipped), 'path')}: {shown}{_more(len(skipped))}")


def _more(count: int) -> str:
    return f" and {count - 3} more" if count > 3 else ""


def refresh(
    names: options.Models = None,
    query: options.Query = None,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Look at models again, all or some, as after an update of the tables of identification.

    Facts and automatic tags follow, and so does the category unless you chose it; what you set,
    tagged or untagged stays. `modelfs undo` takes it back, one model at a time.

    Examples:
      modelfs refresh --dry-run
      modelfs refresh
      modelfs refresh --query category:unsorted
    """
    from modelfs.library import open_library
    from modelfs.library.refresh import apply_refresh, plan_refresh

    with open_library() as library:
        with bars() as drawn:
            plan = plan_refresh(library, _chosen(library, names, query), drawn.report)
        done = list(plan.changed) if dry_run else apply_refresh(library, plan)
    if as_json:
        print_json(_document(plan, done, dry_run=dry_run))
        return
    _tell(plan, done, dry_run=dry_run)


def _chosen(library: Library, names: list[str] | None, query: str | None) -> list[ModelRecord]:
    from modelfs.cli.choosing import chosen
    from modelfs.library import select

    if names or query is not None:
        return chosen(library, names or [], query)
    return select.matching(library, "")


def _tell(plan: RefreshPlan, done: list[Refreshed], *, dry_run: bool) -> None:
    rows = [_row(each) for each in done if each.differences]
    if rows and is_drawn():
        names = ("Name", "Category", "Changes")
        print_table([Column(name, shrinks=2) for name in names], rows)
    elif rows:
        print_plain(rows)
    would = "would change" if dry_run else "changed"
    same = len(plan.same) + len(plan.changed) - len(rows)
    note(f"{format_count(len(rows), 'model')} {would}, {same} as before")
    if moved := sum(each.moves for each in done):
        where = "would move to" if dry_run else "moved to"
        note(f"{format_count(moved, 'model')} {where} the folder of another category")
    for model in plan.unread:
        warn(f"{model.entry_name} cannot be read whole; see modelfs doctor")


def _row(each: Refreshed) -> list[str]:
    moved = f"{each.model.category} → {each.category}" if each.moves else each.category
    return [each.model.entry_name, moved, ", ".join(each.differences)]


def _document(plan: RefreshPlan, done: list[Refreshed], *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "changed": [
            {
                "id": each.model.id,
                "entry_name": each.model.entry_name,
                "category_before": each.model.category,
                "category": each.category,
                "tags_added": sorted(set(each.auto_tags) - set(each.model.auto_tags)),
                "tags_removed": sorted(set(each.model.auto_tags) - set(each.auto_tags)),
                "differences": each.differences,
            }
            for each in done
            if each.differences
        ],
        "same": len(plan.same),
        "unread": [model.entry_name for model in plan.unread],
    }
