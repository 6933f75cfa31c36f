"""Classify the same models with ai-model-manager (the command ``aim``) and print both side by side.

Run by hand in ``tests/``: ``python -m corpus.peer``. It makes an environment for the peer,
asks the peer's own function for each model by name and folder, and maps its categories onto ours as
kindly as they allow: any of several of ours is right where one of theirs stands for several.
"""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from corpus.expected import EXPECTED
from identify.published.expected import ALL
from identify.published.headers import load
from modelfs.library.identifying import Identified, identify_paths
from real.packages import ModelCache, VanishedError, default_cache

PEER = "ai-model-manager==0.3.0"
MEANS: dict[str, tuple[str, ...]] = {
    "llm/chat": ("language/llm",),
    "llm/code": ("language/llm",),
    "llm/embedding": ("language/embedding", "language/reranker"),
    "llm/vision": ("language/multimodal", "language/projector"),
    "image-gen/checkpoint": ("image/checkpoint", "video/checkpoint"),
    "image-gen/lora": ("image/lora", "video/lora"),
    "image-gen/vae": ("image/vae", "video/vae"),
    "image-gen/controlnet": ("image/controlnet", "image/ip-adapter", "image/style"),
    "image-gen/text-encoder": ("image/text-encoder", "image/clip-vision"),
    "image-gen/unet": ("image/diffusion-model", "video/diffusion-model"),
    "image-gen/upscaler": ("image/upscaler", "image/restoration"),
    "tts/model": ("speech/text-to-speech",),
    "tts/vocoder": ("speech/text-to-speech",),
    "tts/voice": ("speech/voice",),
    "asr/model": ("speech/speech-to-text", "speech/speech-to-text-finetune"),
    "audio/vad": ("speech/vad",),
    "audio/punctuation": ("text/punctuation",),
    "audio/speaker": ("speech/speaker",),
}
_ASK = """
import json, sys
from pathlib import Path
import aim
asked = json.load(sys.stdin)
print(json.dumps([aim.classify_model(name, Path(folder)) for name, folder in asked]))
"""

Model = tuple[str, str, str]
"""Its expected category, the path that we look at, and what it is called."""


def main() -> None:
    """Print one table."""
    with tempfile.TemporaryDirectory() as text:
        work = Path(text)
        venv.create(work / "venv", with_pip=True)
        python = work / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", PEER], check=True)
        rows = {"real files": _real(), "headers of published models": _published(work / "made")}
        sys.stdout.write("| models | | ours right | theirs right |\n| --- | --- | --- | --- |\n")
        for title, models in rows.items():
            theirs = _theirs(python, models)
            ours = [_ours(path) for _, path, _ in models]
            good = sum(given == wanted for given, (wanted, _, _) in zip(ours, models, strict=True))
            kind = sum(
                wanted in MEANS.get(given, (given,))
                for given, (wanted, _, _) in zip(theirs, models, strict=True)
            )
            count = len(models)
            sys.stdout.write(
                f"| {title} | {count} | {_share(good, count)} | {_share(kind, count)} |\n"
            )


def _share(right: int, count: int) -> str:
    return f"{right} ({100 * right / count:.0f} %)"


def _real() -> list[Model]:
    cache, models = ModelCache(default_cache()), []
    for expected in EXPECTED:
        try:
            folder = cache.folder(expected.package)
        except VanishedError:
            continue
        models += [
            (expected.category, str(path), f"{expected.package}/{path.name}")
            for path in sorted(folder.glob(expected.path))
            if path.suffix != ".param"
        ]
    return models


def _published(folder: Path) -> list[Model]:
    headers = load()
    return [
        (each.category, str(each.write(folder / each.name, headers)), each.name) for each in ALL
    ]


def _ours(path: str) -> str:
    found = next((each for each in identify_paths([path]) if isinstance(each, Identified)), None)
    return found.verdict.category if found else "other/unsorted"


def _theirs(python: Path, models: list[Model]) -> list[str]:
    asked = [
        (name, path if Path(path).is_dir() else str(Path(path).parent)) for _, path, name in models
    ]
    done = subprocess.run(
        [python, "-c", _ASK], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    return [answer[0] for answer in json.loads(done.stdout)]


if __name__ == "__main__":
    main()
