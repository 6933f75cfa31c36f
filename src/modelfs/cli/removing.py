"""``rm`` and ``restore``: into the trash and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from modelfs.cli import options
from modelfs.cli.choosing import chosen
from modelfs.cli.confirm import confirm
from modelfs.cli.output import note, print_json, say, warn
from modelfs.cli.removals import freed_in_words, show_plan
from modelfs.units import format_count

if TYPE_CHECKING:
    from modelfs.catalog.records import ModelRecord
    from modelfs.library import Library
    from modelfs.library.removal import RemovalPlan


def rm(
    names: options.Models = None,
    query: options.Query = None,
    pinned_too: Annotated[bool, options.flag("--pinned-too", help="Also pinned models.")] = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Put models into the trash, from which they can be restored.

    That frees nothing yet; modelfs trash empty does.

    Examples:
      modelfs rm SmolLM2-135M-Q4_K_M.gguf
      modelfs rm --query "category:lora used>180d" --dry-run
      modelfs rm sdxl-base --yes
    """
    from modelfs.library import open_library
    from modelfs.library.removal import check_removable, plan_removal, remove

    with open_library() as library:
        plan = plan_removal(library, chosen(library, names or [], query))
        if not dry_run:
            check_removable(plan, pinned_too=pinned_too)
            _warn_of_users(library, plan)
            if not yes:
                show_plan(plan, "emptying the trash then frees", aside=True)
            confirm(f"put {format_count(len(plan.models), 'model')} into the trash?", yes=yes)
            remove(library, plan, pinned_too=pinned_too)
        models = plan.models if dry_run else _again(library, plan.models)
    if as_json:
        print_json(_document(plan, models, dry_run=dry_run))
    elif dry_run:
        show_plan(plan, "emptying the trash then frees", aside=False)
    else:
        say(f"in the trash: {', '.join(model.entry_name for model in models)}")
        note(f"modelfs restore brings back; modelfs trash empty frees {freed_in_words(plan)}")


def _warn_of_users(library: Library, plan: RemovalPlan) -> None:
    """Name what is open before it goes; who has it open goes on reading."""
    from modelfs.holders import holders
    from modelfs.library import describe

    for model in plan.models:
        users = holders(*describe.appearances(library, model))
        if users:
            warn(f"{model.entry_name} is open in {', '.join(users)}")


def _again(library: Library, models: Sequence[ModelRecord]) -> list[ModelRecord]:
    from modelfs.library import select

    return select.several(library, [f"#{model.id}" for model in models], trashed=True)


def _document(
    plan: RemovalPlan, models: Sequence[ModelRecord], *, dry_run: bool
) -> dict[str, object]:
    from modelfs.library import describe

    return {
        "dry_run": dry_run,
        "models": [describe.listed(model) for model in models],
        "freed_bytes": 0,
        "freed_by_emptying_bytes": plan.freed_bytes,
        "shared_bytes": plan.shared_bytes,
    }


def restore(names: options.ReturningModels, as_json: options.Json = False) -> None:
    """Bring models back: from the trash, or, where they were evicted, from where they came.

    Examples:
      modelfs restore SmolLM2-135M-Q4_K_M.gguf
      modelfs restore "#12" --json
    """
    from modelfs.library import again, describe, open_library, removal, select

    with open_library() as library:
        trashed, evicted = again.returning(library, names)
        restored = removal.restore(library, trashed)
        if not as_json:
            for model, name in restored:
                now = f" as {name}, since its name is taken" if name != model.entry_name else ""
                say(f"restored {model.entry_name}{now}")
        if evicted:
            _fetch_again(library, evicted, as_json=as_json)
        back = select.several(library, [f"#{model.id}" for model in (*trashed, *evicted)])
    if as_json:
        print_json([describe.listed(model) for model in back])


def _fetch_again(library: Library, models: Sequence[ModelRecord], *, as_json: bool) -> None:
    from modelfs.cli.fetching import Manner, fetch
    from modelfs.library import access
    from modelfs.library.addition import AddOptions
    from modelfs.library.again import wishes_for

    manner = Manner(dry_run=False, background=False, asks=False, as_json=as_json)
    with access.web(library) as web:
        for model in models:
            result = fetch(library, web, *wishes_for(model), AddOptions(), manner)
            if result.error is not None:
                raise result.error
