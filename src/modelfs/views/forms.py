"""What a model is to the rules of a tool: one file or a folder, and which of its files is the main.

A preview or a note of the same name beside a file does not make a folder of it: tools look for
them just there. Nor do the layers that Ollama's models bring: they say nothing to other tools.
"""

import re
from dataclasses import dataclass

from modelfs.catalog.records import FileRecord, ModelRecord
from modelfs.names import split_extension
from modelfs.views.ollama import is_layer

_NOTES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".gif", ".mp4", ".json", ".info", ".yaml", ".yml"),
    *(".txt", ".md", ".csv", ".sha256"),
)
_FIRST_SHARD = re.compile(r"-0*1-of-\d+\.[^/]+")
_GGUF_SHARD = re.compile(r"([^/]+)-\d{5}-of-\d{5}\.gguf", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Form:
    """How a model is made up of files."""

    main: FileRecord | None
    """The first of its shards, or else its largest file that is no note; None for no files."""
    is_one_file: bool
    """Whether it is one file, with nothing beside it but what begins with that file's stem."""
    extension: str
    """That of the one file."""
    stem: str
    """What the names of its files begin with and may be exchanged; empty where nothing may."""

    def spare_bytes(self, model: ModelRecord) -> int:
        """Return how much room what follows the name needs in the names of its files."""
        if self.stem:
            return max(len(f.path.encode()) for f in model.files) - len(self.stem.encode())
        return len(self.extension.encode())

    def facts(self, model: ModelRecord) -> dict[str, object]:
        """Return what the conditions of rules are about."""
        facts = model.facts
        own = {"format": facts.format, "quant": facts.quant, "architecture": facts.architecture}
        file = self.main.path.rpartition("/")[2] if self.main else ""
        return {**facts.details, **own, "name": model.name, "file": file}


def form_of(model: ModelRecord) -> Form:
    """Return the form of a model."""
    main = _main(model)
    if main is None:
        return Form(None, False, "", "")
    if model.is_single:
        return Form(main, True, model.extension, "")
    stem, extension = split_extension(main.path)
    others = (f.path for f in model.files if f is not main and not is_layer(f.path))
    if "/" not in main.path and all(path.startswith(stem + ".") for path in others):
        return Form(main, True, extension, stem)
    shards = {found[1] for f in model.files if (found := _GGUF_SHARD.fullmatch(f.path))}
    return Form(main, False, "", shards.pop() if len(shards) == 1 else "")


def _main(model: ModelRecord) -> FileRecord | None:
    weights = [
        f for f in model.files if not f.path.lower().endswith(_NOTES) and not is_layer(f.path)
    ]
    first = [file for file in weights if _FIRST_SHARD.search(file.path)]
    if first:
        return min(first, key=lambda file: file.path)
    return max(weights or model.files, key=lambda f: (f.size_bytes, f.path), default=None)
