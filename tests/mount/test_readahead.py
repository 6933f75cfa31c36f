"""Where the kernel lets it, the mount reads further ahead than others."""

import os
from pathlib import Path

import pytest

from modelfs.fs import mountinfo
from modelfs.fs.readahead import READ_AHEAD_KIB, widen
from mount.conftest import Home, wait_for

_SYSFS = Path("/sys/class/bdi")


def _setting(home: Home) -> Path:
    return _SYSFS / mountinfo.mounts_at(home.mountpoint)[-1].device / "read_ahead_kb"


def test_a_mount_of_root_reads_far_ahead(furnished: Home) -> None:
    setting = _setting(furnished)
    if not os.access(setting, os.W_OK):
        pytest.skip("only root may change how far a mount reads ahead")
    # The kernel's first answer sets 128 KiB; ours must come behind it and stay.
    wanted = str(READ_AHEAD_KIB)
    wait_for(lambda: setting.read_text().strip() == wanted, "the mount reads far ahead")


def test_where_it_may_not_be_changed_the_mount_stays_as_it_is(
    furnished: Home, tmp_path: Path
) -> None:
    assert not widen(furnished.mountpoint, tmp_path / "no-sysfs")
    (furnished.mountpoint / "by-category/language/llm/big.gguf").read_bytes()


def test_a_place_without_a_mount_changes_nothing(tmp_path: Path) -> None:
    assert not widen(tmp_path)
