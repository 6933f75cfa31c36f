"""Turn sentences into vectors with transformers, from a plain folder and offline."""

import json
import sys

import torch
from transformers import AutoModel, AutoTokenizer


def main() -> None:
    """Tell the normalised mean of each sentence's last hidden states, as the model's card says."""
    request = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(request["path"])
    model = AutoModel.from_pretrained(request["path"])
    words = tokenizer(request["texts"], padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**words).last_hidden_state
    mask = words["attention_mask"].unsqueeze(-1)
    vectors = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1))
    sys.stdout.write(json.dumps(vectors.tolist()) + "\n")


if __name__ == "__main__":
    main()
