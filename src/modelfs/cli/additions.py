"""What adding would do and what it did, as JSON and as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelfs.cli.output import note, say, warn
from modelfs.cli.showing import HOW_SURE
from modelfs.cli.tables import Column, is_drawn, is_wide, print_plain, print_table
from modelfs.units import format_count, format_size

if TYPE_CHECKING:
    from modelfs.library.add import Added
    from modelfs.library.addition import AddPlan, PlannedModel
    from modelfs.library.finding import Skipped

SHOWN_SKIPPED = 3
_WAS = {"damaged": "it was damaged", "missing": "it was lost", "remote": "it was evicted"}


def document(
    skipped: Sequence[Skipped],
    models: Sequence[dict[str, object]],
    fetches: Sequence[dict[str, object]],
    error: str | None,
    *,
    dry_run: bool = False,
) -> dict[str, object]:
    """Return the JSON of ``add``; ``error`` is why it ended before the last model."""
    return {
        "dry_run": dry_run,
        "models": list(models),
        "fetches": list(fetches),
        "skipped": [{"path": s.path, "reason": s.reason} for s in skipped],
        "error": error,
    }


def added_document(result: Added) -> dict[str, object]:
    """Return the JSON of one model that was added or was there."""
    from modelfs.library import describe

    planned = result.planned
    return {
        "outcome": result.outcome,
        "model": describe.listed(result.model),
        "new_bytes": result.new_bytes,
        "shared_bytes": result.shared_bytes,
        "reason": planned.reason,
        "confidence": planned.confidence,
        "warnings": list(planned.facts.warnings),
        "left_behind": [str(path) for path in result.left_behind],
    }


def planned_document(model: PlannedModel) -> dict[str, object]:
    """Return the JSON of one model that would be added."""
    facts = model.facts
    return {
        "outcome": "planned",
        "model": {
            "name": model.name,
            "entry_name": model.name + model.extension,
            "category": model.category,
            "tags": sorted({*model.tags, *model.auto_tags}),
            "format": facts.format,
            "quant": facts.quant,
            "architecture": facts.architecture,
            "parameters": facts.parameters,
            "size_bytes": model.size_bytes,
            "files": [{"path": f.path, "size_bytes": f.size_bytes} for f in model.files],
            "source": model.source,
        },
        "new_bytes": model.likely_new_bytes,
        "shared_bytes": model.size_bytes - model.likely_new_bytes,
        "reason": model.reason,
        "confidence": model.confidence,
        "warnings": list(facts.warnings),
        "left_behind": [],
    }


def tell_added(result: Added) -> None:
    """Say what became of one model."""
    model, planned = result.model, result.planned
    if result.outcome == "already there":
        what = (
            "nothing was added" if result.was == "ok" else f"{_WAS[result.was]} and is whole again"
        )
        say(f"already there: {model.entry_name} in {model.category}; {what}")
        if planned.tags or planned.category_by == "user":
            note("  its tags and category stay as they are: modelfs tag, modelfs set")
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


def _bytes_told(result: Added) -> str:
    files = format_count(len(result.model.files), "file")
    size = format_size(result.model.size_bytes)
    if not result.new_bytes:
        return f"{files}, {size} logical; no new bytes on disk"
    shared = f", {format_size(result.shared_bytes)} were there" if result.shared_bytes else ""
    return f"{files}, {size} logical; {format_size(result.new_bytes)} new on disk{shared}"


def tell_skipped(left_out: Sequence[Skipped]) -> None:
    """Say on stderr what is left out, by reason."""
    if not left_out:
        return
    reasons = Counter(skipped.reason for skipped in left_out)
    note(f"left out {format_count(len(left_out), 'path')}:")
    for reason, count in reasons.most_common():
        paths = [skipped.path for skipped in left_out if skipped.reason == reason]
        more = f" and {count - SHOWN_SKIPPED} more" if count > SHOWN_SKIPPED else ""
        note(f"  {reason}: {', '.join(paths[:SHOWN_SKIPPED])}{more}")


def show_plan(plan: AddPlan, *, aside: bool) -> None:
    """Show what adding would do, as data or, ``aside``, before a question."""
    if is_drawn() or aside:
        columns = [
            Column("Name", shrinks=2),
            Column("Category", shrinks=2),
            Column("Files", "right"),
            Column("Logical", "right"),
            Column("New on disk", "right"),
            Column("Why", shrinks=1),
        ][: None if is_wide(aside=aside) else -1]
        rows = [_plan_row(model)[: len(columns)] for model in plan.models]
        print_table(columns, rows, aside=aside)
    else:
        print_plain([_plan_line(model) for model in plan.models])
    note(
        f"{format_count(len(plan.models), 'model')}: {format_size(plan.size_bytes)} logical, "
        f"about {format_size(plan.likely_new_bytes)} new on disk"
    )


def _plan_row(model: PlannedModel) -> list[str]:
    return [
        model.name + model.extension,
        model.category,
        str(len(model.files)),
        format_size(model.size_bytes),
        format_size(model.likely_new_bytes),
        model.reason,
    ]


def _plan_line(model: PlannedModel) -> list[object]:
    sizes = model.size_bytes, model.likely_new_bytes
    return [model.name + model.extension, model.category, len(model.files), *sizes, model.reason]
