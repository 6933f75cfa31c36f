"""Write down what is said in a recording with faster-whisper, which is given a name or a folder."""

import json
import sys

from faster_whisper import WhisperModel


def main() -> None:
    """Tell the text."""
    request = json.loads(sys.argv[1])
    model = WhisperModel(
        request["path"],
        device="cpu",
        compute_type="float32",
        cpu_threads=1,
        local_files_only=True,
    )
    parts, _ = model.transcribe(request["wav"], beam_size=1)
    sys.stdout.write(json.dumps("".join(part.text for part in parts).strip()) + "\n")


if __name__ == "__main__":
    main()
