"""What a library needs done now and then: bytes checked little by little, and a quota held.

Each is for a process of its own, beside a mount or a service's timer, and says in lines what it
did.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from modelfs import durable, locks
from modelfs.catalog import models
from modelfs.catalog.records import ModelRecord
from modelfs.library import check, eviction
from modelfs.library.checked import Checked, CheckSummary
from modelfs.library.library import Library
from modelfs.units import format_size

_LOOKERS_S = 0.3
_NAMED = 5
"""Models that a line names."""


def scrub(library: Library, summary: CheckSummary, max_time_s: float) -> Iterator[Checked]:
    """Read blobs through whose turn it is by the setting ``scrub``, for about so long.

    A blob that was begun is read to its end. Does nothing while another process scrubs.
    """
    every_s = library.settings.scrub_s
    if every_s is None or not check.is_due(library, every_s):
        return
    with _alone(library) as alone:
        if alone:
            yield from check.read(
                library, summary, seal=False, older_than_s=every_s, max_time_s=max_time_s
            )


@contextmanager
def _alone(library: Library) -> Iterator[bool]:
    durable.make_folder(library.paths.jobs)
    file = library.paths.jobs / "scrub.lock"
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield locks.take_within(fd, exclusive=True, timeout_s=_LOOKERS_S)
    finally:
        os.close(fd)


def over_quota_bytes(library: Library) -> int:
    """Return by how much the library is larger than its quota; 0 without one."""
    limit = library.settings.quota_bytes
    return eviction.surplus_bytes(library, limit) if limit is not None else 0


def keep_quota(library: Library) -> Sequence[str]:
    """Let go of what was used longest ago and can be fetched again, until the quota is held.

    Returns what it did, and what it could not, in lines. What is pinned, open or not to be had
    again stays, whatever the quota says.
    """
    surplus = over_quota_bytes(library)
    if not surplus:
        return []
    plan = eviction.plan_to_fit(library, surplus, is_open=eviction.open_now(library))
    lines = []
    if plan.models:
        freed = eviction.evict(library, plan, is_open=eviction.open_now(library))
        known = models.get(library.catalog, [model.id for model in plan.models])
        gone = [model for model in known.values() if model.state == "remote"]
        lines.append(f"over its quota, let go of {_named(gone)}: {format_size(freed)} freed")
    if left := over_quota_bytes(library):
        trash = models.summary(library.catalog).trash_bytes
        in_trash = f"; {format_size(trash)} are in the trash" if trash else ""
        lines.append(
            f"{format_size(left)} over its quota of {library.settings.quota}, and nothing more can "
            f"be let go: the rest is pinned, open, or cannot be fetched again{in_trash}"
        )
    return lines


def _named(gone: Sequence[ModelRecord]) -> str:
    names = [model.entry_name for model in gone[:_NAMED]]
    more = [f"{len(gone) - _NAMED} more"] if len(gone) > _NAMED else []
    return ", ".join(names + more) or "nothing"
