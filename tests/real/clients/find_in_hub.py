"""Find a repository, or one file of it, in the hub's cache, as programs that load by name do."""

import json
import sys

import huggingface_hub


def main() -> None:
    """Tell the path that a program would go on with."""
    request = json.loads(sys.argv[1])
    if "file" in request:
        path = huggingface_hub.hf_hub_download(request["repository"], request["file"])
    else:
        path = huggingface_hub.snapshot_download(
            request["repository"], allow_patterns=request["patterns"], local_files_only=True
        )
    sys.stdout.write(json.dumps(path) + "\n")


if __name__ == "__main__":
    main()
