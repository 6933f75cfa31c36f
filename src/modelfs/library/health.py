"""What ``doctor`` looks at in store and catalogue: each check says what, why, and how to mend."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from modelfs import durable
from modelfs.catalog import changes, models
from modelfs.catalog.filters import Condition, Filter
from modelfs.catalog.records import DAMAGE
from modelfs.errors import ModelfsError
from modelfs.library import rows
from modelfs.library.check import clear, look_at_blobs
from modelfs.library.checked import Checked, CheckSummary, whom
from modelfs.library.collect import plan_collection
from modelfs.library.leftover_jobs import plan_clearing
from modelfs.library.library import Library
from modelfs.library.rows import REBUILD
from modelfs.library.snapshots import snapshots
from modelfs.library.watching import listed
from modelfs.units import format_count, format_size, format_time

Verdict = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    found: str
    why: str
    """Why it matters."""
    mend: str = ""
    """What to do when it is not ok."""


def check_library(library: Library) -> Iterator[Check]:
    """Look at the store and the catalogue; cheap, reads no blob."""
    for name, check in _CHECKS.items():
        try:
            yield check(library)
        except ModelfsError as error:
            yield Check(name, "problem", error.message, "it could not be looked at", _MEND)


_MEND = f"the bytes are still in the store: {REBUILD}"


def _store(library: Library) -> Check:
    root = library.paths.root
    usable = library.paths.blobs.is_dir() and os.access(root, os.W_OK)
    return Check(
        "store",
        "ok" if usable else "problem",
        str(root) if usable else f"{root} cannot be written",
        "all bytes are kept here",
        "" if usable else "mount its disk, or mend the owner of the folder",
    )


def _space(library: Library) -> Check:
    free, reserve = durable.free_bytes(library.paths.root), library.store.reserve_bytes
    return Check(
        "free space",
        "ok" if free > reserve else "warning",
        f"{format_size(free)} free, {format_size(reserve)} kept in reserve",
        "nothing is added once only the reserve is left",
        "" if free > reserve else "modelfs trash empty, modelfs gc, modelfs evict",
    )


def _catalog(library: Library) -> Check:
    found = list(rows.check_catalog(library))
    return _summed_up("catalogue", "every page and row read", found, "it knows what every blob is")


def _blobs(library: Library) -> Check:
    summary = CheckSummary()
    found = [*clear(library), *look_at_blobs(library, summary)]
    counted = f"{format_count(summary.looked_at, 'blob')} looked at"
    return _summed_up("blobs", counted, found, "a name without its bytes cannot be read")


_TOLD = 5
"""Findings of one check that are told in full."""


def _summed_up(name: str, looked_at: str, found: Sequence[Checked], why: str) -> Check:
    damaged = any(checked.finding.is_damage for checked in found)
    details = [f"{whom(checked)}: {checked.finding.detail}" for checked in found[:_TOLD]]
    more = [f"and {len(found) - _TOLD} more"] if len(found) > _TOLD else []
    return Check(
        name,
        "problem" if damaged else "warning" if found else "ok",
        "; ".join([looked_at, *details, *more]),
        why,
        "; ".join(dict.fromkeys(checked.action for checked in found[:_TOLD])),
    )


def _snapshots(library: Library) -> Check:
    last = next(iter(snapshots(library.paths)), None)
    newest, changed_at = changes.newest(library.catalog)
    behind = last is None or (last.change != newest and changed_at - last.taken_at > _LATE_S)
    found = "none yet" if last is None else f"the last one is of {format_time(last.taken_at)}"
    return Check(
        "snapshots",
        "warning" if behind else "ok",
        found,
        "a catalogue that is lost is rebuilt from the last one",
        f"see that {library.paths.snapshots} can be written" if behind else "",
    )


_LATE_S = 86400.0


def _clock(library: Library) -> Check:
    ahead_s = changes.latest_moment(library.catalog) - time.time()
    behind = ahead_s > _CLOCK_SLACK_S
    return Check(
        "clock",
        "warning" if behind else "ok",
        f"{ahead_s:.0f} s behind the last change" if behind else "not behind the last change",
        "what is old or unused is told by it; nothing else is",
        "set it (date); what it made younger stays until it has caught up" if behind else "",
    )


_CLOCK_SLACK_S = 60.0


def _damaged(library: Library) -> Check:
    bad = models.find(library.catalog, Filter([Condition("state", DAMAGE)]))
    names = ", ".join(model.entry_name for model in bad[:5])
    return Check(
        "damage",
        "problem" if bad else "ok",
        f"{format_count(len(bad), 'model')} with damage: {names}" if bad else "none known",
        "their files answer EIO instead of wrong bytes",
        "add the same files again: that heals them" if bad else "",
    )


def _leftovers(library: Library) -> Check:
    plan = plan_collection(library)
    return Check(
        "leftovers",
        "warning" if plan.leftovers else "ok",
        f"{format_count(len(plan.leftovers), 'thing')}, {format_size(plan.freed_bytes)}"
        if plan.leftovers
        else "none",
        "what a crash left behind takes space and does nothing",
        "modelfs gc" if plan.leftovers else "",
    )


def _jobs(library: Library) -> Check:
    states: list[str] = [each.job.state for each in listed(library)]
    stopped = [state for state in states if state in _STOPPED]
    left = plan_clearing(library)
    counts = [(stopped.count(state), state) for state in _STOPPED]
    found = [f"{format_count(count, 'job')} {state}" for count, state in counts if count]
    if left.partials:
        files = format_count(len(left.partials), "partial file")
        found.append(f"{files} that nobody goes on with, {format_size(left.freed_bytes)}")
    mends = ["modelfs jobs resume"] if stopped else []
    mends += ["modelfs jobs clean"] if left.partials else []
    return Check(
        "jobs",
        "warning" if found else "ok",
        ", ".join(found) or "none that stopped",
        "what has come takes space until it is gone on with, or cleaned",
        ", ".join(mends),
    )


_STOPPED = ("paused", "failed")

_CHECKS = {
    "store": _store,
    "free space": _space,
    "catalogue": _catalog,
    "blobs": _blobs,
    "damage": _damaged,
    "leftovers": _leftovers,
    "jobs": _jobs,
    "snapshots": _snapshots,
    "clock": _clock,
}
