"""Run the Silero voice detector with onnxruntime over a recording."""

import json
import sys
import wave

import numpy as np
from onnxruntime import InferenceSession, SessionOptions

_WINDOW, _CONTEXT, _RATE = 512, 64, 16_000
"""What the model takes at 16 kHz: a window, and the end of the one before."""


def main() -> None:
    """Tell the probability of speech in each window."""
    request = json.loads(sys.argv[1])
    options = SessionOptions()
    options.intra_op_num_threads = 1
    session = InferenceSession(request["path"], options, providers=["CPUExecutionProvider"])
    state = np.zeros((2, 1, 128), np.float32)
    samples = np.concatenate([np.zeros(_CONTEXT, np.float32), _samples(request["wav"])])
    heard = []
    for start in range(0, len(samples) - _WINDOW - _CONTEXT, _WINDOW):
        window = samples[np.newaxis, start : start + _CONTEXT + _WINDOW]
        rate = np.array(_RATE, np.int64)
        chance, state = session.run(None, {"input": window, "state": state, "sr": rate})
        heard.append(float(chance[0, 0]))
    sys.stdout.write(json.dumps(heard) + "\n")


def _samples(path: str) -> np.ndarray:
    with wave.open(path) as recording:
        assert recording.getframerate() == _RATE
        frames = recording.readframes(recording.getnframes())
    return np.frombuffer(frames, np.int16).astype(np.float32) / 32768


if __name__ == "__main__":
    main()
