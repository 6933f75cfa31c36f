"""The model card: the YAML between the first two ``---`` lines of a README, in the hub's words."""

from typing import cast, get_args

from modelfs.identify.beside.said import Relation, Said
from modelfs.identify.beside.values import Values, text, texts
from modelfs.identify.reading import plain_text
from modelfs.types import FactValue, SourceFile

MAX_CARD_BYTES = 256 * 1024
MAX_FRONT_CHARS = 65_536
_QUANT_TAGS = frozenset(
    {"gguf", "gptq", "awq", "exl2", "exl3", "mlx", "bitsandbytes", "4-bit", "8-bit"}
)
_MERGE_TAGS = frozenset({"merge", "mergekit"})


def read_card(file: SourceFile | None) -> Said:
    """Return what a model card says; one without front matter, or with bad YAML, says nothing."""
    return card_says(_front_matter(file) if file else {})


def card_says(values: Values) -> Said:
    """Return what the front matter of a model card says."""
    if not values:
        return Said()
    tags = texts(values.get("tags"))
    bases = texts(values.get("base_model"))
    relation = _relation(values, tags, bases)
    languages = texts(values.get("language"))
    found: dict[str, FactValue | None] = {
        "license": _license(values),
        "license_link": text(values, "license_link"),
        "languages": languages,
        "multilingual": len(languages) > 1 or "multilingual" in (*languages, *tags) or None,
        "author": text(values, "model_creator"),
        "quantized_by": text(values, "quantized_by"),
        "title": text(values, "model_name"),
        "trigger_words": texts(values.get("instance_prompt")),
    }
    told = ", ".join(filter(None, (text(values, "pipeline_tag"), relation)))
    return Said(
        base_model=bases[0] if bases else None,
        relation=relation,
        task=text(values, "pipeline_tag"),
        library=text(values, "library_name"),
        details={name: value for name, value in found.items() if value},
        reasons=(f"model card: {told}",) if told else (),
    )


def _license(values: Values) -> str | None:
    license_id = text(values, "license")
    return text(values, "license_name") or license_id if license_id == "other" else license_id


def _relation(values: Values, tags: tuple[str, ...], bases: tuple[str, ...]) -> Relation | None:
    """Infer what the card leaves out as the hub does."""
    said = text(values, "base_model_relation")
    if said in get_args(Relation):
        return cast(Relation, said)
    tagged = {
        tag.split(":")[1] for tag in tags if tag.startswith("base_model:") and ":" in tag[11:]
    }
    explicit = next((each for each in get_args(Relation) if each in tagged), None)
    if explicit:
        return cast(Relation, explicit)
    if not bases:
        return None
    lowered = {tag.lower() for tag in tags}
    if lowered & {"lora", "adapter", "peft"} or text(values, "library_name") == "peft":
        return "adapter"
    if len(bases) > 1 or lowered & _MERGE_TAGS:
        return "merge"
    if (
        lowered & _QUANT_TAGS
        or text(values, "quantized_by")
        or text(values, "library_name") == "gguf"
    ):
        return "quantized"
    return "finetune"


def _front_matter(file: SourceFile) -> Values:
    with file.open() as handle:
        start = handle.read(MAX_CARD_BYTES).decode("utf-8", "replace")
    if not start.startswith("---"):
        return {}
    _, _, rest = start.partition("\n")
    matter, closed, _ = rest.partition("\n---")
    if not closed or len(matter) > MAX_FRONT_CHARS:
        return {}
    return read_yaml(matter)


def read_yaml(matter: str) -> Values:
    """Return the mapping in a YAML text; anything else, or aliases, give an empty one."""
    if "&" in matter and "*" in matter and _has_alias(matter):
        return {}  # a few lines of aliases can stand for gigabytes
    import yaml  # only folders with a card need it

    try:
        value = yaml.load(matter, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return {}
    if not isinstance(value, dict):
        return {}
    return {plain_text(key): each for key, each in value.items() if isinstance(key, str)}


def _has_alias(matter: str) -> bool:
    return any(
        word.startswith("*") and len(word) > 1
        for line in matter.splitlines()
        for word in line.replace(",", " ").replace("[", " ").split()
    )
