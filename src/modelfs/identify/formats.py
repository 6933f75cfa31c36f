"""Tell a file's format from its bytes: readers with a header to report first, then plain magics.

The extension never decides alone; a few magics also ask for one, where the bytes are shared by
files that are no models. The order of the readers is from the surest test to the weakest.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import BinaryIO

from modelfs.identify.names import matches_path
from modelfs.identify.readers import (
    archives,
    ctranslate2,
    gguf,
    keras,
    llamafile,
    ncnn,
    nemo,
    onnx,
    pickles,
    safetensors,
    tflite,
    whisper,
)
from modelfs.identify.reading import Reading
from modelfs.identify.tables import load_table
from modelfs.identify.verdict import Verdict
from modelfs.types import Facts, SourceFile

HEAD_BYTES = 4096
UNKNOWN = "unknown"

Reader = Callable[[bytes, BinaryIO, int], Reading | None]
"""Takes the first bytes, the seekable file and its size; ``None`` means "not my format"."""

READERS: Sequence[Reader] = (
    gguf.read,
    whisper.read,
    keras.read_archive,
    archives.read,
    pickles.read,
    safetensors.read,
    tflite.read,
    keras.read_hdf5,
    nemo.read,
    llamafile.read,
    ncnn.read,
    ctranslate2.read,
    onnx.read,
)


def read_header(file: SourceFile) -> Reading:
    """Return what the bytes of one file say; a file of no known format gives ``unknown``.

    Never raises on bad bytes. An ``OSError`` from opening or reading is passed on.
    """
    with file.open() as handle:
        head = handle.read(HEAD_BYTES)
        for reader in READERS:
            reading = reader(head, handle, file.size_bytes)
            if reading is not None:
                hidden = _hidden_verdict(reading, head, handle, file)
                return replace(reading, verdict=hidden) if hidden else reading
    return _by_magic(head, file.path)


def _hidden_verdict(
    reading: Reading, head: bytes, handle: BinaryIO, file: SourceFile
) -> Verdict | None:
    """Return what a loader that goes by the name would run in bytes that are also a pickle."""
    ends = tuple(load_table("names")["pickle_suffixes"])
    if reading.verdict is not None or not file.path.lower().endswith(ends):
        return None
    pickle = pickles.read(head, handle, file.size_bytes)
    return pickle.verdict if pickle is not None else None


def usual_extension(format_name: str) -> str:
    """Return the extension that a single file of this format has, or an empty text."""
    return str(load_table("formats")["extension"].get(format_name, ""))


def _by_magic(head: bytes, path: str) -> Reading:
    for row in load_table("formats")["magic"]:
        suffixes = tuple(row.get("suffixes", ("",)))
        if head.startswith(bytes.fromhex(row["bytes"]), row["offset"]) and path.lower().endswith(
            suffixes
        ):
            return Reading(Facts(format=row["format"], reasons=(f"{row['format']} magic",)))
    warnings = ("the file is empty",) if not head else ()
    return Reading(Facts(warnings=warnings))


def folder_format(paths: Sequence[str], weights_format: str) -> str | None:
    """Return the format of a folder that holds ``paths``, or ``None`` when it has none of its own.

    ``weights_format`` is what the bytes of its main weights say.
    """
    for row in load_table("formats")["folder"]:
        if weights_format not in row.get("weights", (weights_format,)):
            continue
        if all(any(matches_path(path, pattern) for path in paths) for pattern in row["has"]):
            return str(row["format"])
    return None
