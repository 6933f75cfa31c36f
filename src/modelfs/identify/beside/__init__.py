"""What the small files beside weights say: configurations, model cards, sidecars of other programs.

Written by strangers, as headers are: bounded in size, each value checked for its type, never an
exception for a bad one.
"""

from collections.abc import Sequence

from modelfs.identify.beside.card import read_card
from modelfs.identify.beside.config import read_config
from modelfs.identify.beside.said import Said
from modelfs.identify.beside.sidecars import joined, read_sidecars
from modelfs.identify.beside.speech import (
    read_piper,
    read_vosk,
    read_whisper,
)
from modelfs.types import SourceFile

__all__ = ["Said", "read_beside"]


def read_beside(files: Sequence[SourceFile], main: str | None) -> Said:
    """Return what the files of a model, and those beside it, say of ``main``, its weights.

    Configurations stand before sidecars, and these before the card.
    """
    by_path = {file.path: file for file in files}
    if len(by_path) < 2:
        return Said()
    told = [read_config(by_path)]
    if main is not None:
        told += [read_piper(by_path, main), *read_sidecars(by_path, main)]
    told += [read_whisper(by_path), read_vosk(by_path)]
    told.append(read_card(by_path.get("README.md")))
    result = told[0]
    for said in told[1:]:
        result = joined(result, said)
    return result
