"""What identification costs: time and memory for headers, for a pickle and for a tree of files.

Run by hand: ``python -m benchmarks.identifying``, where ``gguf`` and ``safetensors`` are installed
for the comparison. Every run is a process of its own; only the work is timed, not its start.
"""

import json
import pickle
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

TOKENS, TENSORS, PICKLED, FILES, ROUNDS = 150_000, 3_000, 600, 1_000, 5

_OURS = """
from modelfs.library.identifying import Identified, identify_paths
warm = sys.argv[2]
list(identify_paths([warm]))
start = time.perf_counter()
found = [i for i in identify_paths(sys.argv[1:2]) if isinstance(i, Identified)]
"""
_RUNS = {
    "modelfs": _OURS,
    "gguf": "import gguf\nstart = time.perf_counter()\ngguf.GGUFReader(sys.argv[1])\n",
    "safetensors": """
import safetensors
start = time.perf_counter()
with safetensors.safe_open(sys.argv[1], "np") as f:
    shapes = [f.get_slice(name).get_shape() for name in f.keys()]
""",
    "two listings": """
import os
start = time.perf_counter()
for _ in range(2):
    for folder, _, names in os.walk(sys.argv[1]):
        for name in names:
            os.stat(os.path.join(folder, name))
""",
}
_AROUND = """
import sys, time
peak = lambda: int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])
{work}
took = time.perf_counter() - start
print(took, peak())
"""


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def write_gguf(path: Path, tokens: int) -> None:
    """Write a GGUF header with a vocabulary and merges; its type stands behind them."""
    texts = b"".join(_text(f"token{number}") for number in range(tokens))
    listed = struct.pack("<IIQ", 9, 8, tokens) + texts
    values = [
        _text("general.architecture") + struct.pack("<I", 8) + _text("llama"),
        _text("tokenizer.ggml.tokens") + listed,
        _text("tokenizer.ggml.merges") + listed,
        _text("general.file_type") + struct.pack("<II", 4, 15),
    ]
    tensors = b"".join(
        _text(f"blk.{number}.attn_q.weight") + struct.pack("<IQQIQ", 2, 256, 4, 12, number * 576)
        for number in range(300)
    )
    head = b"GGUF" + struct.pack("<IQQ", 3, 300, len(values)) + b"".join(values) + tensors
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(300 * 576))


def write_safetensors(path: Path, tensors: int) -> None:
    """Write a header of a language model's names above small tensors."""
    parts = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj")
    header = {
        f"model.layers.{n // 5}.self_attn.{parts[n % 5]}.weight": {
            "dtype": "BF16",
            "shape": [4, 4],
            "data_offsets": [n * 32, n * 32 + 32],
        }
        for n in range(tensors)
    }
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(32 * tensors))


def write_pickle(path: Path, tensors: int) -> None:
    """Write a plain pickle of that many entries with sizes and names."""
    values = {f"layer.{n}.weight": {"size": (n, 4), "note": "x" * 20} for n in range(tensors)}
    path.write_bytes(pickle.dumps(values, 2))


def _measure(name: str, path: Path, warm: Path) -> tuple[float, float]:
    command = [sys.executable, "-c", _AROUND.format(work=_RUNS[name]), str(path), str(warm)]
    done = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        for _ in range(ROUNDS)
    ]
    times, peaks = zip(*((float(took), int(peak)) for took, peak in done), strict=True)
    return statistics.median(times), max(peaks) / 1024


def main() -> None:
    """Make the files, measure in turn and print one table."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        warm = root / "warm.safetensors"
        write_safetensors(warm, 4)
        write_gguf(root / "large.gguf", TOKENS)
        write_safetensors(root / "many.safetensors", TENSORS)
        write_pickle(root / "many.pt", PICKLED)
        tree = root / "tree"
        for number in range(FILES):
            folder = tree / f"{number // 50}"
            folder.mkdir(parents=True, exist_ok=True)
            write_safetensors(folder / f"model-{number}.safetensors", 40)
        sys.stdout.write("| what | who | median, ms | peak, MiB |\n| --- | --- | --- | --- |\n")
        for what, path, sides in (
            ("nothing but a file of 4 tensors", warm, ("modelfs",)),
            (f"GGUF, {TOKENS} tokens", root / "large.gguf", ("modelfs", "gguf")),
            (
                f"safetensors, {TENSORS} tensors",
                root / "many.safetensors",
                ("modelfs", "safetensors"),
            ),
            (f"pickle, {PICKLED} entries", root / "many.pt", ("modelfs",)),
            (f"tree of {FILES} files", tree, ("modelfs", "two listings")),
        ):
            for side in sides:
                took, peak = _measure(side, path, warm)
                sys.stdout.write(f"| {what} | {side} | {took * 1000:.1f} | {peak:.0f} |\n")


if __name__ == "__main__":
    main()
