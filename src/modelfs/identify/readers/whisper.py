"""Read the head of a whisper.cpp model: the magic ``lmgg``, then eleven 32-bit numbers.

whisper.cpp's voice activity detector shares the magic, but follows it with the model's name.
"""

import struct
from typing import BinaryIO

from modelfs.identify.reading import Reading
from modelfs.identify.tables import load_table
from modelfs.types import Facts, FactValue

MAGIC = b"lmgg"
_HEADER = struct.Struct("<11i")
_DETECTOR_PREFIX = b"silero"
FIRST_MULTILINGUAL_VOCABULARY = 51_865
"""Whisper's English models have one token less."""
_QUANT_VERSION_FACTOR = 1000
"""ggml stores the quantisation's version in the thousands of ``ftype``."""


def read(head: bytes, handle: BinaryIO, size_bytes: int) -> Reading | None:
    """Return what a whisper ggml file says, or ``None`` when it is not one."""
    if not head.startswith(MAGIC):
        return None
    name_bytes = int.from_bytes(head[4:8], "little")
    if name_bytes <= 64 and head.startswith(_DETECTOR_PREFIX, 8):
        name = head[8 : 8 + name_bytes].decode("ascii", "replace")
        details: dict[str, FactValue] = {"name": name} if name.isprintable() else {}
        facts = Facts(
            "whisper-ggml", "silero-vad", details=details, reasons=("ggml silero header",)
        )
        return Reading(facts)
    if len(head) < 4 + _HEADER.size:
        return None
    return _speech_model(_HEADER.unpack_from(head, 4), size_bytes)


def _speech_model(numbers: tuple[int, ...], size_bytes: int) -> Reading | None:
    vocabulary, audio_context, audio_state, _, audio_layers = numbers[:5]
    _, _, _, text_layers, mels, file_type = numbers[5:]
    if not (0 < vocabulary < 10**6 and 0 < audio_context < 10**5 and 0 < audio_state < 10**5):
        return None
    if not (0 < audio_layers <= 256 and 0 < text_layers <= 256 and 0 < mels <= 1024):
        return None
    size = load_table("whisper")["sizes"].get(str(audio_layers))
    details: dict[str, FactValue] = {
        "multilingual": vocabulary >= FIRST_MULTILINGUAL_VOCABULARY,
        "mels": mels,
    }
    if size:
        is_turbo = audio_layers == 32 and text_layers == 4
        details["size_label"] = f"{size}-turbo" if is_turbo else str(size)
    parameters = _parameters(vocabulary, audio_state, audio_layers, text_layers, numbers[5], mels)
    quant = load_table("gguf")["file_types"].get(str(file_type % _QUANT_VERSION_FACTOR))
    return Reading(
        Facts(
            format="whisper-ggml",
            architecture="whisper",
            quant=quant,
            # Files for tests have the header of a model and none of its weights.
            parameters=parameters if size_bytes * 8 > parameters else None,
            details=details,
            reasons=("whisper ggml header",),
        )
    )


def _parameters(
    vocabulary: int, width: int, layers: int, text_layers: int, text_context: int, mels: int
) -> int:
    """Return the number of trained weights that a Whisper of these sizes has.

    As in openai/whisper's model.py: keys have no bias, the encoder's positions are not trained.
    """
    attention = 4 * width * width + 3 * width + 2 * width
    perceptron = 8 * width * width + 5 * width + 2 * width
    convolutions = 3 * width * (mels + width) + 2 * width
    encoder = convolutions + layers * (attention + perceptron) + 2 * width
    words = (vocabulary + text_context) * width
    return encoder + words + text_layers * (2 * attention + perceptron) + 2 * width
