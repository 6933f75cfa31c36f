"""What Ollama calls a model: host, namespace, model and tag, legal by Ollama's own rules; pure.

The rules: the first character is a letter, a digit or ``_``; then also ``-`` and ``.``, but no
``.`` in a namespace; a host may have a port; 80 characters each, and a host as many as a folder's
name may have. One name that breaks them makes Ollama skip its tidying and warn at every listing.

Names from a source are taken as they are or not at all: Ollama would look for an altered one
elsewhere, and not find it there either.
"""

import re
import unicodedata
from dataclasses import dataclass

from modelfs.catalog.records import ModelRecord

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"
HUB_HOST = "hf.co"

MAX_PART = 80
MAX_TAG = MAX_PART - len("-abcdef-999")
"""A tag that clashes gets a short id and perhaps a number appended, and must stay legal."""

_PART = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{MAX_PART - 1}}}")
_NAMESPACE = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_-]{{0,{MAX_PART - 1}}}")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,254}")

# As uploaders of GGUF files write them; the last mention in a name counts, as on the hub.
_QUANT = re.compile(
    r"(?<![A-Za-z0-9])(?:UD-)?(?:"
    r"I?Q[1-8](?:_K(?:_(?:XXL|XL|S|M|L|P))?|_(?:XXS|XS|NL|XL|S|M)|_0_[48]_[48]|_[01])"
    r"|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|BF16|FP?(?:16|32)|Q[2-8]"
    r")(?![A-Za-z0-9])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class OllamaName:
    """A full name. Equal names clash, and then the views settle who keeps the tag."""

    host: str
    namespace: str
    model: str
    tag: str

    @property
    def folder(self) -> tuple[str, ...]:
        """Where its manifest lies, below the folder of manifests."""
        return self.host, self.namespace, self.model

    @property
    def is_legal(self) -> bool:
        """Whether Ollama takes it."""
        return bool(
            _HOST.fullmatch(self.host)
            and _NAMESPACE.fullmatch(self.namespace)
            and _PART.fullmatch(self.model)
            and _PART.fullmatch(self.tag)
        )


def name_of(model: ModelRecord, path: str) -> OllamaName:
    """Return a model's name; ``path`` is that of its weights, as its source calls the file.

    From Ollama's registry and from the hub the name that Ollama gives what it pulls there; for
    anything else, and for what is no legal name, a plain one made of the model's name.
    """
    kind, _, rest = model.source.partition(":")
    name = None
    if kind == "hf":
        name = _hub_name(rest.partition("@")[0], path)
    elif kind == "ollama":
        name = registry_name(rest)
    if name is None or not name.is_legal:
        return _plain_name(model)
    return OllamaName(name.host, name.namespace, name.model, name.tag[:MAX_TAG])


def registry_name(text: str) -> OllamaName | None:
    """Return the name that ``[[host/]namespace/]model[:tag]`` stands for, legal or not.

    None for what has too many parts.
    """
    *places, last = text.split("/")
    if len(places) > 2:
        return None
    name, _, tag = last.partition(":")
    namespace = places[-1] if places else DEFAULT_NAMESPACE
    host = places[0] if len(places) == 2 else DEFAULT_HOST
    if host == "ollama.com":  # newer releases call their registry so, and take both for one
        host = DEFAULT_HOST
    return OllamaName(host, namespace, name, tag or DEFAULT_TAG)


def quant_in(text: str) -> str | None:
    """Return the last quantisation that a name mentions, in upper case."""
    found = _QUANT.findall(text)
    return found[-1].upper() if found else None


def _hub_name(repository: str, path: str) -> OllamaName | None:
    organisation, slash, name = repository.partition("/")
    if not slash:
        return None
    return OllamaName(HUB_HOST, organisation, name, quant_in(path) or DEFAULT_TAG)


def _plain_name(model: ModelRecord) -> OllamaName:
    quant = quant_in(model.name) or model.facts.quant or ""
    name = _slug(_QUANT.sub("-", model.name), MAX_PART) or _slug(model.name, MAX_PART)
    tag = _slug(quant, MAX_TAG) or DEFAULT_TAG
    return OllamaName(DEFAULT_HOST, DEFAULT_NAMESPACE, name or f"model-{model.short_id}", tag)


def _slug(text: str, limit: int) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    joined = re.sub(r"[^a-z0-9_.]+", "-", plain)
    joined = re.sub(r"-*\.[.-]*", ".", joined)
    return joined.strip("-._")[:limit].rstrip("-._")
