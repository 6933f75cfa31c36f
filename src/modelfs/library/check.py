"""Checking the store against the catalogue: the cheap look, the full read, the seals.

Damage is recorded first and set aside second, so that at no moment a name leads to bytes that
are known to be wrong. A full read that is stopped goes on where it was.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from modelfs.catalog import blobs, models
from modelfs.catalog.records import BlobRecord, State
from modelfs.library.library import Library, require_store
from modelfs.progress import Progress, Report, silent
from modelfs.store import scrub
from modelfs.store.intake import set_aside
from modelfs.store.scrub import Finding
from modelfs.types import BlobId


@dataclass(frozen=True, slots=True)
class Checked:
    """A finding, what was done about it, and whom it concerns."""

    finding: Finding
    action: str
    models: Sequence[str]


@dataclass(slots=True)
class CheckSummary:
    """What a check did; filled while it goes."""

    looked_at: int = 0
    read_bytes: int = 0
    sealed: int = 0
    unread: int = 0
    """Blobs that a full check did not get to in its time; the next one begins with these."""


def look(library: Library, summary: CheckSummary) -> Iterator[Checked]:
    """Check that every blob is there, with its size and mode; mend modes."""
    require_store(library.paths)
    for blob in blobs.everything(library.catalog):
        summary.looked_at += 1
        finding = scrub.look(library.store, blob.id, blob.size_bytes)
        if finding is not None:
            checked = _act(library, finding, blob)
            if checked is not None:
                yield checked
        elif blob.state == "missing":
            yield _reappeared(library, blob)


def read(
    library: Library,
    summary: CheckSummary,
    *,
    seal: bool,
    unsealed_only: bool = False,
    max_time_s: float | None = None,
    report: Report = silent,
) -> Iterator[Checked]:
    """Read every blob through, those first that were not read for longest; seal if asked."""
    require_store(library.paths)
    started = time.monotonic()
    chosen = list(blobs.everything(library.catalog, unsealed=unsealed_only))
    total, done = sum(blob.size_bytes for blob in chosen), 0
    for number, blob in enumerate(chosen):
        if max_time_s is not None and time.monotonic() - started >= max_time_s:
            summary.unread = len(chosen) - number
            return
        finding, digests = scrub.read_through(
            library.store,
            blob.id,
            blob.size_bytes,
            seal=seal,
            advance=partial(_advance, report, blob.id, done, total),
        )
        done += blob.size_bytes
        summary.looked_at += 1
        if digests is not None:
            summary.read_bytes += blob.size_bytes
            finding = _settle(library, blob, digests.sha256, summary)
        if finding is not None:
            checked = _act(library, finding, blob)
            if checked is not None:
                yield checked


def _advance(report: Report, blob: BlobId, before: int, total: int, done: int) -> None:
    report(Progress("reading", blob, before + done, total))


def _settle(
    library: Library, blob: BlobRecord, sha256: str | None, summary: CheckSummary
) -> Finding | None:
    """Record that a blob was read and is right; a seal that no longer fits is damage."""
    if sha256 is not None and blob.sha256 is not None and sha256 != blob.sha256:
        return Finding(blob.id, "data", "its bytes no longer fit its SHA-256 seal")
    with library.catalog.write():
        blobs.set_checked(library.catalog, blob.id, sha256)
        blobs.set_state(library.catalog, blob.id, "ok")
    summary.sealed += sha256 is not None and blob.sha256 is None
    return None


def _reappeared(library: Library, blob: BlobRecord) -> Checked:
    with library.catalog.write():
        blobs.set_state(library.catalog, blob.id, "ok")
    finding = Finding(blob.id, "back", "its file was gone and is back")
    return Checked(finding, "listed as whole again; verify --data reads it", _names(library, blob))


def _act(library: Library, finding: Finding, blob: BlobRecord) -> Checked | None:
    """Do what loses nothing about a finding; None when the blob went away by itself meanwhile."""
    if finding.kind == "mode":
        scrub.mend_mode(library.store, blob.id)
        return Checked(finding, "made read-only again", _names(library, blob))
    if finding.kind == "linked":  # an original that an interrupted --move left behind
        action = "through that name it could be changed; add that file again with --move"
        return Checked(finding, action, _names(library, blob))
    with library.store.entering():
        known = blobs.get(library.catalog, blob.id)
        if known is None:
            return None
        # What was set aside as damaged is gone from its place, and damaged is still what it is.
        lost = finding.kind == "missing" and known.state != "damaged"
        state: State = "missing" if lost else "damaged"
        with library.catalog.write():
            blobs.set_state(library.catalog, blob.id, state)
        action = "its files answer EIO; add the same file again to heal it"
        if finding.kind in ("size", "data") and os.path.lexists(library.store.path(blob.id)):
            # Safety: recorded as damaged, kept in quarantine, never deleted here.
            set_aside(library.store, blob.id)
            action = f"set aside in quarantine; {action}"
    return Checked(finding, action, _names(library, blob))


def _names(library: Library, blob: BlobRecord) -> list[str]:
    return [model.entry_name for model in models.with_blobs(library.catalog, [blob.id])]
