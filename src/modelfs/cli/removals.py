"""What a removal would take and give back, shown before it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelfs.cli.listing import models_table
from modelfs.cli.output import note, warn
from modelfs.cli.tables import is_drawn, print_plain
from modelfs.units import format_size

if TYPE_CHECKING:
    from modelfs.library.removal import RemovalPlan


def show_plan(plan: RemovalPlan, frees: str, *, aside: bool) -> None:
    """Show the models that go, as data or, ``aside``, before a question.

    ``frees`` begins the line with the sum: it says which act gives it back.
    """
    if aside or is_drawn():
        models_table(plan.models, aside=aside)
    else:
        print_plain([[model.entry_name, model.category, model.size_bytes] for model in plan.models])
    if plan.pinned:
        warn(f"pinned: {', '.join(model.entry_name for model in plan.pinned)}")
    if plan.irreplaceable:
        names = ", ".join(model.entry_name for model in plan.irreplaceable)
        warn(f"cannot be fetched again, it came from a local file: {names}")
    note(f"{frees} {freed_in_words(plan)}")


def freed_in_words(plan: RemovalPlan) -> str:
    """Return what comes free on disk, and what stays because others have it too."""
    stays = f"; {format_size(plan.shared_bytes)} stay for other models" if plan.shared_bytes else ""
    return f"{format_size(plan.freed_bytes)} on disk{stays}"
