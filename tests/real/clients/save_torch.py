"""Write the tensors of a safetensors file as the ``.pth`` that torch writes today: a zip."""

import json
import sys

import torch
from safetensors.torch import load_file


def main() -> None:
    """Write ``target`` and tell how many tensors are in it."""
    request = json.loads(sys.argv[1])
    tensors = load_file(request["path"])
    torch.save(tensors, request["target"])
    sys.stdout.write(json.dumps(len(tensors)) + "\n")


if __name__ == "__main__":
    main()
