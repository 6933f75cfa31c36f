"""What a container that is given the mount as ``connect --docker`` says sees of it, and when.

A container is here what a runtime makes of one: a mount namespace of its own, and the folder bound
into it with the propagation that was asked for.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelfs.fs import elsewhere
from modelfs.fs.health import check_mount
from modelfs.fs.launch import stop
from modelfs.library import settings
from modelfs.library.health import Check

from .conftest import Home, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make mounts")

RUN = """
mount --rbind "$1" "$2" && mount "--make-r$3" "$2" && mount -o remount,bind,ro "$2" || exit 1
echo ready
while read -r path; do ls "$2/$path" 2>&1 | tr '\\n' ' '; echo; done
"""


class Container:
    """A process that sees ``bound`` in a folder of its own namespace."""

    def __init__(self, bound: Path, inside: Path, propagation: str) -> None:
        inside.mkdir()
        self._shell = subprocess.Popen(
            # Slaves all of them, as runtimes do; or a bind could not become one.
            ["unshare", "-m", "--propagation", "slave", "sh", "-c", RUN, "sh", str(bound),
             str(inside), propagation],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._shell.stdout is not None and self._shell.stdout.readline() == "ready\n"
        self.pid = self._shell.pid

    def ls(self, path: str) -> list[str]:
        assert self._shell.stdin is not None and self._shell.stdout is not None
        self._shell.stdin.write(f"{path}\n")
        self._shell.stdin.flush()
        return self._shell.stdout.readline().split()

    def end(self) -> None:
        self._shell.communicate()


@pytest.fixture
def shared(home: Home, tmp_path: Path) -> Iterator[Home]:
    """A library that is not mounted, in a place whose mounts are passed on, as everywhere with
    systemd."""
    above = tmp_path / "AI"
    above.mkdir()
    subprocess.run(["mount", "--bind", str(above), str(above)], check=True)
    subprocess.run(["mount", "--make-shared", str(above)], check=True)
    settings.change(home.library, {"mount": str(above / "models")})
    home.add("one.gguf", b"GGUF", "language/llm", ["x"])
    yield home
    home.umount()
    subprocess.run(["umount", "-R", "-l", str(above)], check=True)


VIEWS = ["by-category", "by-tag", "by-tool", "inbox"]


def checked(home: Home, name: str) -> Check:
    (check,) = [check for check in check_mount(home.library) if check.name == name]
    return check


def test_a_container_that_was_there_before_the_mount_sees_it_and_the_next_one(
    shared: Home, tmp_path: Path
) -> None:
    container = Container(shared.mountpoint.parent, tmp_path / "inside", "slave")
    assert "models" not in container.ls(".")
    for _ in range(2):
        shared.mount()
        assert container.ls("models") == VIEWS
        assert container.ls("models/by-tag/x") == ["one.gguf"]
        assert stop(shared.library, lazy=False)
        assert container.ls("models") == []
    container.end()
    assert checked(shared, "containers").verdict == "ok"


def test_one_that_is_there_already_is_no_bar_to_a_new_mount(shared: Home, tmp_path: Path) -> None:
    shared.mount()
    container = Container(shared.mountpoint.parent, tmp_path / "inside", "slave")
    assert container.ls("models") == VIEWS
    assert stop(shared.library, lazy=False)
    assert container.ls("models") == []
    shared.add("two.gguf", b"GGUF2", "language/llm", ["x"])
    shared.mount()
    assert container.ls("models/by-tag/x") == ["one.gguf", "two.gguf"]
    container.end()


def test_without_rslave_it_sees_nothing_of_a_mount_that_comes_later(
    shared: Home, tmp_path: Path
) -> None:
    container = Container(shared.mountpoint.parent, tmp_path / "inside", "private")
    shared.mount()
    assert container.ls("models") == []
    container.end()


def test_where_mounts_are_not_passed_on_doctor_says_so(
    shared: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = shared.mountpoint.parent
    engine = tmp_path / "docker"
    engine.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert checked(shared, "containers").verdict == "ok"
    subprocess.run(["mount", "--make-private", str(above)], check=True)
    container = Container(above, tmp_path / "inside", "slave")
    shared.mount()
    assert container.ls("models") == []
    container.end()
    check = checked(shared, "containers")
    assert check.verdict == "warning"
    assert check.mend == f"sudo mount --make-rshared {above}"
    subprocess.run(check.mend.removeprefix("sudo ").split(), check=True)
    assert checked(shared, "containers").verdict == "ok"


def test_who_was_given_the_mount_itself_keeps_it_and_doctor_names_him(
    shared: Home, tmp_path: Path
) -> None:
    shared.mount()
    container = Container(shared.mountpoint, tmp_path / "inside", "slave")
    subprocess.run(["umount", str(shared.mountpoint)], check=True)
    assert container.ls(".") == VIEWS, "it has a copy"
    kept = f"sh ({container.pid})"
    assert kept in elsewhere.keepers()
    check = checked(shared, "mount")
    assert check.verdict == "problem" and kept in check.found and "stop" in check.mend
    container.end()
    assert kept not in elsewhere.keepers()
    wait_for(lambda: checked(shared, "mount").verdict == "warning", "its process ends with it")


def test_links_lead_somewhere_when_the_container_has_the_blobs_at_the_same_place(
    shared: Home, tmp_path: Path
) -> None:
    shared.mount(links=True)
    blobs, aside = shared.library.paths.blobs, tmp_path / "aside"
    aside.mkdir()
    alone = ["unshare", "-m", "--propagation", "slave", "sh", "-ec"]
    hide = 'mount --bind "$1" "$2"; mount -t tmpfs none "${1%/*}"; mkdir "$1"; '
    read = 'cat "$3"'
    given = 'mount --bind "$2" "$1"; '
    words = ["sh", str(blobs), str(aside), str(shared.mountpoint / "by-tag" / "x" / "one.gguf")]
    lost = subprocess.run([*alone, hide + read, *words], capture_output=True, text=True)
    assert "No such file" in lost.stderr
    found = subprocess.run([*alone, hide + given + read, *words], capture_output=True)
    assert found.stdout == b"GGUF"
