"""Write down what is said in a recording with CTranslate2's Whisper, without faster-whisper."""

import json
import sys
import wave
from pathlib import Path

import ctranslate2
import numpy as np

_RATE, _WINDOW, _HOP, _MELS, _SECONDS = 16_000, 400, 160, 80, 30


def main() -> None:
    """Tell the text."""
    request = json.loads(sys.argv[1])
    folder = request["path"]
    model = ctranslate2.models.Whisper(
        folder, device="cpu", compute_type="float32", inter_threads=1, intra_threads=1
    )
    features = ctranslate2.StorageView.from_array(_log_mels(_samples(request["wav"]))[np.newaxis])
    begin = ["<|startoftranscript|>", "<|notimestamps|>"]
    result = model.generate(features, [begin], beam_size=1, max_length=60)[0]
    known = (Path(folder) / "vocabulary.txt").read_text("utf-8").split("\n")
    assert set(result.sequences[0]) <= set(known)
    text = "".join(result.sequences[0]).replace("\u0120", " ")  # GPT-2's way to write a space
    sys.stdout.write(json.dumps(text.strip()) + "\n")


def _samples(path: str) -> np.ndarray:
    with wave.open(path) as recording:
        assert recording.getframerate() == _RATE
        frames = recording.readframes(recording.getnframes())
    samples = np.frombuffer(frames, np.int16).astype(np.float32) / 32768
    return np.pad(samples, (0, _SECONDS * _RATE - len(samples)))


def _log_mels(samples: np.ndarray) -> np.ndarray:
    """Return Whisper's input: openai-whisper's ``log_mel_spectrogram`` in numpy."""
    padded = np.pad(samples, _WINDOW // 2, mode="reflect")
    starts = np.arange(len(samples) // _HOP) * _HOP
    frames = padded[starts[:, np.newaxis] + np.arange(_WINDOW)] * np.hanning(_WINDOW + 1)[:-1]
    power = np.abs(np.fft.rfft(frames)) ** 2
    mels = np.log10(np.maximum(_filters() @ power.T, 1e-10))
    mels = np.maximum(mels, mels.max() - 8.0)
    return ((mels + 4.0) / 4.0).astype(np.float32)


def _filters() -> np.ndarray:
    """Return Slaney's mel filters: linear up to 1 kHz, logarithmic above, of equal area."""
    step = np.log(6.4) / 27
    highest = 15 + np.log(_RATE / 2 / 1000) / step
    points = np.linspace(0, highest, _MELS + 2)
    hertz = np.where(points < 15, points * 200 / 3, 1000 * np.exp(step * (points - 15)))
    bins = np.fft.rfftfreq(_WINDOW, 1 / _RATE)
    rising = (bins - hertz[:-2, np.newaxis]) / np.diff(hertz)[:-1, np.newaxis]
    falling = (hertz[2:, np.newaxis] - bins) / np.diff(hertz)[1:, np.newaxis]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return triangles * (2 / (hertz[2:] - hertz[:-2]))[:, np.newaxis]


if __name__ == "__main__":
    main()
