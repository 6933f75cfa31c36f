"""What is added: files and folders of known bytes, and the models that they are."""

import random
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.conftest import write
from core.reference.plain import Unable, folded
from identify.builders import gguf


def _noise(seed: int, size_bytes: int) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


_LONG = _noise(1, 300_000)
_LLAMA = gguf({"general.architecture": "llama"})
CONTENTS = {
    "noise": _noise(2, 3000),
    "other noise": _noise(3, 3000),
    "llama": _LLAMA,
    "empty": b"",
    "small": b"small",
    "long": _LONG,
    # The same size and the same samples; only reading all of it tells the two apart.
    "nearly long": _LONG[:80_000] + b"#" + _LONG[80_001:],
}
SMALLEST = 1024
"""Below this, bytes of no known format are taken for no model among others."""

NAMES = ("Llama", "llama", "LLAMA", "mistral", "e\u0301te\u0301", "x" * 240)


@dataclass(frozen=True)
class PlannedPlain:
    """A model that a source holds."""

    name: str
    extension: str
    files: dict[str, bytes]
    source: str
    originals: dict[str, str]
    """Where each of its files lies, by its path in the model."""

    @property
    def main(self) -> bytes:
        """Return the bytes that speak for the model."""
        path = min(self.files, key=lambda path: (path.count("/"), -len(self.files[path]), path))
        return self.files[path]

    @property
    def is_known_format(self) -> bool:
        return self.main == _LLAMA

    @property
    def category(self) -> str:
        return "language/llm" if self.is_known_format else "other/unsorted"

    @property
    def format(self) -> str:
        return "gguf" if self.is_known_format else "unknown"


@dataclass(frozen=True)
class Source:
    """A file or a folder to add, and the bytes of every file in it."""

    path: str
    files: dict[str, bytes]
    """By absolute path."""
    models: tuple[PlannedPlain, ...]

    def planned(self, name: str | None) -> list[PlannedPlain]:
        """Return the models that adding it gives, named or not."""
        models = [
            model
            for model in self.models
            if len(self.models) == 1 or model.is_known_format or len(model.main) >= SMALLEST
        ]
        if name is None:
            if not models:
                raise Unable("BadInput")
            return models
        return [self._whole()] if len(self.models) > 1 else models

    def _whole(self) -> PlannedPlain:
        files: dict[str, bytes] = {}
        originals: dict[str, str] = {}
        for path in sorted(self.files):
            name = _free(_composed(path[len(self.path) + 1 :]), files)
            files[name], originals[name] = self.files[path], path
        return PlannedPlain("", "", files, f"local:{self.path}", originals)


def _free(name: str, taken: Iterable[str]) -> str:
    """Number a name that another one meets on a disk that ignores case."""
    stem, number, free = name.removesuffix(".gguf"), 1, name
    while folded(free) in map(folded, taken):
        number += 1
        free = f"{stem}-{number}.gguf"
    return free


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def file_source(folder: Path, name: str, data: bytes) -> Source:
    """Write one file alone in a folder."""
    path = write(folder / f"{name}.gguf", data)
    return Source(str(path), {str(path): data}, (_single(path, data),))


def folder_source(folder: Path, contents: dict[str, bytes]) -> Source:
    """Write a folder of loose files, each a model of its own unless a name joins them."""
    files = {write(folder / f"{name}.gguf", data): data for name, data in contents.items()}
    singles = [_single(path, files[path]) for path in sorted(files, key=str)]
    return Source(str(folder), {str(p): data for p, data in files.items()}, tuple(singles))


def _single(path: Path, data: bytes) -> PlannedPlain:
    name = _composed(path.name)
    return PlannedPlain(
        name.removesuffix(".gguf"), ".gguf", {name: data}, f"local:{path}", {name: str(path)}
    )
