"""Make a library of invented models: names, tags, sources and files as people have them.

Usage: python -m benchmarks.generate [--sealed] MODELS STORE

A tenth of the models are the size of whole repositories, so there are about ten files a model.
Every blob is a real file of a few bytes under its true name: ``modelfs verify --data`` finds the
library sound. Only its sizes are small. The same number gives the same library.
"""

import argparse
import hashlib
import itertools
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import xxhash

from modelfs import hashing
from modelfs.catalog import edit
from modelfs.catalog.records import NewFile, NewModel
from modelfs.library import Library, create_library
from modelfs.names import fold
from modelfs.types import BlobId, Facts

MODELS_PER_TRANSACTION = 2000
"""Large, so that a library of 100 000 is not 100 000 waits for the disk."""

_LANGUAGE = ("Llama-3.1", "Qwen2.5", "Qwen3", "Mistral-v0.3", "gemma-2", "Phi-3.5", "SmolLM2",
             "DeepSeek-R1-Distill", "Yi-1.5", "OLMo-2", "granite-3.1", "Falcon3")  # fmt: skip
_SIZES = {"0.5B": 5e8, "1.5B": 15e8, "3B": 3e9, "7B": 7e9, "14B": 14e9, "32B": 32e9, "70B": 7e10}
_TUNES = ("Instruct", "Chat", "Coder", "Math", "abliterated", "Dolphin", "Hermes", "Tulu",
          "OpenOrca", "Roleplay", "Base", "Reasoning", "Vision", "Medical", "Nordic")  # fmt: skip
_QUANTS = ("Q2_K", "Q3_K_M", "Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "IQ4_XS", "F16")
_BASES = ("sd15", "sdxl", "pony", "illustrious", "flux1-dev", "sd35-large", "wan21")
_STYLES = ("watercolour", "pixel-art", "film-grain", "ink", "claymation", "ukiyo-e", "art-deco",
           "noir", "low-poly", "studio-light", "sketch", "cyberpunk", "cottage", "oil")  # fmt: skip
_OBJECTS = ("portrait", "landscape", "detailer", "hands", "eyes", "armour", "interior", "food",
            "mecha", "dress", "cityscape", "forest", "logo", "texture")  # fmt: skip
_LANGUAGES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "pl_PL", "cs_CZ", "nl_NL", "it_IT")
_VOICES = ("amy", "thorsten", "siwis", "davefx", "gosia", "jirka", "mls", "riccardo", "lessac")
_PUBLISHERS = ("bartowski", "TheBloke", "unsloth", "lmstudio-community", "mradermacher", "civitai",
               "stabilityai", "black-forest-labs", "Qwen", "meta-llama", "google")  # fmt: skip
_TAGS = ("favourite", "work", "to-try", "slow", "fast", "keep", "uncensored", "german", "draft",
         "portrait", "anime", "photo", "client-a", "client-b", "12gb", "24gb", "cpu", "old",
         "tested", "rag", "agents", "code", "story", "night", "holiday")  # fmt: skip

_REPOSITORY = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
               "special_tokens_map.json", "README.md", "LICENSE")  # fmt: skip
_PIPELINE = ("model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json",
             "text_encoder/model.safetensors", "tokenizer/merges.txt", "tokenizer/vocab.json",
             "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "vae/config.json",
             "vae/diffusion_pytorch_model.safetensors", "LICENSE.md")  # fmt: skip
_SHARED = ("tokenizer", "LICENSE", "special_tokens", "merges", "vocab.json", "scheduler")
"""Files of these names are the same in all models of a family: the library keeps them once."""


@dataclass(frozen=True)
class Invented:
    """A model before its bytes are made."""

    name: str
    extension: str
    category: str
    publisher: str
    facts: Facts
    files: tuple[str, ...]


def invent(chance: random.Random) -> Invented:
    """Return one model of some kind, as often as people have that kind."""
    kinds = (_gguf, _lora, _checkpoint, _vae, _whisper, _piper, _repository, _pipeline)
    return chance.choices(kinds, weights=(36, 26, 6, 3, 2, 4, 19, 4))[0](chance)


def _gguf(chance: random.Random) -> Invented:
    family, size, quant = map(chance.choice, (_LANGUAGE, tuple(_SIZES), _QUANTS))
    name = f"{family}-{size}-{chance.choice(_TUNES)}-{quant}"
    return _single(chance, name, ".gguf", "language/llm", _llm(family, size, "gguf", quant))


def _lora(chance: random.Random) -> Invented:
    base, style, thing = map(chance.choice, (_BASES, _STYLES, _OBJECTS))
    category = "video/lora" if base == "wan21" else "image/lora"
    facts = Facts("safetensors", base, base_model=base)
    return _single(chance, f"{style}_{thing}_{base}", ".safetensors", category, facts)


def _checkpoint(chance: random.Random) -> Invented:
    base, style = chance.choice(_BASES), chance.choice(_STYLES)
    name = f"{style}Mix_{base}_fp16"
    facts = Facts("safetensors", base, "fp16")
    return _single(chance, name, ".safetensors", "image/checkpoint", facts)


def _vae(chance: random.Random) -> Invented:
    base = chance.choice(_BASES)
    facts = Facts("safetensors", base)
    return _single(
        chance, f"{base}_vae_{chance.choice(_STYLES)}", ".safetensors", "image/vae", facts
    )


def _whisper(chance: random.Random) -> Invented:
    size = chance.choice(("tiny", "base", "small", "medium", "large-v3", "large-v3-turbo"))
    name = f"ggml-{size}-{chance.choice(_LANGUAGES)[:2]}-q5_0"
    return _single(chance, name, ".bin", "speech/speech-to-text", Facts("ggml", "whisper", "q5_0"))


def _piper(chance: random.Random) -> Invented:
    quality = chance.choice(("x_low", "low", "medium", "high"))
    name = f"{chance.choice(_LANGUAGES)}-{chance.choice(_VOICES)}-{quality}"
    files = (f"{name}.onnx", f"{name}.onnx.json")
    return Invented(name, "", "speech/voice", "rhasspy", Facts("onnx", "vits"), files)


def _repository(chance: random.Random) -> Invented:
    family, size = chance.choice(_LANGUAGE), chance.choice(tuple(_SIZES))
    shards = chance.randint(2, 77)
    names = [f"model-{n:05}-of-{shards:05}.safetensors" for n in range(1, shards + 1)]
    files = (*_REPOSITORY, "model.safetensors.index.json", *names)
    name = f"{family}-{size}-{chance.choice(_TUNES)}"
    facts = _llm(family, size, "safetensors", "bf16")
    return Invented(name, "", "language/llm", chance.choice(_PUBLISHERS), facts, files)


def _pipeline(chance: random.Random) -> Invented:
    base = chance.choice(_BASES)
    name = f"{base}-{chance.choice(_STYLES)}-diffusers"
    facts = Facts("diffusers", base, "fp16")
    return Invented(name, "", "image/checkpoint", chance.choice(_PUBLISHERS), facts, _PIPELINE)


def _single(
    chance: random.Random, name: str, extension: str, category: str, facts: Facts
) -> Invented:
    publisher = chance.choice(_PUBLISHERS)
    return Invented(name, extension, category, publisher, facts, (name + extension,))


def _llm(family: str, size: str, form: str, quant: str) -> Facts:
    architecture = family.partition("-")[0].rstrip("0123456789.").lower()
    details = {"context_length": 32768, "layers": 32, "licence": "apache-2.0"}
    reasons = (f"general.architecture is {architecture}",)
    return Facts(form, architecture, quant, int(_SIZES[size]), f"{family}-{size}", details, reasons)


class Generator:
    """Writes invented models into a library; each name once, each content once."""

    def __init__(self, library: Library, seed: int, *, sealed: bool = False) -> None:
        self._library = library
        self._sealed = sealed
        self._chance = random.Random(seed)
        self._names: set[str] = set()
        self._made: dict[str, NewFile] = {}
        self._serial = itertools.count()

    def models(self, count: int) -> Iterator[NewModel]:
        """Give models whose blobs are in the store."""
        for _ in range(count):
            invented = invent(self._chance)
            name = self._free(invented)
            single = len(invented.files) == 1
            files = [
                self._file(name + invented.extension if single else path, invented)
                for path in invented.files
            ]
            tags = self._chance.sample(_TAGS, self._chance.randint(0, 4))
            source = f"hf:{invented.publisher}/{name}@{self._chance.getrandbits(160):040x}"
            yield NewModel(
                name,
                invented.extension,
                invented.category,
                "guess",
                source,
                invented.facts,
                files,
                tags,
                [invented.facts.format],
            )

    def _free(self, invented: Invented) -> str:
        names = (f"{invented.name}-v{n}" if n > 1 else invented.name for n in itertools.count(1))
        name = next(n for n in names if fold(n + invented.extension) not in self._names)
        self._names.add(fold(name + invented.extension))
        return name

    def _file(self, path: str, invented: Invented) -> NewFile:
        """Return a file of a model; one that its whole family has is made once."""
        if not any(word in path for word in _SHARED):
            return self._store(path, f"{path} {next(self._serial)}\n")
        content = f"{path} of {invented.facts.architecture}\n"
        if content not in self._made:
            self._made[content] = self._store(path, content)
        return self._made[content]

    def _store(self, path: str, content: str) -> NewFile:
        # Straight to its place and without fsync: nobody reads this library while it is made.
        data = content.encode()
        blob = BlobId(xxhash.xxh3_128_hexdigest(data))
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        fd = os.open(self._library.store.path(blob), flags, 0o444)
        try:
            os.write(fd, data)
            sample = hashing.sample_hash(fd, len(data))
        finally:
            os.close(fd)
        sha256 = hashlib.sha256(data).hexdigest() if self._sealed else None
        return NewFile(path, blob, len(data), sample, sha256, 1_700_000_000 * 10**9 + len(data))


def generate(library: Library, count: int, seed: int = 1, *, sealed: bool = False) -> int:
    """Fill an empty library with ``count`` models; return how many files they have."""
    files = 0
    models = Generator(library, seed, sealed=sealed).models(count)
    while batch := list(itertools.islice(models, MODELS_PER_TRANSACTION)):
        with library.catalog.write():
            for model in batch:
                edit.add_model(library.catalog, model)
        files += sum(len(model.files) for model in batch)
    return files


def main() -> None:
    """Make a library where there is none."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=int)
    parser.add_argument("store", type=Path)
    parser.add_argument("--sealed", action="store_true", help="with the SHA-256 of every blob")
    arguments = parser.parse_args()
    store: Path = arguments.store.absolute()
    if store.exists():
        parser.error(f"{store} is there already")
    # So that it does not become this user's library.
    os.environ["MODELFS_LIBRARY"] = str(store)
    started = time.monotonic()
    with create_library(store, store.with_name(store.name + "-mount")) as library:
        files = generate(library, arguments.models, sealed=arguments.sealed)
    took_s = time.monotonic() - started
    sys.stdout.write(f"{arguments.models} models, {files} files in {took_s:.1f} s\n")


if __name__ == "__main__":
    main()
