"""Checking store and catalogue: the cheap look, the full read, the seals; and mending.

Damage is recorded first and set aside second, so that at no moment a name leads to bytes that
are known to be wrong. A full read that is stopped goes on where it was. A catalogue with damaged
pages is left alone: only a rebuild touches it.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from modelfs import durable
from modelfs.catalog import blobs, changes, models
from modelfs.catalog.records import NOT_HERE, BlobRecord, State
from modelfs.errors import NoSpace
from modelfs.hashing import Digests
from modelfs.library import rows
from modelfs.library.checked import Checked, CheckSummary
from modelfs.library.library import Library, require_store
from modelfs.progress import Progress, Report, silent
from modelfs.store import Finding, Intake, open_source, scrub
from modelfs.store.strays import home_of, is_blob_name, put_away, put_home, set_aside, strays
from modelfs.types import BlobId


def look(library: Library, summary: CheckSummary) -> Iterator[Checked]:
    """Check rows, stray files, and that every blob is there with its size and mode; mend these."""
    sound = True
    for checked in around(library):
        yield checked
        sound = sound and checked.finding.kind != "page"
    if sound:
        yield from look_at_blobs(library, summary)


def look_at_blobs(library: Library, summary: CheckSummary) -> Iterator[Checked]:
    """Check that every blob is there with its size and mode, and record what is not."""
    for blob in blobs.everything(library.catalog):
        if _was_let_go(library, blob):
            continue
        summary.looked_at += 1
        there = _occupant(library, blob)
        finding = scrub.look(library.store, blob.id, blob.size_bytes)
        checked = None
        if finding is not None:
            checked = _act(library, finding, blob, there)
        elif blob.state in NOT_HERE:
            checked = _reappeared(library, blob)
        if checked is not None:
            yield checked


def read(
    library: Library,
    summary: CheckSummary,
    *,
    seal: bool,
    unsealed_only: bool = False,
    older_than_s: float | None = None,
    max_time_s: float | None = None,
    report: Report = silent,
) -> Iterator[Checked]:
    """Read every blob through, those first that were not read for longest; seal if asked.

    Before that comes all that ``look`` finds beside the blobs. With ``older_than_s`` only whole
    ones that were not read for so long.
    """
    sound = True
    for found in around(library):
        yield found
        sound = sound and found.finding.kind != "page"
    if not sound:
        return
    started = time.monotonic()
    everything = blobs.everything(library.catalog, unsealed=unsealed_only)
    chosen = [blob for blob in everything if not _was_let_go(library, blob)]
    if older_than_s is not None:
        before = time.time() - older_than_s
        chosen = [b for b in chosen if b.state == "ok" and (b.checked_at or 0) < before]
    total, done = sum(blob.size_bytes for blob in chosen), 0
    for number, blob in enumerate(chosen):
        if max_time_s is not None and time.monotonic() - started >= max_time_s:
            summary.unread = len(chosen) - number
            return
        advance = partial(_advance, report, blob.id, done, total)
        yield from _check_one(library, blob, summary, seal=seal, advance=advance)
        done += blob.size_bytes


def is_due(library: Library, age_s: float) -> bool:
    """Say whether a whole blob was not read for so long; costs one query."""
    return blobs.oldest_check(library.catalog) < time.time() - age_s


def seal(library: Library, chosen: Sequence[BlobId], report: Report = silent) -> Iterator[Checked]:
    """Read blobs and record their SHA-256; gives the damage that this finds, which is recorded."""
    found = [blob for each in chosen if (blob := blobs.get(library.catalog, each)) is not None]
    total, done = sum(blob.size_bytes for blob in found), 0
    for blob in found:
        advance = partial(_advance, report, blob.id, done, total)
        if blob.sha256 is None and blob.state == "ok":
            yield from _check_one(library, blob, CheckSummary(), seal=True, advance=advance)
        done += blob.size_bytes


def _check_one(
    library: Library,
    blob: BlobRecord,
    summary: CheckSummary,
    *,
    seal: bool,
    advance: "partial[None]",
) -> Iterator[Checked]:
    there = _occupant(library, blob)
    for finding in _read_one(library, blob, summary, seal=seal, advance=advance):
        checked = _act(library, finding, blob, there, was_read=True)
        if checked is not None:
            yield checked


def around(library: Library) -> Iterator[Checked]:
    """Check all but the blobs: the catalogue, and what lies among the blobs and is none.

    Nothing is written to a catalogue with damaged pages.
    """
    require_store(library.paths)
    sound = True
    for checked in rows.check_catalog(library):
        yield checked
        sound = sound and checked.finding.kind != "page"
    if sound:
        yield from clear(library)


def _read_one(
    library: Library,
    blob: BlobRecord,
    summary: CheckSummary,
    *,
    seal: bool,
    advance: "partial[None]",
) -> Iterator[Finding]:
    """Read one blob; give what is wrong, the bytes first."""
    beside = scrub.look(library.store, blob.id, blob.size_bytes)
    finding, digests = scrub.read_through(
        library.store,
        blob.id,
        blob.size_bytes,
        seal=seal,
        advance=advance,
        data_start=blob.data_start,
    )
    summary.looked_at += 1
    if digests is not None:
        summary.read_bytes += blob.size_bytes
        finding = _settle(library, blob, digests, summary)
    if finding is not None:
        yield finding
    elif beside is not None and not beside.is_damage:
        yield beside


def _advance(report: Report, blob: BlobId, before: int, total: int, done: int) -> None:
    report(Progress("reading", blob, before + done, total))


def _settle(
    library: Library, blob: BlobRecord, digests: Digests, summary: CheckSummary
) -> Finding | None:
    """Record that a blob was read and is right; a seal that no longer fits is damage."""
    sha256 = digests.sha256
    if sha256 is not None and blob.sha256 is not None and sha256 != blob.sha256:
        return Finding(blob.id, "data", "its bytes no longer fit its SHA-256 seal")
    known = blobs.get(library.catalog, blob.id)
    heals = known is not None and known.state != "ok"
    # Where nothing is deleted: what was read may have been evicted since it was opened.
    with library.store.entering() if heals else nullcontext(), library.catalog.write():
        blobs.set_checked(library.catalog, blob.id, sha256, digests.data)
        if heals and library.store.has(blob.id, blob.size_bytes):
            blobs.set_state(library.catalog, blob.id, "ok")
    summary.sealed += sha256 is not None and blob.sha256 is None
    return None


def _was_let_go(library: Library, blob: BlobRecord) -> bool:
    """Say whether a blob is away because somebody evicted it, and so is no finding."""
    return blob.state == "remote" and not os.path.lexists(library.store.path(blob.id))


def _reappeared(library: Library, blob: BlobRecord) -> Checked | None:
    # Where nothing is deleted: an eviction commits first, and takes the file away second.
    with library.store.entering(), library.catalog.write():
        known = blobs.get(library.catalog, blob.id)
        if known is None or known.state not in NOT_HERE:  # healed or gone since it was listed
            return None
        if not library.store.has(blob.id, blob.size_bytes):
            return None
        blobs.set_state(library.catalog, blob.id, "ok")
    was = "was gone and is back" if known.state == "missing" else "was to be evicted and is here"
    finding = Finding(blob.id, "back", f"its file {was}")
    return Checked(finding, "listed as whole again; verify --data reads it", _names(library, blob))


def _act(
    library: Library,
    finding: Finding,
    blob: BlobRecord,
    there: tuple[int, int] | None,
    *,
    was_read: bool = False,
) -> Checked | None:
    """Do what loses nothing about a finding; None when it does not hold any more.

    ``there`` is what was in the blob's place before the look.
    """
    # Alone: between the look and now others may have collected the blob, or collected it and
    # brought it again, or healed it; and what is being moved in has two names for a moment.
    with library.store.deleting():
        known = blobs.get(library.catalog, blob.id)
        if known is None or not _holds(library, finding, blob, there):
            return None
        if finding.kind == "missing" and known.state == "remote":  # evicted since it was listed
            return None
        if finding.kind == "mode":
            scrub.mend_mode(library.store, blob.id)
            action = "made read-only again"
        elif finding.kind != "linked":
            action = _record(library, finding, known)
    if finding.kind == "linked":
        action = _unlink_outside(library, blob, was_read=was_read)
    return Checked(finding, action, _names(library, blob))


def _holds(
    library: Library, finding: Finding, blob: BlobRecord, there: tuple[int, int] | None
) -> bool:
    now = _occupant(library, blob)
    if finding.kind == "missing":
        return now is None
    if finding.kind == "linked":
        return now is not None and os.lstat(library.store.path(blob.id)).st_nlink > 1
    return now == there


def _occupant(library: Library, blob: BlobRecord) -> tuple[int, int] | None:
    """Return what is in a blob's place: its inode, and when that changed, as numbers come again."""
    try:
        status = os.lstat(library.store.path(blob.id))
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns


def _record(library: Library, finding: Finding, blob: BlobRecord) -> str:
    """Record that a blob's bytes are lost, and set aside what is in their place."""
    # What was set aside as damaged is gone from its place, and damaged is still what it is.
    lost = finding.kind == "missing" and blob.state != "damaged"
    state: State = "missing" if lost else "damaged"
    action = "its files answer EIO; add the same file again to heal it"
    if blob.state == "remote":  # of these bytes nothing is lost: the source has them
        action = "its model can be fetched again"
    else:
        with library.catalog.write():
            blobs.set_state(library.catalog, blob.id, state)
    if finding.kind in ("size", "data") and os.path.lexists(library.store.path(blob.id)):
        # Safety: recorded as damaged, kept in quarantine, never deleted here.
        set_aside(library.store, blob.id)
        action = f"set aside in quarantine; {action}"
    return action


def _unlink_outside(library: Library, blob: BlobRecord, *, was_read: bool) -> str:
    """See to it that a blob has no second name: end the move that left it, or copy the bytes."""
    ours = library.store.path(blob.id)
    for text in changes.originals(library.catalog, blob.id):
        original = Path(text)
        with library.store.entering():
            if os.path.lexists(original) and os.path.samestat(original.lstat(), ours.lstat()):
                # Safety: --move was asked for exactly this file, and the very same file is named.
                original.unlink()
                durable.fsync_folder(original.parent)
                return f"the move that was cut off is done: {original} is gone"
    if not was_read:
        return "it could be changed through that name; verify --data gives the store its own copy"
    with Intake(library.store, silent) as intake, open_source(ours) as source:
        try:
            staged = intake.copy(source, "", seal=False)
        except NoSpace as error:
            return f"there is no room to give the store its own copy: {error.message}"
        intake.judge(staged)
        with library.store.entering():
            if staged.digests.xxh3 != blob.id.partition("~")[0]:
                return "it is being changed through that name now; verify --data looks again"
            if blobs.get(library.catalog, blob.id) is not None:
                intake.enter(staged)
    return "the store has its own copy now"


def clear(library: Library) -> Iterator[Checked]:
    """Move what is no blob out of the way of the blobs, and strayed blobs to their places."""
    library.store.make_folders()  # one that somebody removed would stop the next addition
    for path in list(strays(library.store)):
        finding = Finding(None, "stray", "it lies where only blobs belong", str(path))
        known = blobs.get(library.catalog, BlobId(path.name)) if is_blob_name(path.name) else None
        place = home_of(library.store, path, known.size_bytes) if known else None
        if place is not None:
            put_home(path, place)
            yield Checked(finding, "moved to its place; verify --data reads it")
        else:
            kept = put_away(path, library.paths.lost_found)
            yield Checked(finding, f"moved to {kept}")
    library.store.make_folders()


def _names(library: Library, blob: BlobRecord) -> list[str]:
    return [model.entry_name for model in models.with_blobs(library.catalog, [blob.id])]
