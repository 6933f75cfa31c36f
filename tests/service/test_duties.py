"""What the mount's process has done beside the mount, by processes of their own."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from modelfs.catalog import jobs
from modelfs.library import local_work, settings
from modelfs.library.work import worker_log
from mount.conftest import Home, wait_for

from .test_upkeep import fill, from_the_hub, record

OFTEN = """
from modelfs.fs import duties
duties._JOBS_S = duties._QUOTA_S = duties._SCRUB_S = 0.2
"""


SLOW = """
async def check_for_minutes(store, *words):
    await duties._child(["sleep", "600"], store.root)
    return ""
duties._modelfs = check_for_minutes
"""


def children(pid: int) -> dict[int, str]:
    """Return a process's children, with their command lines."""
    found = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):
            for child in (thread / "children").read_text().split():
                found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
    return found


def test_a_job_that_nobody_works_on_is_begun(home: Home) -> None:
    fill(home, "one")
    home.mount_with(OFTEN)
    catalog = home.library.catalog
    left = jobs.create(catalog, "verify", "left by a dead process", {}, state="running")
    request = local_work.verify_request(data=True, seal=True, max_time_s=None)
    queued = jobs.create(catalog, "verify", "verify --data", request)

    def state(job: jobs.JobId) -> str:
        found = jobs.get(catalog, job)
        assert found is not None
        return found.state

    wait_for(lambda: state(queued) == "done", f"the job; {worker_log(home.library)}")
    assert state(left) == "running", "what was stopped is for its owner to go on with"
    assert record(home, "one.bin").sha256 is not None
    assert "jobs were waiting and nobody worked on them: begun" in home.log()


def test_bytes_are_checked_and_damage_is_said(home: Home) -> None:
    fill(home, "good", "bad")
    path = home.blob_path("bad.bin")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    path.chmod(0o444)
    home.mount_with(OFTEN)
    wait_for(lambda: "bad.bin: its bytes are not those" in home.log(), "the damage in the log")
    wait_for(lambda: record(home, "good.bin").checked_at, "the other is read too")
    assert record(home, "bad.bin").state == "damaged"


@pytest.mark.parametrize("is_active", [True, False])
def test_where_the_timer_runs_the_mount_does_not_check(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_active: bool
) -> None:
    fill(home, "one")
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    asked = tmp_path / "asked"
    asked.touch()
    systemctl.write_text(f'#!/bin/sh\necho "$*" >>{asked}\nexit {0 if is_active else 3}\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("MODELFS_SCRUBBED_BY", "--user modelfs-scrub.timer")
    home.mount_with(OFTEN)
    wait_for(lambda: asked.read_text().count("\n") >= 3, "it asks")
    assert asked.read_text().splitlines()[0] == "--user is-active --quiet -- modelfs-scrub.timer"
    if is_active:
        assert record(home, "one.bin").checked_at is None
    else:
        wait_for(lambda: record(home, "one.bin").checked_at, "it checks by itself")


def test_a_quota_is_held_and_what_is_read_stays(home: Home) -> None:
    fill(home, "read", "idle", "last", size=100_000)
    from_the_hub(home, "read", "idle", "last")
    # What checks the bytes has them open, and another would go in the place of the oldest.
    settings.change(home.library, {"scrub": "never"})
    home.mount_with(OFTEN)
    folder = home.mountpoint / "by-category" / "other" / "unsorted"
    with open(folder / "read.bin", "rb") as reader:
        assert reader.read(4) == b"read"
        settings.change(home.library, {"quota": "900kB"})
        home.add("new.bin", b"new" * 100, "other/unsorted")  # so that there is a change to see
        wait_for(lambda: record(home, "idle.bin").state == "remote", "the oldest that is not read")
        assert record(home, "read.bin").state == "ok"
    wait_for(lambda: "let go of idle.bin" in home.log(), "the log says so")


def test_a_quota_that_cannot_be_held_is_told_once(home: Home) -> None:
    fill(home, "mine")
    settings.change(home.library, {"quota": "1kB"})
    home.mount_with(OFTEN)
    wait_for(lambda: "nothing more can be let go" in home.log(), "it is said")
    home.add("new.bin", b"new" * 1000, "other/unsorted")
    wait_for(lambda: home.log().count("over its quota") >= 2, "more is over it: said again")
    assert home.log().count("19.0 kB over its quota") == 1


def test_what_checks_ends_with_the_mount(home: Home) -> None:
    home.mount_with(OFTEN + SLOW)
    pid = home.state().pid
    assert pid is not None
    wait_for(lambda: "sleep 600 " in children(pid).values(), "it is checking")
    (checking,) = children(pid)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the mount's end")
    assert not Path(f"/proc/{checking}").exists()
