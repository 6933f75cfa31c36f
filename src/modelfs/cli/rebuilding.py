"""``doctor --rebuild``: a lost catalogue made again, after showing what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelfs.cli.confirm import confirm
from modelfs.cli.output import next_step, note, print_json, say, warn
from modelfs.cli.progress import bars
from modelfs.units import format_count, format_time

if TYPE_CHECKING:
    from modelfs.library.rebuild import RebuildPlan


def rebuild_catalog(*, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Plan, show, ask and rebuild."""
    from modelfs import config
    from modelfs.library.rebuild import end_interrupted, plan_rebuild, rebuild
    from modelfs.paths import StorePaths

    paths = StorePaths(config.configured_store())
    if not dry_run and end_interrupted(paths):
        note("the rebuild that was cut off is done now")
        return
    plan = plan_rebuild(paths)
    missing: list[str] = []
    if not as_json:
        _show(plan)
    if not dry_run:
        confirm("make the catalogue again from this?", yes=yes)
        with bars() as drawn:
            missing = rebuild(paths, plan, drawn.report)
    if as_json:
        print_json(_document(plan, missing, dry_run=dry_run))
    elif not dry_run:
        _tell(missing)


def _show(plan: RebuildPlan) -> None:
    say(f"what is wrong: {plan.why}")
    say(f"comes back: {format_count(plan.models, 'model')}, those in the trash included")
    if plan.snapshot:
        say(f"filled from the snapshot of {format_time(plan.snapshot.taken_at)}")
    for loss in plan.losses:
        say(f"does not come back: {loss}", "yellow")


def _tell(missing: list[str]) -> None:
    say("the catalogue is there again; what was left of the old one is kept in lost+found")
    for name in missing:
        warn(f"{name} lacks bytes: add the same files again, or modelfs rm it")
    next_step("modelfs verify --data")


def _document(plan: RebuildPlan, missing: list[str], *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "why": plan.why,
        "snapshot_at": format_time(plan.snapshot.taken_at) if plan.snapshot else None,
        "models": plan.models,
        "recovered_files": len(plan.foundlings),
        "recovered_bytes": sum(foundling.size_bytes for foundling in plan.foundlings),
        "losses": list(plan.losses),
        "missing": missing,
    }
