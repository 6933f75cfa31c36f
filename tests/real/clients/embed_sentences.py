"""Turn sentences into vectors with sentence-transformers, from a folder or by name, offline."""

import json
import sys

import torch
from sentence_transformers import SentenceTransformer


def main() -> None:
    """Tell the vector of each sentence."""
    request = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    vectors = SentenceTransformer(request["path"], device="cpu").encode(request["texts"])
    sys.stdout.write(json.dumps(vectors.tolist()) + "\n")


if __name__ == "__main__":
    main()
