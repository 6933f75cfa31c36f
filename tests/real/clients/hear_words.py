"""Write down what is said in a recording with pocketsphinx, with a model from a given folder."""

import json
import sys
import wave
from pathlib import Path

from pocketsphinx import Decoder


def main() -> None:
    """Tell the words."""
    request = json.loads(sys.argv[1])
    folder = Path(request["path"])
    decoder = Decoder(
        hmm=str(folder / "en-us"),
        lm=str(folder / "en-us.lm.bin"),
        dict=str(folder / "cmudict-en-us.dict"),
        loglevel="FATAL",
    )
    with wave.open(request["wav"]) as recording:
        sound = recording.readframes(recording.getnframes())
    decoder.start_utt()
    decoder.process_raw(sound, full_utt=True)
    decoder.end_utt()
    sys.stdout.write(json.dumps(decoder.hyp().hypstr) + "\n")


if __name__ == "__main__":
    main()
