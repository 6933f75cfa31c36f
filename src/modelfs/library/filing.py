"""Fetched files become models: grouped, identified and entered like those that are added."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelfs.errors import Failed
from modelfs.fetch.download import Arrival
from modelfs.library.add import Added, add
from modelfs.library.addition import AddOptions, AddPlan, Origin, named, plan_found
from modelfs.library.finding import Found
from modelfs.library.library import Library
from modelfs.library.replacing import aimed, check_place
from modelfs.names import legal_path
from modelfs.progress import Report, silent
from modelfs.store import Staged
from modelfs.types import BlobId


def file_models(
    library: Library,
    request: Mapping[str, Any],
    held: Mapping[str, BlobId],
    arrived: Mapping[str, Arrival],
    report: Report = silent,
) -> list[Added]:
    """Make models of what was fetched, each in one transaction; return what became of them.

    ``request`` is a fetch's; ``held`` and ``arrived`` are by the source's paths. Raises what
    ``add`` raises; what was not entered stays in ``staging/``.
    """
    return list(add(library, plan_filing(library, request, held, arrived), report))


def plan_filing(
    library: Library,
    request: Mapping[str, Any],
    held: Mapping[str, BlobId],
    arrived: Mapping[str, Arrival],
) -> AddPlan:
    """Say which models the fetched files make."""
    check_place(library, request.get("replaces"), request["source"])
    legal = {path: legal_path(path.split("/")) for path in (*held, *arrived)}
    files = {legal[path]: library.store.path(blob) for path, blob in held.items()}
    files |= {legal[path]: arrival.path for path, arrival in arrived.items()}
    # Equal files of a repository arrived once, and are one blob.
    staged = {arrival.path: _staged(arrival) for arrival in arrived.values()}
    origin = Origin(
        source=request["source"],
        told=request["told"],
        held={legal[path]: blob for path, blob in held.items()},
        staged={legal[path]: staged[arrival.path] for path, arrival in arrived.items()},
    )
    # A made-up folder: its names are those of the source, which say what the models are.
    found = Found(Path("/", *legal_path(request["title"].split("/")).split("/")), True, files, [])
    options = AddOptions(
        name=request["name"],
        category=request["category"],
        tags=tuple(request["tags"]),
        notes=request["notes"],
        pinned=request["pinned"],
    )
    plan = plan_found(library, found, options, origin)
    if not plan.models:
        reason = f": {plan.skipped[0].reason}" if plan.skipped else ""
        raise Failed(f"what came from {request['source']} makes no model{reason}")
    if options.name is None:
        return replace(plan, models=aimed(plan.models, request.get("replaces")))
    return AddPlan((named(library, plan.models, options.name),), plan.skipped, False, False)


def _staged(arrival: Arrival) -> Staged:
    return Staged(
        size_bytes=arrival.partial.size_bytes,
        sample=arrival.sample(),
        digests=arrival.arrived.digests,
        fd=arrival.partial.fd,
        path=arrival.path,
        data_start=arrival.arrived.data_start,
        is_kept=True,
    )
