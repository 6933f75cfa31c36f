"""A hub and a process that fetches from it, each on its own, to be slowed down and killed."""

import hashlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.conftest import make_library
from core.soundness import assert_sound, every_model
from fetch.fetcher import Fetcher, said
from fetch.standin.process import HubProcess
from identify.builders import safetensors
from modelfs.catalog import jobs
from modelfs.library import open_library

SLOW = "slow"
QUICK = "quick"
"""The names of a repository and of the weights in it."""
CONFIG = b'{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}'
COLUMNS = 40 << 20
BYTES_PER_S = 25e6
"""Of one connection: slower than its reader, so that little waits in the kernel, unread."""
DEADLINE_S = 30.0
_SHARDS = 12


@dataclass
class Stage:
    """A hub in a process of its own, and who fetches from it."""

    folder: Path
    hub: HubProcess
    fetcher: Fetcher
    served: Path
    scale: int
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def store(self) -> Path:
        """Return a fresh library."""
        place = self.folder / str(next(self.numbers))
        make_library(place).close()
        return place / "store"

    def sent(self, name: str) -> int:
        """Return how many bytes of the weights went out so far."""
        return self.hub.bytes_sent(f"{name}.safetensors")

    def weights(self, name: str) -> Path:
        """Return the weights that the hub has."""
        return self.served / name / f"{name}.safetensors"

    def size_bytes(self, name: str) -> int:
        """Return how long they are."""
        return self.weights(name).stat().st_size

    def ends_right(self, store: Path, name: str) -> None:
        """Fetch once more, without any harm: all is right, and nothing is left over."""
        code = self.fetcher.fetch(store, address(name))
        assert code == 0, said(store)
        with open_library(store) as library:
            (model,) = every_model(library)
            files = {file.path: library.store.path(file.blob) for file in model.files}
            assert digest(files[f"{name}.safetensors"]) == digest(self.weights(name))
            assert files["config.json"].read_bytes() == CONFIG
            assert [job.state for job in jobs.all_jobs(library.catalog)][-1] == "done"
            assert list(library.paths.staging.iterdir()) == []
        assert_sound(store)
        shutil.rmtree(store.parent)


def address(name: str) -> str:
    return f"hf:maker/{name}"


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def staged(folder: Path, scale: int) -> Iterator[Stage]:
    """Give a stage whose sizes are divided by ``scale``."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(folder)], check=True)
    served = folder / "hub" / "maker"
    for name, columns in ((SLOW, COLUMNS // scale), (QUICK, COLUMNS // 20)):
        (served / name).mkdir(parents=True)
        weights = random.Random(name).randbytes(2 * columns)
        file = served / name / f"{name}.safetensors"
        empty = safetensors({"weight": (1, columns)})
        file.write_bytes(empty[: -len(weights)] + weights)
        (served / name / "config.json").write_bytes(CONFIG)
    _write_shards(served / "shards")
    with pytest.MonkeyPatch.context() as patch, HubProcess(folder / "hub") as hub:
        for name, value in (("HF_ENDPOINT", hub.endpoint), ("NO_PROXY", "127.0.0.1,localhost")):
            patch.setenv(name, value)
        patch.setenv("HOME", str(folder / "home"))
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME"):
            patch.delenv(name, raising=False)
        hub.fault("slow", f"{SLOW}.safetensors", BYTES_PER_S)
        with Fetcher(scale) as fetcher:
            yield Stage(folder, hub, fetcher, served, scale)
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _write_shards(folder: Path) -> None:
    """Write many files of about the same size: two who fetch them take turns at being first."""
    folder.mkdir()
    for number in range(1, _SHARDS + 1):
        columns = (1 << 18) + number
        weights = random.Random(number).randbytes(2 * columns)
        empty = safetensors({f"weight.{number}": (1, columns)})
        name = f"model-{number:05}-of-{_SHARDS:05}.safetensors"
        (folder / name).write_bytes(empty[: -len(weights)] + weights)
    (folder / "config.json").write_bytes(CONFIG)


def kill_after(stage: Stage, store: Path, more_bytes: float) -> bool:
    """Fetch, and kill it when so much more has gone out; say whether it was still at work."""
    until, upto = time.monotonic() + DEADLINE_S, stage.sent(SLOW) + more_bytes
    process = stage.fetcher.begin(store, address(SLOW))
    while stage.sent(SLOW) < upto and Path(f"/proc/{process}").exists():
        assert time.monotonic() < until
        time.sleep(0.002)
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    return stage.fetcher.end() == -signal.SIGKILL
