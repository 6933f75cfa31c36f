"""Start, stop, signals, death and healing, and what the mount does when something goes wrong."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modelfs.errors import BadInput, CatalogBusy, Failed, ModelfsError, Refused
from modelfs.fs import daemon, mountinfo
from modelfs.fs.launch import stop
from modelfs.library import create_library, removal, select

from .conftest import BOTH_WAYS, Home, wait_for

READ_PATHS = BOTH_WAYS


def _lines(home: Home) -> int:
    return len(mountinfo.mounts_at(home.mountpoint))


def test_mount_returns_when_the_mount_answers_and_says_so_the_second_time(furnished: Home) -> None:
    assert os.listdir(furnished.mountpoint)
    again = furnished.mount()
    assert again.already and again.pid == furnished.state().pid
    assert _lines(furnished) == 1


def test_umount_waits_for_the_process_and_leaves_nothing(furnished: Home) -> None:
    pid = furnished.state().pid
    assert stop(furnished.library, lazy=False)
    assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text()
    assert _lines(furnished) == 0 and not furnished.state().mounted
    assert os.listdir(furnished.mountpoint) == []
    assert not stop(furnished.library, lazy=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_unmounts(furnished: Home, number: signal.Signals) -> None:
    pid = furnished.state().pid
    assert pid is not None
    os.kill(pid, number)
    wait_for(lambda: _lines(furnished) == 0, f"unmounted by {number.name}")
    assert furnished.mount().mounted


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_who_reads_on_after_the_process_has_gone_gets_no_wrong_bytes(
    furnished: Home, read_path: str, number: signal.Signals
) -> None:
    """The kernel reads on from the blob; what the mount served ends with the mount."""
    pid = furnished.state().pid
    assert pid is not None
    expected = (furnished.originals / "big.gguf").read_bytes()
    fd = os.open(furnished.mountpoint / "by-tag" / "fast" / "big.gguf", os.O_RDONLY)
    try:
        first = os.pread(fd, 100, 0)
        os.kill(pid, number)
        wait_for(lambda: not _is_running(pid), "the process to end")
        assert os.pread(fd, 100, 0) == first == expected[:100], "the page cache still has these"
        if read_path == "auto":
            furnished.mount()
            assert os.pread(fd, len(expected), 100) == expected[100:]
        else:
            with pytest.raises(OSError) as failed:
                os.pread(fd, 100, 2_500_000)
            assert failed.value.errno == errno.ENOTCONN
    finally:
        with pytest.raises(OSError):  # the file system that would be told is not there any more
            os.close(fd)


def test_the_mount_after_a_kill_heals_what_it_left(furnished: Home) -> None:
    pid = furnished.state().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not furnished.state().mounted, "seen as dead")
    with pytest.raises(OSError, match="not connected"):
        os.listdir(furnished.mountpoint)
    assert "modelfs mount" in furnished.state().problem
    assert furnished.mount().mounted
    assert _lines(furnished) == 1, "nothing may be stacked on the dead mount"
    assert (furnished.mountpoint / "by-tag" / "fast").is_dir()


def test_umount_takes_a_dead_mount_away(furnished: Home) -> None:
    pid = furnished.state().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not furnished.state().mounted, "seen as dead")
    assert stop(furnished.library, lazy=False)
    assert _lines(furnished) == 0


def test_a_busy_mount_is_not_unmounted_and_its_users_are_named(furnished: Home) -> None:
    path = furnished.mountpoint / "by-tag" / "fast" / "big.gguf"
    script = "import sys; file = open(sys.argv[1], 'rb'); print('open', flush=True); input()"
    reader = subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None and reader.stdout.readline() == "open\n"
    with pytest.raises(Failed) as refused:
        stop(furnished.library, lazy=False)
    assert f"({reader.pid})" in refused.value.message
    assert "--lazy" in refused.value.hint
    assert furnished.state().mounted
    reader.communicate("\n")
    assert stop(furnished.library, lazy=False)


def test_a_lazy_umount_lets_readers_finish(furnished: Home) -> None:
    path = furnished.mountpoint / "by-tag" / "fast" / "big.gguf"
    expected = (furnished.originals / "big.gguf").read_bytes()
    with open(path, "rb", buffering=0) as file:
        first = file.read(1000)
        pid = furnished.state().pid
        subprocess.run(["fusermount3", "-uz", str(furnished.mountpoint)], check=True)
        assert first + file.readall() == expected
    wait_for(lambda: not _is_running(pid), "the process ends with its last reader")


def _is_running(pid: int | None) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_handler_that_raises_answers_eio_and_the_mount_lives_on(home: Home) -> None:
    home.add("one.gguf", b"GGUF", "language/llm", ["x"])
    home.mount_with(
        "from modelfs.views import Tree\n"
        "whole = Tree.child\n"
        "def child(self, folder, name):\n"
        "    if name == 'boom': raise RuntimeError('planted')\n"
        "    return whole(self, folder, name)\n"
        "Tree.child = child\n"
    )
    with pytest.raises(OSError) as failed:
        os.stat(home.mountpoint / "boom")
    assert failed.value.errno == 5
    assert "planted" in home.log() and "Traceback" in home.log()
    assert (home.mountpoint / "by-tag" / "x" / "one.gguf").read_bytes() == b"GGUF"


def test_an_open_file_reads_on_after_its_model_is_gone_for_good(furnished: Home) -> None:
    path = furnished.mountpoint / "by-category" / "language" / "llm" / "big.gguf"
    expected = (furnished.originals / "big.gguf").read_bytes()
    with open(path, "rb", buffering=0) as file:
        plan = removal.plan_removal(furnished.library, [select.one(furnished.library, "big.gguf")])
        removal.remove(furnished.library, plan)
        assert removal.empty_trash(furnished.library, plan) == len(expected)
        wait_for(lambda: not path.exists(), "gone from the view", 1.0)
        assert file.readall() == expected
        assert os.fstat(file.fileno()).st_nlink == 0
        assert os.fstat(file.fileno()).st_size == len(expected)


def test_a_name_whose_model_has_just_gone_is_absent_and_not_damaged(home: Home) -> None:
    """Before the mount has followed by itself: the kernel still has the name."""
    home.add("gone.gguf", b"GGUF", "language/llm")
    home.add("kept.gguf", b"GGUF kept", "language/llm")
    home.mount_with("from modelfs.fs import daemon; daemon._POLL_S = 3600")
    folder = home.mountpoint / "by-category" / "language" / "llm"
    assert sorted(os.listdir(folder)) == ["gone.gguf", "kept.gguf"]
    plan = removal.plan_removal(home.library, [select.one(home.library, "gone.gguf")])
    removal.remove(home.library, plan)
    removal.empty_trash(home.library, plan)
    with pytest.raises(FileNotFoundError):
        (folder / "gone.gguf").read_bytes()
    assert (folder / "kept.gguf").read_bytes() == b"GGUF kept"
    assert "ERROR" not in home.log()


def test_a_mountpoint_with_files_in_it_is_refused(home: Home) -> None:
    home.mountpoint.mkdir()
    (home.mountpoint / "mine.safetensors").write_bytes(b"mine")
    with pytest.raises(ModelfsError) as refused:
        home.mount()
    assert refused.value.exit_code == Refused.exit_code
    assert "would hide" in refused.value.message
    assert (home.mountpoint / "mine.safetensors").read_bytes() == b"mine"


def test_a_mountpoint_that_is_a_file_is_refused(home: Home) -> None:
    home.mountpoint.write_bytes(b"mine")
    with pytest.raises(Exception) as refused:
        home.mount()
    assert str(home.mountpoint) in str(refused.value)
    assert home.mountpoint.read_bytes() == b"mine"


def test_something_else_mounted_there_is_left_alone(home: Home) -> None:
    home.mountpoint.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(home.mountpoint)], check=True)
    try:
        with pytest.raises(Exception, match="something else is mounted"):
            home.mount()
    finally:
        subprocess.run(["umount", str(home.mountpoint)], check=True)


def test_another_librarys_mount_is_left_alone(furnished: Home, tmp_path: Path) -> None:
    other = create_library(tmp_path / "other", furnished.mountpoint)
    try:
        with pytest.raises(Exception, match="another library is mounted"):
            Home(other, furnished.originals).mount()
        assert furnished.state().mounted
    finally:
        other.close()


def test_store_and_mount_inside_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="inside each other"):
        create_library(tmp_path / "a" / "store", tmp_path / "a")
    with pytest.raises(BadInput, match="inside each other"):
        create_library(tmp_path / "a", tmp_path / "a" / "mount")
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with pytest.raises(BadInput, match="inside each other"):
        create_library(tmp_path / "a" / "store", tmp_path / "link")


def test_without_fuse_the_reason_and_the_cure_are_said(home: Home) -> None:
    # A mount namespace in which /dev/fuse is not there.
    script = (
        "mount -t tmpfs none /dev && exec "
        f"{sys.executable} -c 'import sys; from pathlib import Path\n"
        "from modelfs.fs.launch import serve\n"
        "from modelfs.errors import ModelfsError\n"
        "try: serve(Path(sys.argv[1]), False)\n"
        "except ModelfsError as error: print(error.message, error.hint, error.exit_code)' "
        f"'{home.library.paths.root}'"
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    assert "/dev/fuse is not there" in done.stdout and "modprobe fuse" in done.stdout, done.stderr


def test_a_namespace_that_gets_mounts_passed_on_sees_the_mount(furnished: Home) -> None:
    def entries(propagation: str) -> int:
        done = subprocess.run(
            ["unshare", "-m", "--propagation", propagation, "ls", str(furnished.mountpoint)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return len(done.stdout.split())

    assert entries("slave") == len(os.listdir(furnished.mountpoint))


def test_a_mount_that_does_not_answer_is_told_from_one_that_does(furnished: Home) -> None:
    pid = furnished.state().pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        state = furnished.state()
        assert not state.mounted and "does not answer" in state.problem
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: furnished.state().mounted, "it answers again")


def test_a_failure_to_follow_leaves_the_old_view_and_is_tried_again(home: Home) -> None:
    home.add("one.gguf", b"GGUF", "language/llm", ["x"])
    home.mount_with(
        "from modelfs.fs import daemon, following\n"
        "daemon._AFTER_A_BUG_S = 0.1\n"
        "whole = following.Follower.refresh\n"
        "calls = []\n"
        "def refresh(self):\n"
        "    calls.append(1)\n"
        "    if len(calls) < 3: raise RuntimeError('planted')\n"
        "    return whole(self)\n"
        "following.Follower.refresh = refresh\n"
    )
    home.add("two.gguf", b"GGUF2", "language/llm", ["x"])
    folder = home.mountpoint / "by-tag" / "x"
    wait_for(lambda: "planted" in home.log(), "the failure in the log")
    assert (folder / "one.gguf").read_bytes() == b"GGUF"
    wait_for((folder / "two.gguf").exists, "the change after all")
    assert home.log().count("Traceback") == 2


def test_a_catalogue_that_is_held_too_long_is_not_called_a_second_mount(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hold(*_: object) -> None:
        raise CatalogBusy("the catalogue is in use by another program")

    monkeypatch.setattr(daemon, "_mount", hold)
    with pytest.raises(CatalogBusy, match="in use"):
        daemon.run(home.library.paths.root, links=False, announce=lambda _: None)
