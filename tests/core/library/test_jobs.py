"""Jobs: rows that outlive their processes, wishes from elsewhere, the worker, and what is left."""

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import processes
from core.conftest import content, write
from modelfs.catalog import jobs as rows
from modelfs.catalog.jobs import JobFile, JobId, JobKind, JobRecord, JobState
from modelfs.errors import Cancelled, Failed, NoSpace, Refused
from modelfs.fetch.partial import Partial, PartialFiles
from modelfs.library import Library, jobs, local_work, open_library, work
from modelfs.library.collect import collect, plan_collection
from modelfs.library.health import check_library
from modelfs.library.leftover_jobs import clear, plan_clearing
from modelfs.library.tracking import tracked
from modelfs.library.watching import active, document, listed
from modelfs.progress import Progress, silent

DIES = """
import sys
from pathlib import Path
from modelfs.library import jobs, open_library
library = open_library(Path(sys.argv[1]))
with jobs.running(library, jobs.find(library, int(sys.argv[2]))):
    print("running", flush=True)
    sys.stdin.read()
"""


class Clock:
    """A clock that goes when it is told to."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def new(
    library: Library, state: JobState = "queued", *keys: str, kind: JobKind = "fetch"
) -> JobRecord:
    """Write a job down whose files have these keys."""
    files = [JobFile(f"{key}.gguf", key, 5000, "http://x/", "") for key in keys]
    job = rows.create(library.catalog, kind, "some work", {}, files, state=state)
    if state in ("paused", "failed", "cancelled", "done"):
        rows.end(library.catalog, job, state, "because", None, 1)
    return jobs.find(library, job)


def new_addition(library: Library, source: Path) -> JobRecord:
    """Queue a file of this machine."""
    asked = {"name": None, "category": None, "tags": [], "move": False, "seal": False}
    request = {"sources": [str(source)], **asked}
    return jobs.find(library, rows.create(library.catalog, "add", "add it", request))


def state(library: Library, job: JobRecord) -> JobState:
    return jobs.find(library, job.id).state


def partial(library: Library, key: str) -> PartialFiles:
    """Leave an unfinished transfer."""
    files = PartialFiles(library.paths.staging, key)
    opened = Partial.open(library.store, files, 5000)
    assert opened is not None
    opened.close()
    return files


def is_there(files: PartialFiles) -> bool:
    assert files.part.exists() == files.journal.exists()
    return files.part.exists()


@contextmanager
def in_another_process(library: Library, job: JobRecord) -> Iterator[subprocess.Popen[str]]:
    """Work on a job elsewhere, until that process is killed or the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", DIES, str(library.paths.root), str(job.id)],
        env=processes.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None and process.stdout.readline() == "running\n"
        yield process
        process.kill()


def test_a_row_has_what_was_written_and_counts_attempts(library: Library) -> None:
    job = new(library, "queued", "a", "b")
    assert [file.key for file in rows.files(library.catalog, job.id)] == ["a", "b"]
    with jobs.running(library, job):
        told = {"a.gguf": (300, "downloading")}
        assert rows.report(library.catalog, job.id, "downloading", 400, 1000, 50.0, told) is None
        (seen,) = active(library)
        assert (seen.job.state, seen.percent, seen.job.left_s) == ("running", 40.0, 12.0)
        assert seen.progress.files[0].done == 300
    shown = document(listed(library)[0])
    assert (shown["state"], shown["attempts"], shown["percent"]) == ("done", 1, 100.0)
    assert shown["bytes_per_s"] is None and shown["left_s"] is None and shown["error"] is None


def test_a_job_whose_process_died_is_paused_and_can_be_gone_on_with(library: Library) -> None:
    job = new(library)
    with in_another_process(library, job) as process:
        assert (state(library, job), len(active(library))) == ("running", 1)
        process.kill()
        process.wait(10)
        (seen,) = listed(library)
        assert (seen.job.state, seen.job.error) == ("paused", jobs.DIED)
        assert not active(library)
    with jobs.running(library, jobs.find(library, job.id)):
        assert listed(library)[0].job.attempts == 2
    assert state(library, job) == "done"


def test_a_second_runner_is_refused(library: Library) -> None:
    job = new(library)
    with in_another_process(library, job):
        with pytest.raises(Refused), jobs.running(library, jobs.find(library, job.id)):
            pass
        assert not jobs.requeue(library, job.id)
        assert state(library, job) == "running"


def test_one_who_looked_before_it_changed_is_refused(library: Library) -> None:
    job = new(library)
    assert jobs.cancel(library, job)
    with pytest.raises(Refused), jobs.running(library, job):
        pass
    assert state(library, job) == "cancelled"


def test_who_only_looks_keeps_nobody_from_taking_a_job(library: Library) -> None:
    job = new(library)
    ended = threading.Event()
    jobs.lock_file(library, job.id).parent.mkdir(exist_ok=True)

    def look() -> None:
        while not ended.is_set():
            jobs.is_alive(library, job.id)

    onlookers = [threading.Thread(target=look) for _ in range(2)]
    for onlooker in onlookers:
        onlooker.start()
    try:
        for _ in range(100):
            with jobs.held(library, job.id):
                pass
    finally:
        ended.set()
        for onlooker in onlookers:
            onlooker.join()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Failed("broken"), "failed"),
        (ValueError("a bug"), "failed"),
        (NoSpace("full"), "paused"),
        (KeyboardInterrupt(), "paused"),
        (SystemExit(143), "paused"),
        (jobs.Paused("asked to"), "paused"),
        (Cancelled("asked to"), "cancelled"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_ends_a_job_says_whether_it_waits(
    library: Library, error: BaseException, expected: JobState
) -> None:
    job = new(library)
    with pytest.raises(type(error)), jobs.running(library, job):
        raise error
    now = jobs.find(library, job.id)
    assert now.state == expected and now.error and not jobs.is_alive(library, job.id)


@pytest.mark.parametrize(("ask", "expected"), [("pause", "paused"), ("cancel", "cancelled")])
def test_who_runs_it_does_what_another_wishes(
    library: Library, ask: str, expected: JobState
) -> None:
    clock = Clock()
    with (
        pytest.raises(Cancelled),
        tracked(library, "verify", "verify", {}, clock=clock) as report,
        open_library(library.paths.root) as other,
    ):
        clock.now_s += 2
        report(Progress("reading", "a", 10, 100))
        (seen,) = active(other)
        assert getattr(jobs, ask)(other, seen.job)
        clock.now_s += 1
        report(Progress("reading", "a", 20, 100))
    assert listed(library)[0].job.state == expected


@pytest.mark.parametrize(("ask", "expected"), [("pause", "paused"), ("cancel", "cancelled")])
def test_what_nobody_runs_is_paused_or_cancelled_at_once(
    library: Library, ask: str, expected: JobState
) -> None:
    job = new(library)
    assert getattr(jobs, ask)(library, job)
    assert state(library, job) == expected
    assert jobs.cancel(library, job) == (expected == "paused")
    assert not jobs.cancel(library, new(library, "done"))


def test_only_what_lasts_becomes_a_job(library: Library) -> None:
    clock = Clock()
    heard: list[Progress] = []
    with tracked(library, "verify", "verify --data", {}, heard.append, clock=clock) as report:
        clock.now_s += 1.9
        report(Progress("reading", "a", 10, 100))
        assert not listed(library)
        clock.now_s += 0.1
        report(Progress("reading", "b", 30, 100))
        (seen,) = active(library)
        assert (seen.job.title, seen.percent) == ("verify --data", 30.0)
        clock.now_s += 0.9
        report(Progress("reading", "c", 40, 100))
        assert active(library)[0].percent == 30.0, "written once a second"
        clock.now_s += 0.1
        report(Progress("reading", "d", 50, 100))
        assert active(library)[0].percent == 50.0
    assert state(library, seen.job) == "done"
    assert [progress.done for progress in heard] == [10, 30, 40, 50]


def test_a_check_that_lasts_is_a_job_and_runs_again_from_its_row(
    library: Library, tmp_path: Path
) -> None:
    new_addition(library, write(tmp_path / "a.gguf", content(1)))
    work.work(library.paths.root)
    request = local_work.verify_request(data=True, seal=True, max_time_s=None)
    job = rows.create(library.catalog, "verify", "verify --data --seal", request, state="failed")
    assert work.run(library, jobs.find(library, job)) == []
    assert jobs.find(library, job).state == "done"
    assert library.catalog.value("SELECT count(*) FROM blob WHERE sha256 IS NOT NULL") == 1


def test_the_worker_does_what_is_queued_and_survives_what_fails(
    library: Library, tmp_path: Path
) -> None:
    paused = new(library, "paused")
    broken = new_addition(library, tmp_path / "nowhere.gguf")
    unknown = new(library, "queued", kind="verify")  # its request lacks everything
    good = new_addition(library, write(tmp_path / "a.gguf", content(1)))
    work.work(library.paths.root)
    found = [state(library, job) for job in (paused, broken, unknown, good)]
    assert found == ["paused", "failed", "failed", "done"]
    assert jobs.find(library, broken.id).exit_code == 3


def test_the_worker_does_what_is_queued_at_the_last_moment(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who queues while the worker has its lock starts none: it must look again without it."""
    first = new_addition(library, write(tmp_path / "a.gguf", content(1)))
    late: list[JobRecord] = []
    do_queued = work._do_queued

    def queue_one_more(*arguments: object) -> None:
        do_queued(*arguments)  # type: ignore[arg-type]
        if not late:
            late.append(new_addition(library, write(tmp_path / "b.gguf", content(2))))
            assert not work.start_worker(library), "one is there"

    monkeypatch.setattr(work, "_do_queued", queue_one_more)
    work.work(library.paths.root)
    assert [state(library, job) for job in (first, *late)] == ["done", "done"]


def test_a_second_worker_leaves_at_once(library: Library, tmp_path: Path) -> None:
    job = new_addition(library, write(tmp_path / "a.gguf", content(1)))
    library.paths.jobs.mkdir(exist_ok=True)
    with open(work.worker_lock(library), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        work.work(library.paths.root)
    assert state(library, job) == "queued"


def test_a_worker_that_is_told_to_end_pauses_what_it_does(library: Library, tmp_path: Path) -> None:
    first = new_addition(library, write(tmp_path / "a.gguf", content(1)))
    second = new_addition(library, write(tmp_path / "b.gguf", content(2)))
    begun: list[Progress] = []
    work.work(library.paths.root, begun.append, lambda: bool(begun))
    assert [state(library, job) for job in (first, second)] == ["paused", "queued"]


def test_a_job_that_is_cancelled_as_it_is_taken_is_not_done(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = new_addition(library, write(tmp_path / "a.gguf", content(1)))
    run = work.run

    def cancel_first(inner: Library, taken: JobRecord, report: object) -> object:
        assert jobs.cancel(inner, taken)
        return run(inner, taken, silent)

    monkeypatch.setattr(work, "run", cancel_first)
    work.work(library.paths.root)
    assert state(library, job) == "cancelled"


def test_gc_leaves_what_a_job_may_go_on_with(library: Library) -> None:
    new(library, "paused", "paused")
    new(library, "cancelled", "cancelled")
    new(library, "done", "done")
    kept = [partial(library, "paused"), partial(library, "cancelled")]
    gone = [partial(library, "done"), partial(library, "nobody")]
    assert not plan_collection(library, 60).leftovers, "younger than the grace"
    collect(library, plan_collection(library, 0))
    assert [is_there(each) for each in (*kept, *gone)] == [True, True, False, False]


def test_gc_leaves_what_is_begun_between_its_plan_and_its_deed(library: Library) -> None:
    files = partial(library, "nobody")
    plan = plan_collection(library, 0)
    assert len(plan.leftovers) == 2
    opened = Partial.open(library.store, files, 5000)
    assert opened is not None
    assert collect(library, plan) == 0 and is_there(files)
    assert not plan_collection(library, 0).leftovers
    opened.close()
    assert collect(library, plan) > 0 and not is_there(files)


def aged(library: Library, job: JobRecord, days: float) -> None:
    library.catalog.rows(
        "UPDATE job SET ended_at = ended_at - ? WHERE id = ?", [days * 86400, job.id]
    )


@pytest.mark.parametrize(
    ("asked", "going"),
    [
        ({}, {"cancelled", "old cancelled", "nobody"}),
        (
            {"older_than_s": 5 * 86400},
            {"old cancelled", "old paused", "old failed"},
        ),
        (
            {"everything": True},
            {
                "cancelled",
                "old cancelled",
                "paused",
                "old paused",
                "failed",
                "old failed",
                "nobody",
            },
        ),
    ],
    ids=["usual", "older", "all"],
)
def test_clean_removes_exactly_what_was_asked_for(
    library: Library, asked: dict[str, float], going: set[str]
) -> None:
    made: dict[str, JobRecord] = {}
    for each in ("cancelled", "paused", "failed"):
        made[each] = new(library, each, each, "shared")  # type: ignore[arg-type]
        made[f"old {each}"] = new(library, each, f"old {each}")  # type: ignore[arg-type]
        aged(library, made[f"old {each}"], 6)
    made["queued"] = new(library, "queued", "queued", "shared")
    files = {key: partial(library, key) for key in (*made, "nobody", "shared")}
    plan = plan_clearing(library, **asked)  # type: ignore[arg-type]
    assert all(is_there(each) for each in files.values()), "a plan removes nothing"
    assert {each.files.key for each in plan.partials} == going
    assert clear(library, plan) == plan.freed_bytes > 0
    assert {key for key in files if not is_there(files[key])} == going
    left = {job.id for job in rows.all_jobs(library.catalog)}
    assert left == {job.id for name, job in made.items() if name not in going}


def test_clean_forgets_what_was_done_a_month_ago(library: Library) -> None:
    recent, old = new(library, "done"), new(library, "done")
    aged(library, old, 31)
    clear(library, plan_clearing(library))
    assert [job.id for job in rows.all_jobs(library.catalog)] == [recent.id]
    clear(library, plan_clearing(library, everything=True))
    assert not rows.all_jobs(library.catalog)


def test_clean_leaves_what_was_begun_after_its_plan(library: Library) -> None:
    again, taken = new(library, "cancelled", "again"), new(library, "cancelled", "taken")
    files = [partial(library, "again"), partial(library, "taken"), partial(library, "nobody")]
    plan = plan_clearing(library, everything=True)
    assert len(plan.partials) == 3
    assert jobs.requeue(library, again.id)
    opened = Partial.open(library.store, files[2], 5000)
    assert opened is not None
    with jobs.held(library, taken.id):
        assert clear(library, plan) == 0
    assert all(is_there(each) for each in files)
    assert {job.id for job in rows.all_jobs(library.catalog)} == {again.id, taken.id}
    opened.close()


def test_clean_leaves_a_job_that_is_being_worked_on(library: Library) -> None:
    job = new(library, "queued", "live")
    files = partial(library, "live")
    with in_another_process(library, job) as process:
        plan = plan_clearing(library, everything=True)
        assert not plan.jobs and not plan.partials
        process.kill()
        process.wait(10)
    clear(library, plan_clearing(library, everything=True))
    assert not is_there(files) and not rows.all_jobs(library.catalog)


def test_a_dead_job_is_queued_again(library: Library) -> None:
    job = new(library)
    with in_another_process(library, job) as process:
        process.kill()
        process.wait(10)
    assert jobs.requeue(library, job.id)
    queued = rows.next_queued(library.catalog)
    assert queued is not None and queued.id == job.id


def test_doctor_names_what_stopped_and_what_is_nobodys(library: Library) -> None:
    def told() -> tuple[str, str, str]:
        return next(
            (check.verdict, check.found, check.mend)
            for check in check_library(library)
            if check.name == "jobs"
        )

    assert told()[0] == "ok"
    new(library, "paused", "a")
    new(library, "failed")
    partial(library, "a")
    partial(library, "nobody")
    verdict, found, mend = told()
    assert verdict == "warning" and "1 job paused, 1 job failed, 1 partial file" in found
    assert mend == "modelfs jobs resume, modelfs jobs clean"


def test_a_lock_file_is_gone_when_its_job_is(library: Library) -> None:
    job = new(library)
    with jobs.running(library, job):
        assert os.listdir(library.paths.jobs) == [f"{job.id}.lock"]
    assert os.listdir(library.paths.jobs) == []
    assert not jobs.is_alive(library, JobId(job.id))
