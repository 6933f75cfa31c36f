"""A damaged file that is healed under readers: whoever opens it anew gets right bytes or EIO."""

import errno
import os
from pathlib import Path

import pytest

from modelfs.library import check, select, settings
from modelfs.library.checked import CheckSummary

from .conftest import BOTH_WAYS, Home, run_python, wait_for

READ_PATHS = BOTH_WAYS


def _damage_and_heal(home: Home) -> tuple[Path, int, bytes]:
    """Have a damaged file opened, found damaged and healed; return what was opened."""
    right = os.urandom(3_000_000)
    home.add("one.gguf", right, "language/llm", ["x"])
    blob = home.blob_path("one.gguf")
    blob.chmod(0o644)
    with open(blob, "r+b") as file:
        file.seek(2_000_000)
        file.write(bytes(8))
    blob.chmod(0o444)
    home.mount()
    place = home.mountpoint / "by-tag/x/one.gguf"
    fd = os.open(place, os.O_RDONLY)
    assert os.pread(fd, 8, 2_000_000) == bytes(8)
    list(check.read(home.library, CheckSummary(), seal=False))
    assert select.one(home.library, "one.gguf").state == "damaged"
    home.add_path(home.originals / "one.gguf", "language/llm")
    return place, fd, right


def test_a_healed_file_is_eio_until_who_has_the_damage_open_has_closed_it(
    home: Home,
) -> None:
    """One inode cannot be two files: never damaged bytes for who opens it anew."""
    place, fd, right = _damage_and_heal(home)
    script = (
        "import mmap, sys\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "    assert mapped[:] == file.read() == open(sys.argv[2], 'rb').read()\n"
    )
    wait_for(lambda: "is another file now" in _opened(place, home), "the healed file refused")
    assert os.pread(fd, 8, 2_000_000) == bytes(8), "who had it open reads on in what that was"
    os.close(fd)
    wait_for(lambda: _is_readable(place), "the healed file")
    done = run_python(script, str(place), str(home.originals / "one.gguf"))
    assert done.returncode == 0, done.stderr
    assert place.read_bytes() == right


def _opened(place: Path, home: Home) -> str:
    """The log after an open, which must fail."""
    with pytest.raises(OSError) as failed:
        os.open(place, os.O_RDONLY)
    assert failed.value.errno == errno.EIO
    return home.log()


def _is_readable(place: Path) -> bool:
    try:
        place.read_bytes()
    except OSError as error:
        assert error.errno == errno.EIO
        return False
    return True


def test_what_is_still_being_pushed_of_the_damage_does_not_reach_who_opens_it_healed(
    home: Home, tmp_path: Path
) -> None:
    settings.change(home.library, {"read_path": "served"})
    right = os.urandom(32 << 20)
    home.add("one.gguf", right, "language/llm", ["x"])
    blob, gate = home.blob_path("one.gguf"), tmp_path / "gate"
    blob.chmod(0o644)
    blob.write_bytes(bytes(len(right)))
    blob.chmod(0o444)
    home.mount_with(
        "import os, time\n"
        "from modelfs.fs.pushing import Pusher\n"
        "whole = Pusher._push_piece\n"
        "def push(self, *what):\n"
        "    print('PUSH', flush=True)\n"
        f"    while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        "    whole(self, *what)\n"
        "    print('DONE', flush=True)\n"
        "Pusher._push_piece = push\n"
    )
    place = home.mountpoint / "by-tag/x/one.gguf"
    with place.open("rb", buffering=0) as file:
        while "PUSH" not in home.log():
            assert file.read(1 << 17), "nothing is pushed"
    list(check.read(home.library, CheckSummary(), seal=False))
    home.add_path(home.originals / "one.gguf", "language/llm")

    def opened() -> int | None:
        try:
            return os.open(place, os.O_RDONLY)
        except OSError:
            return None

    wait_for(lambda: "is another file now" in home.log() or opened(), "the healed file", 2.0)
    gate.touch()
    wait_for(lambda: home.log().count("DONE") == home.log().count("PUSH"), "pushes to end")
    wait_for(opened, "the healed file")
    fd = opened()
    assert fd is not None
    # From the end, so that no push goes ahead with right ones.
    for at in range(len(right) - (1 << 20), -1, -(1 << 20)):
        assert os.pread(fd, 1 << 20, at) == right[at : at + (1 << 20)], at
