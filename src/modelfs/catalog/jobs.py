"""Jobs: long work as rows, so that it survives its process and anybody can watch it.

Progress is written often and is not precious: it does not wait for the disk.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NewType

from modelfs.catalog.database import Catalog, Row

JobId = NewType("JobId", int)
JobState = Literal["queued", "running", "paused", "failed", "cancelled", "done"]
JobKind = Literal["fetch", "update", "add", "verify"]
Wish = Literal["pause", "cancel"]
OVER: frozenset[JobState] = frozenset({"done", "cancelled"})
"""Nobody needs to look at these again; one that failed waits to be retried."""

_JOB = (
    "SELECT id, kind, title, request, state, stage, done_bytes, total_bytes, per_s, error, hint, "
    "exit_code, attempts, wish, created_at, changed_at, ended_at FROM job"
)
_FILE = (
    "SELECT path, key, size_bytes, url, access, sha256, git_sha1, xet_hash, content, done_bytes, "
    "stage FROM job_file"
)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One piece of long work."""

    id: JobId
    kind: JobKind
    title: str
    request: Mapping[str, Any]
    state: JobState
    stage: str
    done_bytes: int
    total_bytes: int
    per_s: float | None
    error: str | None
    hint: str | None
    exit_code: int | None
    attempts: int
    wish: Wish | None
    created_at: float
    changed_at: float
    ended_at: float | None

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest takes at this speed; None where that cannot be said."""
        if self.state != "running" or not self.per_s or not self.total_bytes:
            return None
        return max(0, self.total_bytes - self.done_bytes) / self.per_s


@dataclass(frozen=True, slots=True)
class JobFile:
    """One file of a fetch."""

    path: str
    key: str
    size_bytes: int | None
    url: str
    access: str
    sha256: str | None = None
    git_sha1: str | None = None
    xet_hash: str | None = None
    content: bytes | None = None
    done_bytes: int = 0
    stage: str = "waiting"


def create(
    catalog: Catalog,
    kind: JobKind,
    title: str,
    request: Mapping[str, object],
    files: Sequence[JobFile] = (),
    *,
    state: JobState = "queued",
    total_bytes: int = 0,
) -> JobId:
    """Write a job with its files."""
    now = time.time()
    with catalog.write():
        catalog.rows(
            "INSERT INTO job (kind, title, request, state, total_bytes, created_at, changed_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [kind, title, json.dumps(request), state, total_bytes, now, now],
        )
        job = JobId(catalog.last_id)
        for file in files:
            catalog.rows(
                "INSERT INTO job_file (job, path, key, size_bytes, url, access, sha256, git_sha1, "
                "xet_hash, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    *(job, file.path, file.key, file.size_bytes, file.url, file.access),
                    *(file.sha256, file.git_sha1, file.xet_hash, file.content),
                ],
            )
    return job


def get(catalog: Catalog, job: JobId) -> JobRecord | None:
    """Return one job, or None."""
    rows = catalog.rows(f"{_JOB} WHERE id = ?", [job])
    return _record(rows[0]) if rows else None


def all_jobs(catalog: Catalog, *, over_too: bool = True) -> list[JobRecord]:
    """Return the jobs, oldest first."""
    where = "" if over_too else " WHERE state IN ('queued', 'running', 'paused', 'failed')"
    return [_record(row) for row in catalog.rows(f"{_JOB}{where} ORDER BY id")]


def next_queued(catalog: Catalog) -> JobRecord | None:
    """Return the job that has waited longest."""
    rows = catalog.rows(f"{_JOB} WHERE state = 'queued' ORDER BY id LIMIT 1")
    return _record(rows[0]) if rows else None


def files(catalog: Catalog, job: JobId) -> list[JobFile]:
    """Return the files of a job, by path."""
    rows = catalog.rows(f"{_FILE} WHERE job = ? ORDER BY path", [job])
    return [JobFile(*row) for row in rows]


def keys(catalog: Catalog) -> set[str]:
    """Return the keys of all partial files that a job may go on with."""
    rows = catalog.rows(
        "SELECT DISTINCT f.key FROM job_file f JOIN job j ON j.id = f.job WHERE j.state <> 'done'"
    )
    return {row[0] for row in rows}


def begin(catalog: Catalog, job: JobId) -> None:
    """Say that a job is being worked on, once more."""
    with catalog.write():
        catalog.rows(
            "UPDATE job SET state = 'running', attempts = attempts + 1, error = NULL, hint = NULL, "
            "exit_code = NULL, wish = NULL, ended_at = NULL, changed_at = ? WHERE id = ?",
            [time.time(), job],
        )


def end(
    catalog: Catalog,
    job: JobId,
    state: JobState,
    error: str | None = None,
    hint: str | None = None,
    exit_code: int = 0,
) -> None:
    """Say how a job ended, or that it waits to be resumed."""
    now = time.time()
    with catalog.write():
        catalog.rows(
            "UPDATE job SET state = ?, error = ?, hint = ?, exit_code = ?, wish = NULL, "
            "per_s = NULL, changed_at = ?, ended_at = ? WHERE id = ?",
            [state, error, hint, exit_code, now, now, job],
        )


def queue(catalog: Catalog, job: JobId) -> None:
    """Put a job back into the queue. The caller holds it: nobody works on it."""
    with catalog.write():
        catalog.rows(
            "UPDATE job SET state = 'queued', wish = NULL, error = NULL, hint = NULL, "
            "exit_code = NULL, ended_at = NULL, changed_at = ? WHERE id = ?",
            [time.time(), job],
        )


def wish(catalog: Catalog, job: JobId, what: Wish) -> bool:
    """Ask whoever works on a job to pause or to cancel it; False when nobody is said to."""
    with catalog.write():
        catalog.rows("UPDATE job SET wish = ? WHERE id = ? AND state = 'running'", [what, job])
        return bool(catalog.value("SELECT changes()"))


def set_filed(catalog: Catalog, job: JobId, filed: Mapping[str, str]) -> None:
    """Say which files of a fetch became part of models, by path, with their SHA-256."""
    with catalog.write(durable=False):
        for path, sha256 in filed.items():
            catalog.rows(
                "UPDATE job_file SET stage = 'filed', sha256 = coalesce(sha256, ?) "
                "WHERE job = ? AND path = ?",
                [sha256, job, path],
            )


def digest_of(catalog: Catalog, key: str) -> str | None:
    """Return the SHA-256 of a file that some fetch has brought, by the name of its bytes."""
    rows = catalog.rows(
        "SELECT sha256 FROM job_file WHERE key = ? AND stage = 'filed' AND sha256 IS NOT NULL "
        "LIMIT 1",
        [key],
    )
    return rows[0][0] if rows else None


def report(
    catalog: Catalog,
    job: JobId,
    stage: str,
    done_bytes: int,
    total_bytes: int,
    per_s: float | None,
    done_files: Mapping[str, tuple[int, str]],
) -> Wish | None:
    """Write how far a job is, with the bytes and stages of its files; return what is wished."""
    with catalog.write(durable=False):
        catalog.rows(
            "UPDATE job SET stage = ?, done_bytes = ?, total_bytes = ?, per_s = ?, changed_at = ? "
            "WHERE id = ?",
            [stage, done_bytes, total_bytes, per_s, time.time(), job],
        )
        for path, (file_bytes, file_stage) in done_files.items():
            catalog.rows(
                "UPDATE job_file SET done_bytes = ?, stage = ? WHERE job = ? AND path = ?",
                [file_bytes, file_stage, job, path],
            )
        found: Wish | None = catalog.value("SELECT wish FROM job WHERE id = ?", [job])
    return found


def forget(catalog: Catalog, job: JobId) -> None:
    """Delete a job's rows."""
    with catalog.write():
        catalog.rows("DELETE FROM job WHERE id = ?", [job])


def _record(row: Row) -> JobRecord:
    return JobRecord(row[0], row[1], row[2], json.loads(row[3]), *row[4:])
