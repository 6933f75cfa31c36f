"""The mount of an ordinary user: served without the one capability, passthrough with it alone."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.processes import environment
from modelfs.fs import mountinfo

from .conftest import Home, wait_for
from .people import Person, owner_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make users")

FILE = "by-category/language/llm/one.gguf"
CONTENT = os.urandom(2_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
SYS_ADMIN = ("sys_admin",)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Whose library it is."""
    with owner_of(CONTENT, tmp_path_factory.mktemp("device")) as made:
        yield made


@pytest.fixture
def mountpoint(owner: Person) -> Iterator[Path]:
    place = owner.home / "AI" / "models"
    yield place
    while mountinfo.mounts_at(place):
        subprocess.run(["umount", "-l", place], check=True)


def _mount(owner: Person, *words: str, capabilities: tuple[str, ...] = ()) -> dict[str, Any]:
    """Mount as the owner and return what ``status`` says."""
    done = owner.modelfs("mount", *words, capabilities=capabilities)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(owner.modelfs("status", "--json").stdout))


def _digest(someone: Person, file: Path) -> str:
    return someone("sha256sum", str(file)).stdout.partition(" ")[0]


def _process(owner: Person) -> tuple[int, dict[str, str]]:
    """The mount's process, and what the kernel says of it."""
    (note,) = owner.home.rglob("mount.lock")
    pid = int(json.loads(note.read_text())["pid"])
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return pid, dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def _log(owner: Person) -> str:
    (log,) = owner.home.rglob("mount.log")
    return log.read_text()


def test_without_the_capability_the_mount_is_served_and_says_what_it_lacks(
    owner: Person, mountpoint: Path
) -> None:
    status = _mount(owner)
    assert status["read_path"] == "served"
    assert "CAP_SYS_ADMIN" in status["read_path_reason"]
    assert _digest(owner, mountpoint / FILE) == DIGEST
    assert owner.modelfs("umount").returncode == 0
    assert not mountinfo.mounts_at(mountpoint)
    assert "'READ'" in _log(owner)


def test_with_that_capability_alone_the_kernel_reads_and_the_mount_is_the_users(
    owner: Person, mountpoint: Path
) -> None:
    assert _mount(owner, capabilities=SYS_ADMIN)["read_path"] == "passthrough"
    pid, said = _process(owner)
    assert said["Uid"].split() == [str(owner.uid)] * 4
    # CAP_DAC_READ_SEARCH (2) only lets the user run this Python, wherever the tests are.
    assert int(said["CapEff"], 16) == 1 << 21 | 1 << 2
    file = mountpoint / FILE
    assert _digest(owner, file) == DIGEST
    shown = owner("stat", "-c", "%a %u %g", str(file), str(mountpoint)).stdout
    assert shown == f"444 {owner.uid} {owner.gid}\n555 {owner.uid} {owner.gid}\n"
    with pytest.raises(PermissionError):
        file.read_bytes()  # not even root
    # Whoever made it is known by now: it takes no capability to take it away.
    assert owner.modelfs("umount").returncode == 0
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the process to end")
    assert not mountinfo.mounts_at(mountpoint)
    counts = _log(owner).rpartition("read requests: ")[2]
    assert "'BACKED': 1" in counts and "READ" not in counts


def test_with_it_others_are_let_in_without_leave_from_fuse_conf(
    owner: Person, mountpoint: Path
) -> None:
    status = _mount(owner, "--allow-other", capabilities=SYS_ADMIN)
    assert status["read_path"] == "passthrough"
    assert (mountpoint / FILE).read_bytes() == CONTENT
    nobody = Person("nobody", 65534, 65534, Path("/"))
    assert _digest(nobody, mountpoint / FILE) == DIGEST
    assert nobody("touch", str(mountpoint / "inbox" / "x")).returncode != 0


def test_what_a_killed_mount_left_its_owner_heals_without_the_capability(
    owner: Person, mountpoint: Path
) -> None:
    _mount(owner, capabilities=SYS_ADMIN)
    pid, _ = _process(owner)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the process to be gone")
    assert _mount(owner)["read_path"] == "served"
    assert len(mountinfo.mounts_at(mountpoint)) == 1
    assert _digest(owner, mountpoint / FILE) == DIGEST


def test_in_a_user_namespace_the_mount_is_served_and_says_why(home: Home) -> None:
    """As in a rootless container: its root may mount, but the kernel gives it no backing file."""
    home.add("one.gguf", CONTENT, "language/llm")
    modelfs = f"{sys.executable} -m modelfs"
    script = (
        f"{modelfs} mount >&2 && sha256sum {home.mountpoint}/{FILE} && {modelfs} status --json\n"
        f"{modelfs} umount >&2\n"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        capture_output=True, text=True, check=False, timeout=60, env=environment(),
    )  # fmt: skip
    digest, _, status = done.stdout.partition("\n")
    assert digest.startswith(DIGEST), done.stderr
    found = json.loads(status)
    assert found["read_path"] == "served" and "user namespace" in found["read_path_reason"]
    assert not home.state().mounted and not mountinfo.mounts_at(home.mountpoint)
