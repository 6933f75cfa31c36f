"""``trash``: what waits there, and emptying it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from modelfs.cli import options
from modelfs.cli.confirm import confirm
from modelfs.cli.help import flowed
from modelfs.cli.listing import print_models
from modelfs.cli.output import note, print_json, say
from modelfs.cli.removals import show_plan
from modelfs.units import format_count, format_size

if TYPE_CHECKING:
    from modelfs.library.removal import RemovalPlan


def trash(
    context: typer.Context, plain: options.Plain = False, as_json: options.Json = False
) -> None:
    """List what is in the trash, or empty it.

    Piped, it prints the same lines as modelfs ls.

    Examples:
      modelfs trash
      modelfs trash empty --dry-run
      modelfs trash empty SmolLM2-135M-Q4_K_M.gguf --yes
    """
    if context.invoked_subcommand is None:
        print_models("", trashed=True, plain=plain, as_json=as_json)


def empty(
    names: options.TrashedModelsOrAll = None,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Delete models in the trash for good, all of them unless some are named.

    What other models share stays; the rest of the bytes is freed.

    Examples:
      modelfs trash empty --dry-run
      modelfs trash empty --yes
      modelfs trash empty sdxl-base
    """
    from modelfs.library import open_library, select
    from modelfs.library.removal import empty_trash, plan_removal

    with open_library() as library:
        models = (
            select.several(library, names, trashed=True)
            if names
            else select.matching(library, "", trashed=True)
        )
        plan = plan_removal(library, models)
        freed = plan.freed_bytes
        if not dry_run and models:
            if not yes:
                show_plan(plan, "this frees", aside=True)
            confirm(f"delete {format_count(len(models), 'model')} for good?", yes=yes)
            freed = empty_trash(library, plan)
    if as_json:
        print_json(_document(plan, freed, dry_run=dry_run))
    elif dry_run:
        show_plan(plan, "this frees", aside=False)
    elif not models:
        note("the trash is empty")
    else:
        say(f"deleted {format_count(len(models), 'model')}: {format_size(freed)} freed")


def _document(plan: RemovalPlan, freed: int, *, dry_run: bool) -> dict[str, object]:
    from modelfs.library import describe

    return {
        "dry_run": dry_run,
        "models": [describe.listed(model) for model in plan.models],
        "freed_bytes": freed,
        "shared_bytes": plan.shared_bytes,
    }


app = typer.Typer()
app.callback(invoke_without_command=True, help=flowed(trash))(trash)
app.command("empty", help=flowed(empty), no_args_is_help=False)(empty)
