"""``jobs``: what people see, what scripts get, and how the commands end."""

import signal
import time
from pathlib import Path

import pytest
from rich.console import Console

from modelfs.catalog import jobs as rows
from modelfs.catalog.jobs import JobFile, JobId, JobState
from modelfs.cli import job_rows
from modelfs.cli.tables import drawn_table
from modelfs.fetch.partial import Partial, PartialFiles
from modelfs.library import jobs
from modelfs.library.watching import listed

from .conftest import DEADLINE_S, Program
from .model_files import write_gguf

JOB_KEYS = {
    "id", "kind", "title", "source", "state", "stage", "done_bytes", "total_bytes", "percent",
    "bytes_per_s", "left_s", "attempts", "error", "hint", "exit_code", "created_at", "changed_at",
    "ended_at", "kept_bytes", "files",
}  # fmt: skip
LONG = "hf:bartowski/DeepSeek-R1-Distill-Qwen-32B-Instruct-abliterated-GGUF:Q4_K_M"


def new(program: Program, state: JobState, title: str = LONG, *, key: str = "k") -> JobId:
    """Write a fetch down that has come to a quarter and ended so, with its partial file."""
    with program.open() as library:
        files = [JobFile("weights.gguf", key, 4_000_000, "http://127.0.0.1:1/x", "")]
        request = {"source": "hf:some/thing"}
        job = rows.create(library.catalog, "fetch", title, request, files, state="queued")
        told = {"weights.gguf": (1_000_000, "downloading")}
        rows.report(library.catalog, job, "downloading", 1_000_000, 4_000_000, 5e5, told)
        rows.end(library.catalog, job, state, f"it is {state}", "do something", 6)
        opened = Partial.open(library.store, PartialFiles(library.paths.staging, key), 4_000_000)
        assert opened is not None
        opened.close()
    return job


def addition(program: Program, source: Path, state: JobState = "failed") -> JobId:
    """Write the addition of a file down."""
    asked = {"name": None, "category": None, "tags": [], "move": False, "seal": False}
    with program.open() as library:
        request = {"sources": [str(source)], **asked}
        return rows.create(library.catalog, "add", f"add {source.name}", request, state=state)


def states(program: Program) -> dict[int, str]:
    with program.open() as library:
        return {job.id: job.state for job in rows.all_jobs(library.catalog)}


def test_json_has_the_keys_of_the_contract(program: Program) -> None:
    new(program, "failed")
    (job,) = program.json("jobs")
    assert job.keys() == JOB_KEYS
    assert (job["percent"], job["error"], job["exit_code"]) == (25.0, "it is failed", 6)
    assert job["kept_bytes"] >= 4_000_000, "what is to come has its room already"
    assert job["files"] == [
        {
            "path": "weights.gguf",
            "size_bytes": 4_000_000,
            "done_bytes": 1_000_000,
            "stage": "downloading",
        }
    ]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_table_fits_its_terminal(program: Program, width: int) -> None:
    new(program, "failed")
    new(program, "paused", "ollama:llama3.2")
    with program.open() as library:
        found = listed(library)
    shown = job_rows.rows(found, with_files=True, width=width)
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(drawn_table(job_rows.columns(width), shown, room=width))
    table = capture.get()
    assert max(map(len, table.splitlines())) <= width
    assert "1.0/4.0 MB" in table and " 25 " in table and "ollama:llama3.2" in table
    assert ("Stage" in table) == (width >= 100)


def test_the_list_says_why_it_stopped_and_in_a_pipe_the_values(program: Program) -> None:
    new(program, "paused", "ollama:llama3.2")
    assert "job 1: it is paused; do something" in program.drawn("jobs", columns=100)
    line = program.ok("jobs").stdout.rstrip("\n").split("\t")
    assert line[:6] == ["1", "ollama:llama3.2", "paused", "downloading", "1000000", "4000000"]
    assert line[-1] == "it is paused"


def test_what_is_over_is_listed_for_a_day(program: Program) -> None:
    new(program, "done")
    with program.open() as library:
        assert len(listed(library)) == 1
        library.catalog.rows("UPDATE job SET ended_at = ended_at - 90000")
    assert program.json("jobs") == [] and len(program.json("jobs", "--all")) == 1


def test_watching_ends_when_nothing_is_under_way_and_by_ctrl_c(program: Program) -> None:
    new(program, "paused")
    assert "25" in program.drawn("jobs", "--watch", columns=100)
    with program.open() as library, jobs.running(library, jobs.find(library, 1)):
        code, shown = program.on_terminal(
            "jobs", "--watch", typed=signal.SIGINT, at=b"weights.gguf"
        )
    assert code == 0 and "weights.gguf" in shown and "running" in shown


def test_cancel_and_pause_say_what_became_of_them(program: Program) -> None:
    new(program, "paused")
    assert program("jobs", "cancel").returncode == 2
    assert program("jobs", "cancel", "7").returncode == 3
    assert f"cancelled job 1: {LONG}" in program.ok("jobs", "cancel", "1").stdout
    assert "nothing that could be cancelled" in program.ok("jobs", "cancel", "--all").stderr
    with program.open() as library:
        rows.create(library.catalog, "fetch", "waits", {}, state="queued")
    assert "paused job 2" in program.ok("jobs", "pause", "2").stdout
    assert states(program) == {1: "cancelled", 2: "paused"}


def test_resume_ends_like_the_first_that_fails_and_does_the_others(program: Program) -> None:
    good = write_gguf(program.originals / "good.gguf")
    addition(program, program.originals / "nowhere.gguf")
    addition(program, good, "paused")
    addition(program, program.originals / "good.gguf", "cancelled")
    done = program("jobs", "resume")
    assert done.returncode == 3 and "job 1: " in done.stderr
    assert "job 2 is done: add good.gguf" in done.stdout and "added: good.gguf" in done.stdout
    assert states(program) == {1: "failed", 2: "done", 3: "cancelled"}
    assert "already there: good.gguf" in program.ok("jobs", "retry", "3").stdout
    assert program("jobs", "resume", "2").returncode == 2, "it is done"


def test_clean_shows_asks_and_frees(program: Program) -> None:
    new(program, "cancelled", key="a")
    new(program, "paused", key="b")
    before = program.everything()
    planned = program.json("jobs", "clean", "--dry-run")
    assert planned["dry_run"] and [job["id"] for job in planned["jobs"]] == [1]
    assert planned["freed_bytes"] == planned["partials"][0]["size_bytes"] >= 4_000_000
    assert program("jobs", "clean").returncode == 4, "without a terminal it wants --yes"
    assert program.ok("jobs", "clean", "--dry-run").stdout.startswith("partial\t")
    assert program.everything() == before
    assert "1 job and 1 partial file: 4.0 MB freed" in program.ok("jobs", "clean", "-y").stdout
    assert states(program) == {2: "paused"}
    assert program.json("jobs", "clean", "--all", "--yes")["freed_bytes"] >= 4_000_000
    assert "nothing to clean" in program.ok("jobs", "clean").stderr
    assert list((program.store / "staging").iterdir()) == []


def test_clean_asks_on_a_terminal(program: Program) -> None:
    new(program, "cancelled")
    code, shown = program.on_terminal("jobs", "clean", typed=b"n\n")
    assert code == 1 and "weights.gguf" in shown and "nothing was changed" in shown
    assert program.on_terminal("jobs", "clean", typed=b"y\n")[0] == 0


def test_status_counts_what_is_under_way(program: Program) -> None:
    new(program, "paused")
    with program.open() as library, jobs.running(library, jobs.find(library, 1)):
        rows.create(library.catalog, "fetch", "waits", {}, state="queued")
        found = program.json("status")["jobs"]
        assert [job["state"] for job in found] == ["running", "queued"]
        assert "1 running, 1 queued" in program.ok("status").stdout


def test_a_check_that_is_over_at_once_is_no_job(program: Program) -> None:
    program.add(write_gguf(program.originals / "a.gguf"))
    document = program.json("verify", "--data", "--seal")
    assert (document["sealed"], program.json("jobs", "--all")) == (1, [])


def test_the_worker_does_what_is_queued(program: Program) -> None:
    addition(program, write_gguf(program.originals / "a.gguf"), "queued")
    addition(program, program.originals / "nowhere.gguf", "queued")
    done = program.ok("jobs", "work")
    assert "job 1 is done" in done.stderr and "job 2 ended" in done.stderr
    assert states(program) == {1: "done", 2: "failed"}
    with program.open() as library:
        assert not list(library.paths.jobs.glob("[0-9]*.lock"))


def test_background_starts_the_worker(program: Program) -> None:
    addition(program, write_gguf(program.originals / "a.gguf"), "paused")
    assert "queued job 1" in program.ok("jobs", "resume", "--background").stdout
    deadline = time.monotonic() + DEADLINE_S
    while states(program) != {1: "done"}:
        assert time.monotonic() < deadline, states(program)
    assert program.names("") == {"a.gguf"}
