"""``add``: what would come in, and what came in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import completion, options
from modelfs.cli.additions import added_document, document, show_plan, tell_skipped
from modelfs.cli.confirm import confirm
from modelfs.cli.organising import split_commas
from modelfs.cli.output import next_step, note, print_json, say, warn
from modelfs.cli.progress import bars
from modelfs.cli.showing import HOW_SURE
from modelfs.errors import ModelfsError
from modelfs.units import format_count, format_size

if TYPE_CHECKING:
    from modelfs.library import Library
    from modelfs.library.add import Added
    from modelfs.library.addition import AddPlan, PlannedModel


def add(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE", help="Files or folders with models.")
    ],
    name: Annotated[
        str | None,
        typer.Option(help="The model's name; a folder then is one model, whatever is in it."),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(
            help="Where it belongs, instead of the guess.",
            autocompletion=completion.category_names,
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            help="A tag, or several with commas; may be repeated.",
            autocompletion=completion.tag_names,
            show_default=False,
        ),
    ] = None,
    move: Annotated[
        bool, options.flag("--move", help="Remove the originals once they are safely in.")
    ] = False,
    seal: Annotated[bool, options.flag("--seal", help="Also compute SHA-256 now; slower.")] = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Add model files and folders: bytes that are there already are not stored again.

    The originals stay as they are, unless --move is given. What a model is, and so its category,
    is read from its bytes; adding the same bytes again says so and adds nothing.

    Examples:
      modelfs add ~/Downloads/SmolLM2-135M-Q4_K_M.gguf
      modelfs add ~/ComfyUI/models --dry-run
      modelfs add style.safetensors --category image/lora --tag anime,sdxl
      modelfs add ~/old-models --move --yes
    """
    from modelfs.library import open_library
    from modelfs.library.addition import AddOptions, plan_add

    tags = split_commas(tag or [])
    with open_library() as library:
        plan = plan_add(library, sources, AddOptions(name, category, tags, move, seal))
        if dry_run:
            show_plan(plan, as_json=as_json, aside=False)
            return
        if move:
            show_plan(plan, as_json=False, aside=True)
            confirm(_move_question(plan), yes=yes)
        _carry_out(library, plan, as_json=as_json)


def _move_question(plan: AddPlan) -> str:
    files = sum(len(model.files) for model in plan.models)
    return f"add them and then remove {format_count(files, 'original')}?"


def _carry_out(library: Library, plan: AddPlan, *, as_json: bool) -> None:
    from modelfs.library.add import add as add_planned

    done: list[tuple[Added, PlannedModel]] = []
    try:
        with bars() as drawn:
            added = add_planned(library, plan, drawn.report)
            for planned, result in zip(plan.models, added, strict=True):
                done.append((result, planned))
                if not as_json:
                    with drawn.hidden():
                        _tell(result, planned)
    except ModelfsError as error:
        _finish(plan, done, as_json=as_json, error=error.message)
        raise
    _finish(plan, done, as_json=as_json, error=None)
    if not as_json:
        _suggest(library, done)


def _tell(result: Added, planned: PlannedModel) -> None:
    model = result.model
    if result.outcome == "already there":
        what = "it was damaged and is whole again" if result.new_bytes else "nothing was added"
        say(f"already there: {model.entry_name} in {model.category}; {what}")
        _tell_not_applied(planned)
    else:
        sure = HOW_SURE[planned.confidence]
        why = f" ({sure}: {planned.reason})" if planned.category_by == "guess" else ""
        say(f"added {model.entry_name} to {model.category}{why}")
    say(f"  {_bytes_told(result)}", style="dim")
    for warning in planned.facts.warnings if result.outcome == "added" else ():
        warn(f"{model.entry_name}: {warning}")
    verdict = str(planned.facts.details.get("pickle_verdict", ""))
    if verdict and not verdict.startswith("weights only"):
        warn(f"{model.entry_name}: {verdict}")
    for path in result.left_behind:
        warn(f"the original could not be removed: {path}")


def _tell_not_applied(planned: PlannedModel) -> None:
    if planned.tags or planned.category_by == "user":
        note("  its tags and category stay as they are: modelfs tag, modelfs set")


def _bytes_told(result: Added) -> str:
    files = format_count(len(result.model.files), "file")
    size = format_size(result.model.size_bytes)
    if not result.new_bytes:
        return f"{files}, {size} logical; no new bytes on disk"
    shared = f", {format_size(result.shared_bytes)} were there" if result.shared_bytes else ""
    return f"{files}, {size} logical; {format_size(result.new_bytes)} new on disk{shared}"


def _finish(
    plan: AddPlan,
    done: Sequence[tuple[Added, PlannedModel]],
    *,
    as_json: bool,
    error: str | None,
) -> None:
    if as_json:
        print_json(document(plan, [added_document(*pair) for pair in done], error))
    else:
        tell_skipped(plan)


def _suggest(library: Library, done: Sequence[tuple[Added, PlannedModel]]) -> None:
    from modelfs.fs.state import mount_state

    fresh = [(r, p) for r, p in done if r.outcome == "added"]
    guessed = [result.model for result, planned in fresh if planned.confidence == "guess"]
    if guessed:
        note(f'wrong category? modelfs set "{guessed[0].entry_name}" category=…')
    if fresh and not mount_state(library.paths).mounted:
        next_step("modelfs mount")
