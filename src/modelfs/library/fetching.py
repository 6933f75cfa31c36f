"""Fetching: a plan becomes a job, a job brings its files, and its files become models.

One thread drives: it starts the downloads, watches them, writes how far they are for everybody who
watches, and ends them when it is told to. What has come stays, whatever ends it.
"""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager

from modelfs.catalog import blobs, jobs
from modelfs.catalog.database import Catalog
from modelfs.catalog.jobs import JobFile, JobId, JobRecord
from modelfs.errors import Cancelled
from modelfs.fetch.download import Arrival, Download, Means
from modelfs.fetch.listing import RemoteFile
from modelfs.fetch.partial import PartialFiles, remove_dead
from modelfs.fetch.sources.address import public_address
from modelfs.fetch.throttle import Throttle
from modelfs.fetch.web import Web
from modelfs.library import access
from modelfs.library.add import Added
from modelfs.library.fetch_plan import FetchPlan, check_space, git_key, held_blob
from modelfs.library.filing import file_models
from modelfs.library.jobs import Paused, creating, requeue, running
from modelfs.library.library import Library
from modelfs.library.replacing import check_place
from modelfs.library.speed import Speed
from modelfs.progress import Progress, Report, silent
from modelfs.store import BlobStore
from modelfs.types import BlobId, ModelId

_FILES_AT_ONCE = 8
_LARGE_BYTES = 64 << 20
_LARGE_AT_ONCE = 2
"""Each of them has several connections, and hashing takes a core."""
_CONNECTIONS = 4
_LOOK_S = 0.2
_WRITE_S = 1.0
"""So often progress is written, and wishes are read."""


def create_job(
    library: Library,
    plan: FetchPlan,
    *,
    replaces: ModelId | None = None,
    queued: bool = False,
) -> JobId:
    """Write a fetch down as a job, or find the one that was broken off and asks for the same.

    The caller runs it, unless it is ``queued`` for whoever works on the queue. ``replaces`` is the
    model whose place the new one takes. Raises NoSpace when it does not fit: nothing is written.
    """
    check_space(library, {f.key: f.size_bytes for f in plan.files if f.held is None})
    listing, options = plan.listing, plan.options
    title = public_address(plan.text)
    request = {
        "text": title,
        "source": listing.source,
        "title": listing.title,
        "told": {
            "asked": listing.asked,
            "facts": {name: _plain(value) for name, value in listing.facts.items()},
            "tags": list(listing.tags),
        },
        "name": options.name,
        "category": options.category,
        "tags": list(options.tags),
        "notes": options.notes,
        "pinned": options.pinned,
        "replaces": replaces,
    }
    files = [_row(file.key, file.remote) for file in plan.files]
    kind: jobs.JobKind = "fetch" if replaces is None else "update"
    total = plan.size_bytes - plan.here_bytes
    state: jobs.JobState = "queued" if queued else "paused"
    create = jobs.create
    with creating(library):
        begun = _same(library, request, {file.path for file in files})
        if begun is None:
            return create(
                library.catalog, kind, title, request, files, state=state, total_bytes=total
            )
    if queued:
        requeue(library, begun)
    return begun


def _same(library: Library, request: Mapping[str, object], paths: set[str]) -> JobId | None:
    """Return the job that asks for the same and is not over yet."""
    for job in jobs.all_jobs(library.catalog, over_too=False):
        files = jobs.files(library.catalog, job.id) if job.request == request else ()
        if files and {file.path for file in files} == paths:
            return job.id
    return None


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _row(key: str, remote: RemoteFile) -> JobFile:
    return JobFile(
        path=remote.path,
        key=key,
        size_bytes=remote.size_bytes,
        url=remote.url,
        access=remote.access,
        sha256=remote.sha256,
        git_sha1=remote.git_sha1,
        xet_hash=remote.xet_hash,
        content=remote.content,
    )


def run_job(library: Library, job: JobRecord, report: Report = silent) -> list[Added]:
    """Do a fetch, or go on with it, until its models are in the library.

    ``report`` is called a few times a second and may raise to end it. Raises what fetching raises,
    Refused when another process is at this job; what has come stays for the next time.
    """
    with running(library, job):
        return _Run(library, job, report).run()


def brought(library: Library, job: JobRecord) -> list[Added]:
    """Return the models that a fetch has brought, as one is told who asks for them again.

    Nothing is transferred; empty when they are not all here any more.
    """
    files = [file for file in jobs.files(library.catalog, job.id) if file.stage == "filed"]
    held = {file.path: held_blob(library, file.sha256) for file in files}
    here = {path: blob for path, blob in held.items() if blob is not None}
    return file_models(library, job.request, here, {}) if len(here) == len(held) > 0 else []


class _Run:
    """One attempt at a job."""

    def __init__(self, library: Library, job: JobRecord, report: Report) -> None:
        self._library = library
        self._job = job
        self._report = report
        self._files = {file.path: file for file in jobs.files(library.catalog, job.id)}
        self._speed = Speed()
        self._written_at = 0.0
        self._told: dict[str, tuple[int, str]] = {}

    def run(self) -> list[Added]:
        request = self._job.request
        check_place(self._library, request.get("replaces"), request["source"])
        settings = self._library.settings
        with ExitStack() as stack:
            web = stack.enter_context(access.web(self._library))
            throttle = Throttle(settings.download_bytes_per_s)
            source = self._job.request["source"]
            store = self._library.store
            means = Means(store, web, source, throttle, self._is_held_now)
            held = self._held()
            downloads = {
                file.key: Download(means, _remote(file), file.key, _connections(file))
                for path, file in self._files.items()
                if path not in held
            }
            self._download(web, downloads)
            return self._file(held, downloads, self._hold(downloads, stack))

    def _held(self) -> dict[str, BlobId]:
        found = {}
        for path, file in self._files.items():
            blob = _held_as(self._library.catalog, self._library.store, file)
            if blob is not None:
                found[path] = blob
        return found

    def _is_held_now(self, remote: RemoteFile) -> bool:
        """As ``_held``, from another thread: the library belongs to ours."""
        catalog = Catalog.open(self._library.paths.catalog, read_only=True)
        try:
            return _held_as(catalog, self._library.store, remote) is not None
        finally:
            catalog.close()

    def _download(self, web: Web, downloads: Mapping[str, Download]) -> None:
        """Bring all files into ``staging/``."""
        # Small ones first: what is large then waits for no more than a slot of its own.
        order = sorted(downloads.values(), key=lambda each: each.size_bytes)
        large = [each for each in order if each.size_bytes >= _LARGE_BYTES]
        small = [each for each in order if each.size_bytes < _LARGE_BYTES]
        with (
            ThreadPoolExecutor(_FILES_AT_ONCE) as few,
            ThreadPoolExecutor(_LARGE_AT_ONCE) as many,
            _ended_if_broken_off(web, downloads, few, many),
        ):
            pending = {few.submit(each.run) for each in small}
            pending |= {many.submit(each.run) for each in large}
            while pending:
                done, pending = wait(pending, _LOOK_S, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                self._look(downloads, "downloading")
        self._look(downloads, "downloading", now=True)

    def _hold(self, downloads: Mapping[str, Download], stack: ExitStack) -> dict[str, Arrival]:
        """Take hold of what arrived, until the stack lets go of it."""

        def wait() -> None:
            self._look(downloads, "filing")
            time.sleep(_LOOK_S)

        found: dict[str, Arrival] = {}
        for key in sorted(downloads):  # in one order, or two processes would wait for each other
            arrival = downloads[key].hold(wait)
            if arrival is not None:
                stack.callback(arrival.partial.close)
                found[key] = arrival
        return found

    def _look(self, downloads: Mapping[str, Download], stage: str, *, now: bool = False) -> None:
        """Say how far it is, to our own face and to everybody else; raises to end it."""
        parts = [
            Progress(each.look(), each.remote.path, each.done_bytes, each.size_bytes)
            for each in downloads.values()
        ]
        done = sum(part.done for part in parts)
        total = sum(part.total for part in parts)
        begun = sum(each.begun_bytes for each in downloads.values())
        self._speed.add(done - begun)
        finished = all(part.step in ("verifying", "here") for part in parts)
        if stage == "downloading" and finished:
            stage = "verifying"
        active = [part for part in parts if part.step not in ("waiting", "here")]
        item = active[0].item if len(active) == 1 else self._job.request["title"]
        per_s = self._speed.per_s
        self._report(Progress(stage, item, done, total, "bytes", per_s, tuple(active)))
        if now or time.monotonic() - self._written_at >= _WRITE_S:
            self._written_at = time.monotonic()
            self._write(stage, done, total, {p.item: (p.done, p.step) for p in parts})
            left = {each.files.key: each.size_bytes for each in downloads.values()}
            check_space(self._library, left)

    def _write(
        self, stage: str, done: int, total: int, files: Mapping[str, tuple[int, str]]
    ) -> None:
        changed = {path: it for path, it in files.items() if self._told.get(path) != it}
        self._told.update(changed)
        catalog, per_s = self._library.catalog, self._speed.per_s
        wish = jobs.report(catalog, self._job.id, stage, done, total, per_s, changed)
        if wish == "pause":
            raise Paused("paused", f"modelfs jobs resume {self._job.id}")
        if wish == "cancel":
            raise Cancelled("cancelled", f"modelfs jobs resume {self._job.id}, or jobs clean")

    def _file(
        self,
        held: dict[str, BlobId],
        downloads: Mapping[str, Download],
        arrivals: Mapping[str, Arrival],
    ) -> list[Added]:
        self._look(downloads, "filing", now=True)
        arrived: dict[str, Arrival] = {}
        for path, file in self._files.items():
            if path not in held and file.key in arrivals:
                arrived[path] = arrivals[file.key]
            elif path not in held:  # another process has brought it meanwhile
                blob = _held_as(self._library.catalog, self._library.store, file)
                if blob is None:
                    raise Cancelled(f"{path} went away again", "run the same command again")
                held[path] = blob
        added = file_models(self._library, self._job.request, held, arrived, self._report)
        self._write_filed(held, arrived)
        for arrival in arrivals.values():
            # Safety: what was entered has been renamed away or is a blob already; the others are
            # files that no model wanted, and they can be fetched again.
            arrival.partial.files.remove()
        self._clear_staging(arrivals)
        return added

    def _clear_staging(self, arrivals: Mapping[str, Arrival]) -> None:
        """Remove what an attempt that was cut off left of files that the library has by now."""
        for key in {file.key for file in self._files.values()} - arrivals.keys():
            files = PartialFiles(self._library.paths.staging, key)
            if files.journal.exists() or files.part.exists():
                remove_dead(self._library.store, files)

    def _write_filed(self, held: Mapping[str, BlobId], arrived: Mapping[str, Arrival]) -> None:
        """Write down which files are part of the models, and the digests of what promised none."""
        found = {path: self._files[path].sha256 for path in held}
        found |= {path: arrival.arrived.digests.sha256 for path, arrival in arrived.items()}
        filed = {
            path: sha256
            for path, sha256 in found.items()
            if sha256 is not None and held_blob(self._library, sha256) is not None
        }
        jobs.set_filed(self._library.catalog, self._job.id, filed)


def _held_as(catalog: Catalog, store: BlobStore, file: JobFile | RemoteFile) -> BlobId | None:
    """Return a whole blob that has the bytes of a file, by the digest that is known of it."""
    sha256 = file.sha256
    if sha256 is None and file.git_sha1 is not None:
        sha256 = jobs.digest_of(catalog, git_key(file.git_sha1))
    found = blobs.sealed_as(catalog, sha256) if sha256 is not None else []
    return next((blob.id for blob in found if store.has(blob.id, blob.size_bytes)), None)


def _remote(file: JobFile) -> RemoteFile:
    return RemoteFile(
        path=file.path,
        size_bytes=file.size_bytes if file.content is None else len(file.content),
        url=file.url,
        sha256=file.sha256,
        git_sha1=file.git_sha1,
        access=file.access,  # type: ignore[arg-type]  # written from an Access
        xet_hash=file.xet_hash,
        content=file.content,
    )


def _connections(file: JobFile) -> int:
    return _CONNECTIONS if (file.size_bytes or _LARGE_BYTES) >= _LARGE_BYTES else 1


@contextmanager
def _ended_if_broken_off(
    web: Web, downloads: Mapping[str, Download], *pools: ThreadPoolExecutor
) -> Iterator[None]:
    """End all downloads when the block fails."""
    try:
        yield
    except BaseException:
        web.stop()
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)
        for each in downloads.values():
            each.stop()
        raise
