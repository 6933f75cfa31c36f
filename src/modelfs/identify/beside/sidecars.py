"""Notes and pictures that other programs keep beside a model under its own stem."""

from collections.abc import Mapping, Sequence
from posixpath import basename, dirname

from modelfs.identify.beside.said import Said
from modelfs.identify.beside.values import Values, inner, read_json, text, texts
from modelfs.types import FactValue, SourceFile

MAX_TRIGGER_WORDS = 24
_PREVIEW_ENDS = (
    *(".preview.png", ".preview.jpg", ".preview.jpeg", ".preview.webp", ".preview.gif"),
    *(".png", ".jpg", ".jpeg", ".webp", ".gif", ".preview.mp4", ".mp4"),
)
_PREVIEW_NAMES = ("preview.png", "preview.jpg", "preview.webp", "thumbnail.png", "thumbnail.jpg")


def read_sidecars(files: Mapping[str, SourceFile], main: str) -> list[Said]:
    """Return what each note beside ``main`` says, the richest first."""
    folder = dirname(main) + "/" if "/" in main else ""
    stem = folder + basename(main).rpartition(".")[0]
    found = [
        reader(read_json(files.get(stem + end)))
        for end, reader in _READERS
        if stem + end in files and not (end == ".json" and stem + ".onnx" in files)
    ]
    preview = _preview(files, stem, folder)
    return [*found, Said(details={"preview": preview})] if preview else found


def _preview(files: Mapping[str, SourceFile], stem: str, folder: str) -> str | None:
    names = [stem + end for end in _PREVIEW_ENDS] + [folder + name for name in _PREVIEW_NAMES]
    return next((name for name in names if name in files), None)


def _civitai(values: Values) -> Said:
    """``.civitai.info`` of CivitAI Helper: a model version as the site's API gives it."""
    model = inner(values, "model")
    page = values.get("modelId")
    return _said(
        "CivitAI",
        declared=text(model, "type"),
        base=text(values, "baseModel"),
        words=texts(values.get("trainedWords")),
        title=text(model, "name") or text(values, "name"),
        author=text(inner(values, "creator"), "username"),
        page=f"https://civitai.com/models/{page}" if type(page) is int else None,
    )


def _stability_matrix(values: Values) -> Said:
    """``.cm-info.json``: ConnectedModelInfo of Stability Matrix."""
    page = values.get("ModelId")
    return _said(
        "Stability Matrix",
        declared=text(values, "ModelType"),
        base=text(values, "BaseModel"),
        words=texts(values.get("TrainedWords")),
        title=text(values, "UserTitle", "ModelName"),
        page=f"https://civitai.com/models/{page}" if type(page) is int and page > 0 else None,
    )


def _lora_manager(values: Values) -> Said:
    """``.metadata.json`` of LoRA Manager: its own fields around a CivitAI version."""
    civitai = _civitai(inner(values, "civitai"))
    own = _said(
        "LoRA Manager",
        base=text(values, "base_model"),
        title=text(values, "model_name"),
    )
    return joined(own, civitai)


def _swarm(values: Values) -> Said:
    """``.swarm.json`` of SwarmUI: ModelSpec fields."""
    phrase = text(values, "modelspec.trigger_phrase", "trigger_phrase")
    return _said(
        "SwarmUI",
        words=tuple(word.strip() for word in (phrase or "").split(",") if word.strip()),
        title=text(values, "modelspec.title", "title"),
        author=text(values, "modelspec.author", "author"),
    )


def _webui(values: Values) -> Said:
    """``.json`` of the AUTOMATIC1111 family: user metadata of the extra networks page."""
    words = text(values, "activation text")
    if not {"activation text", "sd version", "preferred weight"} & values.keys():
        return Said()
    base = text(values, "sd version")
    return _said(
        "the web UI",
        base=None if base == "Unknown" else base,
        words=tuple(word.strip() for word in (words or "").split(",") if word.strip()),
    )


def _said(
    by: str,
    *,
    declared: str | None = None,
    base: str | None = None,
    words: Sequence[str] = (),
    title: str | None = None,
    author: str | None = None,
    page: str | None = None,
) -> Said:
    found: dict[str, FactValue | None] = {
        "trigger_words": tuple(words[:MAX_TRIGGER_WORDS]),
        "title": title,
        "author": author,
        "model_page": page,
    }
    told = ", ".join(filter(None, (declared, base)))
    return Said(
        base_model=base,
        declared=declared.lower() if declared else None,
        details={name: value for name, value in found.items() if value},
        reasons=(f"{by} says: {told}",) if told else (),
    )


_READERS = (
    (".civitai.info", _civitai),
    (".cm-info.json", _stability_matrix),
    (".metadata.json", _lora_manager),
    (".swarm.json", _swarm),
    (".json", _webui),
)


def joined(first: Said, second: Said) -> Said:
    """Return both; what the first says stands."""
    return Said(
        class_name=first.class_name or second.class_name,
        is_diffusers=first.is_diffusers or second.is_diffusers,
        model_type=first.model_type or second.model_type,
        quant=first.quant or second.quant,
        base_model=first.base_model or second.base_model,
        relation=first.relation or second.relation,
        task=first.task or second.task,
        library=first.library or second.library,
        declared=first.declared or second.declared,
        details={**second.details, **first.details},
        reasons=(*first.reasons, *second.reasons),
    )
