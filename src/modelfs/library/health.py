"""What ``doctor`` looks at in store and catalogue: each check says what, why, and how to mend."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from modelfs import durable
from modelfs.catalog import models
from modelfs.catalog.filters import Condition, Filter
from modelfs.errors import ModelfsError
from modelfs.library.check import CheckSummary, look
from modelfs.library.collect import plan_collection
from modelfs.library.library import Library
from modelfs.units import format_count, format_size

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


_MEND = (
    "the bytes are still in the store; a new library takes them from their originals: "
    "modelfs init --store DIR"
)


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
        "" if free > reserve else "modelfs trash empty, modelfs gc",
    )


def _catalog(library: Library) -> Check:
    problems = library.catalog.problems()
    return Check(
        "catalogue",
        "problem" if problems else "ok",
        "; ".join(problems[:3]) or "structure and references are sound",
        "it knows what every blob is",
        f"keep a copy of {library.paths.catalog} and report this" if problems else "",
    )


def _blobs(library: Library) -> Check:
    summary = CheckSummary()
    findings = list(look(library, summary))
    damaged = any(found.finding.is_damage for found in findings)
    details = [f"{', '.join(f.models) or f.finding.blob}: {f.finding.detail}" for f in findings]
    return Check(
        "blobs",
        "problem" if damaged else "warning" if findings else "ok",
        "; ".join([f"{format_count(summary.looked_at, 'blob')} looked at", *details]),
        "a name without its bytes cannot be read",
        "; ".join(dict.fromkeys(found.action for found in findings)),
    )


def _damaged(library: Library) -> Check:
    bad = models.find(library.catalog, Filter([Condition("state", ("damaged", "missing"))]))
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


_CHECKS = {
    "store": _store,
    "free space": _space,
    "catalogue": _catalog,
    "blobs": _blobs,
    "damage": _damaged,
    "leftovers": _leftovers,
}
