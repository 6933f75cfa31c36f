"""A library of a few models for as long as a measurement takes."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.place import Place, modelfs


@dataclass(frozen=True, slots=True)
class Shelved:
    """A file that is in the library."""

    blob: Path
    shown: Path
    """Where it is in the mount, when there is one."""


@contextmanager
def library(place: Place, *files: Path) -> Iterator[list[Shelved]]:
    """Add these files to a new library, whose mountpoint is ``mount`` in the place."""
    mountpoint = place.root / "mount"
    place.run(modelfs("init", "--mount", mountpoint))
    # Sealed, or the mount would compute that in the background.
    place.run(modelfs("add", "--seal", *files))
    models = json.loads(place.output(modelfs("ls", "--json")))
    try:
        yield [_find(place.store, mountpoint, models, file) for file in files]
    finally:
        shutil.rmtree(place.store)


def _find(store: Path, mountpoint: Path, models: list[Any], file: Path) -> Shelved:
    """Find a model by its kind of file: its name is modelfs's own choice."""
    (model,) = (each for each in models if each["entry_name"].endswith(file.suffix))
    (its,) = model["files"]
    blob = store / "blobs" / its["blob"][:2] / its["blob"]
    return Shelved(blob, mountpoint / "by-category" / model["category"] / model["entry_name"])
