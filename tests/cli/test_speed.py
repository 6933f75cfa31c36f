"""How the mount is read, what that costs, and what would make it faster, as the program says it."""

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modelfs.fs import measuring
from modelfs.fs.advice import faster, look
from modelfs.fs.health import check_mount
from modelfs.fs.launch import start, stop
from modelfs.fs.measuring import measure
from modelfs.library import Library, settings
from modelfs.library.health import Check
from mount.conftest import Home

from .conftest import DEADLINE_S, Program

pytestmark = pytest.mark.skipif(
    not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="/dev/fuse cannot be opened here"
)

SLOW = """
import os, time
def slow(call):
    def slowly(*arguments, **named):
        time.sleep(0.002)
        return call(*arguments, **named)
    return slowly
os.preadv, os.splice = slow(os.preadv), slow(os.splice)
"""
"""Every read that the mount answers takes one of these calls, at least once."""


@pytest.fixture
def furnished(program: Program) -> Iterator[Program]:
    """A library with a file of a pipeline that is large enough to measure with, and a small one."""
    pipeline = program.originals / "pipeline"
    (pipeline / "unet").mkdir(parents=True)
    (pipeline / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    (pipeline / "unet" / "weights.safetensors").write_bytes(os.urandom(6 << 20))
    (program.originals / "small.gguf").write_bytes(b"GGUF" * 1000)
    program.add(pipeline, category="image/checkpoint")
    program.add(program.originals / "small.gguf", category="language/llm")
    yield program
    with program.open() as library:
        stop(library, lazy=True)


def last_used(program: Program, name: str) -> Any:
    return program.model(name)["last_used_at"]


def wait_until_used(program: Program, name: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while last_used(program, name) is None:
        assert time.monotonic() < deadline, f"no use of {name} was counted"
        time.sleep(0.02)


def test_the_measurement_reads_the_largest_file_and_is_no_use_of_it(furnished: Program) -> None:
    furnished.ok("mount")
    found = furnished.json("doctor", "--speed")
    assert found["model"] == "pipeline"
    assert found["path"] == str(
        furnished.mountpoint / "by-category/image/checkpoint/pipeline/unet/weights.safetensors"
    )
    assert found["size_bytes"] == found["sample_bytes"] == 6 << 20
    status = furnished.json("status")
    for key in ("read_path", "read_path_reason", "faster"):
        assert found[key] == status[key]
    for key in ("native", "first", "again"):
        assert found[f"{key}_bytes_per_s"] > 10_000_000
    assert 0 < found["native_stat_s"] < 0.01 and 0 < found["stat_s"] < 0.01
    assert found["native_opens_per_s"] > 100 and found["opens_per_s"] > 10
    # What is read later is written down later: once that is there, the measurement would be too.
    (furnished.mountpoint / "by-category/language/llm/small.gguf").read_bytes()
    wait_until_used(furnished, "small.gguf")
    assert last_used(furnished, "pipeline") is None


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure for a moment only."""
    monkeypatch.setattr(measuring, "_NATIVE_S", 0.05)
    monkeypatch.setattr(measuring, "_CALLS_S", 0.01)


def test_the_first_read_comes_from_the_mount_and_later_ones_from_the_kernel(
    furnished: Program, quick: None
) -> None:
    """With a mount that takes 2 ms to answer a read, so that each that it is asked for shows."""
    with furnished.open() as library:
        settings.change(library, {"read_path": "served"})
        Home(library, furnished.originals).mount_with(SLOW)
        found = measure(library)
    assert found.state.read_path == "served"
    assert found.first_bytes_per_s < (1 << 20) / 0.002, "a request is for a mebibyte at most"
    assert found.first_share < 0.5
    assert found.mount.bytes_per_s > 3 * found.first_bytes_per_s


def test_links_are_followed_and_the_blob_stays_in_the_cache(
    furnished: Program, quick: None
) -> None:
    with furnished.open() as library:
        start(library, links=True)
        found = measure(library)
        assert faster(look(library, found.state)) is None
    assert found.state.read_path == "links"
    assert found.first_share > 0.2


def test_a_card_says_it_of_what_is_whole(furnished: Program) -> None:
    larger = furnished.originals / "larger.gguf"
    larger.write_bytes(os.urandom(7 << 20))
    furnished.add(larger, category="language/llm")
    furnished.blob_path("larger.gguf").unlink()
    furnished.ok("config", "read_path=served")
    furnished.ok("mount")
    done = furnished.ok("doctor", "--speed")
    labels = [line[:10].strip() for line in done.stdout.splitlines()]
    assert labels == [
        "file", "read", "read path", "native", "first read", "read again", "stat", "open",
    ]  # fmt: skip
    assert "weights.safetensors\n" in done.stdout, "the largest file is not there"
    assert "% of native" in done.stdout and "read_path says so" in done.stdout
    faster = furnished.json("status")["faster"]
    assert faster and faster in done.stderr
    assert faster in furnished.ok("status").stdout


def test_without_a_mount_or_a_large_file_it_says_so(program: Program) -> None:
    done = program("doctor", "--speed")
    assert done.returncode == 1 and "not mounted" in done.stderr and "modelfs mount" in done.stderr
    (program.originals / "small.gguf").write_bytes(b"GGUF" * 1000)
    program.add(program.originals / "small.gguf")
    program.ok("mount")
    try:
        done = program("doctor", "--speed")
    finally:
        program.ok("umount")
    assert done.returncode == 3 and "4.2 MB" in done.stderr and "modelfs add" in done.stderr


def test_measuring_goes_with_nothing_else(program: Program) -> None:
    for option in ("--rebuild", "--dry-run", "--yes"):
        done = program("doctor", "--speed", option)
        assert done.returncode == 2 and "--rebuild" in done.stderr


def test_doctor_warns_of_a_slow_way_only_where_nobody_chose_it(furnished: Program) -> None:
    def read_path(library: Library) -> Check:
        (check,) = [each for each in check_mount(library) if each.name == "read path"]
        return check

    with furnished.open() as library:
        none = read_path(library)
        assert none.verdict == "ok" and "without a mount" in none.found
        settings.change(library, {"read_path": "served"})
        start(library, links=False)
        chosen = read_path(library)
        assert chosen.verdict == "ok" and chosen.found.startswith("served: ")
        assert "doctor --speed" in chosen.why and "read_path=auto" in chosen.mend
        settings.change(library, {"read_path": "auto"})
        assert read_path(library).verdict == "warning", "it is served, though nobody says so now"
