"""Long work on what is on this machine, with what it is run again from: adding, and checking.

Needs no network, and is not to load what fetching needs.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from modelfs import paths
from modelfs.catalog.jobs import JobRecord
from modelfs.errors import Damaged
from modelfs.library import check
from modelfs.library.add import Added, add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.library.checked import Checked, CheckSummary
from modelfs.library.library import Library
from modelfs.library.tracking import tracked
from modelfs.progress import Report, silent
from modelfs.units import format_count


def adding(
    library: Library, sources: Sequence[str], options: AddOptions, report: Report = silent
) -> AbstractContextManager[Report]:
    """Give the report of an addition from this machine, which becomes a job when it lasts."""
    request = {
        "sources": [str(paths.absolute(source)) for source in sources],
        "name": options.name,
        "category": options.category,
        "tags": list(options.tags),
        "move": options.move,
        "seal": options.seal,
    }
    # Names that are no UTF-8 are kept in the request, and shown as well as can be.
    shown = ", ".join(sources).encode(errors="surrogateescape").decode(errors="replace")
    return tracked(library, "add", f"add {shown}", request, report)


def add_again(library: Library, job: JobRecord, report: Report = silent) -> list[Added]:
    """Run an addition's job; what is in already is found so."""
    request = job.request
    options = AddOptions(
        name=request["name"],
        category=request["category"],
        tags=tuple(request["tags"]),
        move=request["move"],
        seal=request["seal"],
    )
    with tracked(library, job.kind, job.title, request, report, job=job) as following:
        return list(add(library, plan_add(library, request["sources"], options), following))


def verify_request(
    *, data: bool, seal: bool, max_time_s: float | None, older_than_s: float | None = None
) -> dict[str, object]:
    """Return what a check is run again from."""
    return {"data": data, "seal": seal, "max_time_s": max_time_s, "older_than_s": older_than_s}


def verified(
    library: Library, request: Mapping[str, Any], summary: CheckSummary, report: Report
) -> Iterator[Checked]:
    """Read blobs through as a request says; ``report`` is what ``tracked`` gives."""
    return check.read(
        library,
        summary,
        seal=request["seal"],
        unsealed_only=not request["data"],
        older_than_s=request.get("older_than_s"),  # older jobs have none
        max_time_s=request["max_time_s"],
        report=report,
    )


def verifying(
    library: Library, request: Mapping[str, Any], report: Report
) -> AbstractContextManager[Report]:
    """Give the report of a check that reads, which becomes a job when it lasts."""
    title = " ".join(["verify", *(f"--{name}" for name in ("data", "seal") if request[name])])
    return tracked(library, "verify", title, request, report)


def verify_again(library: Library, job: JobRecord, report: Report = silent) -> None:
    """Run a check's job; raise Damaged at the end when there is damage: the job is done."""
    request = job.request
    with tracked(library, job.kind, job.title, request, report, job=job) as following:
        found = verified(library, request, CheckSummary(), following)
        damage = [checked for checked in found if checked.finding.is_damage]
    if damage:
        raise Damaged(f"{format_count(len(damage), 'blob')} with damage", "modelfs doctor")
