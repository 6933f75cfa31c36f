"""A library in a fresh folder, and its mount: always a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelfs.fs import mountinfo
from modelfs.fs.launch import start, stop
from modelfs.fs.state import MountState, mount_state
from modelfs.library import Library, create_library, select, settings
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add

DEADLINE_S = 20.0

BOTH_WAYS = ("auto", "served")
"""A module that names this ``READ_PATHS`` has its tests run with the kernel reading and without."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of a module with a mount in all the ways that the module asks for."""
    paths = getattr(metafunc.module, "READ_PATHS", None)
    if paths and "read_path" in metafunc.fixturenames:
        metafunc.parametrize("read_path", paths)


def wait_for(condition: Callable[[], object], what: str, timeout_s: float = DEADLINE_S) -> None:
    """Poll until something holds; fail, saying what did not, when it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout_s} s in vain: {what}")
        time.sleep(0.01)


def is_made_up(path: Path) -> bool:
    """Say whether a file of the mount is no model's, but a text that a tool wants to find."""
    return not path.is_symlink() and "user.modelfs.blob" not in os.listxattr(path)


@dataclass
class Home:
    """One library, its mountpoint and a folder for originals."""

    library: Library
    originals: Path

    @property
    def mountpoint(self) -> Path:
        return self.library.mountpoint

    def add(self, name: str, content: bytes, category: str, tags: Sequence[str] = ()) -> str:
        """Write an original and add it; return the model's entry name."""
        path = self.originals / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return self.add_path(path, category, tags)

    def add_path(self, path: Path, category: str, tags: Sequence[str] = ()) -> str:
        plan = plan_add(self.library, [str(path)], AddOptions(category=category, tags=tags))
        (added,) = add(self.library, plan)
        return added.model.entry_name

    def mount(self, *, links: bool = False) -> MountState:
        return start(self.library, links)

    def mount_with(self, script: str) -> None:
        """Mount from a process that runs ``script`` first."""
        self.start_with(script)
        wait_for(lambda: self.state().mounted, "mounted")

    def start_with(self, script: str) -> None:
        """As ``mount_with``, of a mount that may not come to answer."""
        reading, writing = os.pipe()
        script += "\nfrom modelfs.fs import process; process.main()"
        with open(self.library.paths.mount_log, "wb") as log:
            subprocess.run(
                [sys.executable, "-c", script, str(self.library.paths.root), str(writing)],
                pass_fds=[writing],
                stdout=log,
                stderr=log,
                check=True,
                start_new_session=True,
            )
        os.close(writing)
        with open(reading, "rb") as pipe:
            assert b"mounted" in pipe.readline()

    def umount(self) -> None:
        stop(self.library, lazy=True)

    def state(self) -> MountState:
        return mount_state(self.library.paths)

    def log(self) -> str:
        return self.library.paths.mount_log.read_text()

    def blob_path(self, model: str) -> Path:
        """Where the bytes of a single-file model are in the store."""
        return self.library.store.path(select.one(self.library, model).files[0].blob)


@pytest.fixture
def read_path() -> str:
    """The setting that says how the mount is read."""
    return "auto"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_path: str) -> Iterator[Home]:
    store, mountpoint = tmp_path / "store", tmp_path / "models"
    monkeypatch.setenv("MODELFS_LIBRARY", str(store))
    library = create_library(store, mountpoint)
    library.close()
    library = create_library(store, mountpoint)
    settings.change(library, {"read_path": read_path})
    originals = tmp_path / "originals"
    originals.mkdir()
    made = Home(library, originals)
    yield made
    made.umount()
    while mountinfo.mounts_at(mountpoint):
        mountinfo.unmount(mountpoint, lazy=True)
    library.close()


@pytest.fixture
def furnished(home: Home) -> Home:
    """A mounted library with a few models in several views."""
    home.add("tiny.safetensors", b"tiny" * 5000, "image/lora", ["style", "fast"])
    home.add("big.gguf", os.urandom(3_000_001), "language/llm", ["fast"])
    home.add("portrait.ckpt", os.urandom(50_000), "image/checkpoint", ["style"])
    home.add("empty.bin", b"", "other/unsorted")
    folder = home.originals / "pipeline"
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    (folder / "unet" / "weights.safetensors").write_bytes(os.urandom(200_000))
    (folder / "unet" / "config.json").write_text("{}")
    home.add_path(folder, "image/checkpoint", ["style"])
    home.mount()
    return home


@pytest.fixture
def plain(furnished: Home, tmp_path: Path) -> Iterator[Path]:
    """The same tree as plain files: one inode a file, however often it is shown."""
    made, shown = tmp_path / "plain", tmp_path / "plain-ro"
    inodes: dict[int, Path] = {}
    for root, _, files in os.walk(furnished.mountpoint):
        target = made / Path(root).relative_to(furnished.mountpoint)
        target.mkdir(exist_ok=True)
        for name in files:
            source = Path(root) / name
            status = source.stat()
            if status.st_ino in inodes:
                os.link(inodes[status.st_ino], target / name)
            else:
                (target / name).write_bytes(source.read_bytes())
                os.chmod(target / name, 0o444)
                os.utime(target / name, ns=(status.st_mtime_ns, status.st_mtime_ns))
                inodes[status.st_ino] = target / name
    for root, _, _ in os.walk(made):
        os.chmod(root, 0o555)
    shown.mkdir()
    subprocess.run(["mount", "--bind", str(made), str(shown)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(shown)], check=True)
    yield shown
    subprocess.run(["umount", str(shown)], check=True)


def run_python(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
