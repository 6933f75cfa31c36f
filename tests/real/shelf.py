"""A library that holds real models, driven by the commands a person would type."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import modelfs
from real.models import ADDED_TAG, RealModel
from real.packages import ModelCache

DEADLINE_S = 20.0
VIEWS = ("by-category", "by-tag", "by-tool")

Pair = tuple[Path, Path]
"""A path in the mount and the original that it must be equal to."""


def surroundings(home: Path) -> dict[str, str]:
    """Return an environment that is away from the real home, offline, and calm."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MODELFS_", "XDG_", "HF_"))}
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_STATE_HOME": str(home / "state"),
        "PYTHONPATH": str(Path(modelfs.__file__).parents[1]),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # More threads than free cores make small models fifty times slower, and sums inexact.
        "OMP_NUM_THREADS": "1",
    }


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; fail after a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {DEADLINE_S:.0f} s: {what}"
        time.sleep(0.02)


class Shelf:
    """A library below ``root``, and the originals of what is in it."""

    def __init__(self, root: Path, cache: ModelCache) -> None:
        self.root = root
        self.store = root / "store"
        self.mountpoint = root / "mount"
        self.environment = surroundings(root)
        self.models: list[RealModel] = []
        self._cache = cache
        root.mkdir(exist_ok=True)
        self.modelfs("init", "--store", self.store, "--mount", self.mountpoint)

    def modelfs(self, *words: str | Path) -> str:
        """Run one command that must succeed; return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "modelfs", *map(str, words)],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, f"modelfs {words}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def answer(self, *words: str | Path) -> Any:
        """Run one command that prints JSON."""
        return json.loads(self.modelfs(*words, "--json"))

    def original(self, model: RealModel) -> Path:
        """Return where a model's package has it."""
        return self._cache.folder(model.package) / model.path

    def originals(self, model: RealModel) -> dict[str, Path]:
        """Return the original of each file by its path below the model's entry; one file: ''."""
        origin = self.original(model)
        folder = origin if origin.is_dir() else origin.parent
        return {name: folder / name for name in model.files} or {"": origin}

    def add(self, model: RealModel) -> dict[str, Any]:
        """Add a model as a person would; return what ``add --json`` says of it."""
        words: list[str | Path] = ["add", self.original(model), "--tag", ADDED_TAG]
        if model.named:
            words += ["--name", model.entry]
        (added,) = self.answer(*words)["models"]
        self.models.append(model)
        assert isinstance(added, dict)
        return added

    def forget(self, model: RealModel) -> None:
        """Remove a model and empty the trash."""
        self.modelfs("rm", model.entry, "--yes")
        self.modelfs("trash", "empty", "--yes")
        self.models.remove(model)

    def show(self, model: RealModel) -> dict[str, Any]:
        """Return what ``show --json`` says."""
        shown = self.answer("show", model.entry)
        assert isinstance(shown, dict)
        return shown

    def category_path(self, model: RealModel) -> Path:
        """Return a model's entry by category."""
        return self.mountpoint / "by-category" / model.category / model.entry

    def tool_path(self, model: RealModel, tool: str) -> Path:
        """Return the path that a tool is to be given."""
        path = Path(self.modelfs("path", model.entry, "--tool", tool).rstrip("\n"))
        assert (self.mountpoint / "by-tool" / tool) in path.parents
        return path

    def pairs_at(self, entry: Path, model: RealModel) -> list[Pair]:
        """Return each file of a model below an entry of the mount, with its original."""
        return [(entry / inner, source) for inner, source in self.originals(model).items()]

    def mount(self, *options: str) -> None:
        """Mount it, in a process of its own."""
        self.modelfs("mount", *options)
        assert self.answer("status")["mounted"] is True

    def close(self) -> None:
        """Unmount; what is left behind by a test that failed is taken away, and still fails."""
        try:
            self.modelfs("umount")
        finally:
            if os.path.ismount(self.mountpoint):
                self.modelfs("umount", "--lazy")
        self._expect_calm_log()

    def _expect_calm_log(self) -> None:
        """Fail when the mount had something to complain of: nothing here is damaged or missing."""
        log = self.store / "mount.log"
        said = log.read_text().splitlines() if log.exists() else []
        trouble = [line for line in said if " INFO " not in line]
        assert not trouble, trouble

    def stored_bytes(self) -> int:
        """Return what ``du`` says the store takes: blobs, and whatever waits to be one or to go."""
        return disk_usage(self.store, "--block-size=1", "--exclude=catalog.sqlite3*")


def disk_usage(folder: Path, *options: str) -> int:
    """Return what ``du`` says of a folder."""
    done = subprocess.run(
        ["du", "--summarize", *options, str(folder)], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[0])


def listed_files(mountpoint: Path) -> Iterator[Path]:
    """Give the path below the mount of every model's file that the views list, links as themselves.

    Not of Ollama's store, which fills in the background.
    """
    for view in VIEWS:
        for folder, folders, names in os.walk(mountpoint / view):
            if "ollama" in folders:
                folders.remove("ollama")
            for path in (Path(folder) / name for name in names):
                if path.is_symlink() or "user.modelfs.blob" in os.listxattr(path):
                    yield path.relative_to(mountpoint)


def made_up_bytes(mountpoint: Path) -> int:
    """Return the size of the small files that tools want to find and no model has."""
    files = (Path(root) / name for root, _, names in os.walk(mountpoint) for name in names)
    return sum(f.stat().st_size for f in files if "user.modelfs.blob" not in os.listxattr(f))
