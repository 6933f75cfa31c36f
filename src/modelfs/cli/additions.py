"""What adding would do and what it did, as JSON and as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelfs.cli.output import note, print_json
from modelfs.cli.tables import Column, is_drawn, is_wide, print_plain, print_table
from modelfs.units import format_count, format_size

if TYPE_CHECKING:
    from modelfs.library.add import Added
    from modelfs.library.addition import AddPlan, PlannedModel

SHOWN_SKIPPED = 3


def document(
    plan: AddPlan, models: Sequence[dict[str, object]], error: str | None, *, dry_run: bool = False
) -> dict[str, object]:
    """Return the JSON of ``add``; ``error`` is why it ended before the last model."""
    return {
        "dry_run": dry_run,
        "models": list(models),
        "skipped": [{"path": s.path, "reason": s.reason} for s in plan.skipped],
        "error": error,
    }


def added_document(result: Added, planned: PlannedModel) -> dict[str, object]:
    """Return the JSON of one model that was added or was there."""
    from modelfs.library import describe

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


def tell_skipped(plan: AddPlan) -> None:
    """Say on stderr what is left out, by reason."""
    if not plan.skipped:
        return
    reasons = Counter(skipped.reason for skipped in plan.skipped)
    note(f"left out {format_count(len(plan.skipped), 'path')}:")
    for reason, count in reasons.most_common():
        paths = [skipped.path for skipped in plan.skipped if skipped.reason == reason]
        more = f" and {count - SHOWN_SKIPPED} more" if count > SHOWN_SKIPPED else ""
        note(f"  {reason}: {', '.join(paths[:SHOWN_SKIPPED])}{more}")


def show_plan(plan: AddPlan, *, as_json: bool, aside: bool) -> None:
    """Show what adding would do, as data or, ``aside``, before a question."""
    if as_json:
        print_json(document(plan, [planned_document(m) for m in plan.models], None, dry_run=True))
        return
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
    tell_skipped(plan)


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
