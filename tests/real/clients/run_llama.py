"""Load a GGUF with llama.cpp, mapped or read, and have it go on with a sentence."""

import json
import sys
from pathlib import Path

from xllamacpp import CommonParams, Server, llama_load_mode


def main() -> None:
    """Tell the words that came, and whether the file was mapped while it ran."""
    request = json.loads(sys.argv[1])
    modes = llama_load_mode.LLAMA_LOAD_MODE_MMAP, llama_load_mode.LLAMA_LOAD_MODE_NONE
    parameters = CommonParams()
    parameters.model.path = request["path"]
    parameters.load_mode = modes[0] if request["mapped"] else modes[1]
    parameters.n_ctx = 128
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.warmup = False
    parameters.verbosity = -1
    server = Server(parameters)
    question = {"prompt": request["prompt"], "max_tokens": 6, "temperature": 0, "seed": 1}
    text = server.handle_completions(question)["choices"][0]["text"]
    mapped = f" {request['path']}\n" in Path("/proc/self/maps").read_text()
    sys.stdout.write("\n" + json.dumps({"text": text, "mapped": mapped}) + "\n")


if __name__ == "__main__":
    main()
