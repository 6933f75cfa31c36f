"""The files that a version at CivitAI has, the best first, under names that do not clash; pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode, urljoin, urlsplit

from modelfs.fetch.file_names import legal_file_name
from modelfs.identify.beside.values import Values, inner, text
from modelfs.names import fold, shorten, split_extension

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_KINDS = ("Model", "Pruned Model", "Negative", "Text Encoder", "VAE", "Archive", "Config")
_WEIGHTS = ("Model", "Pruned Model")
_PARTS = ("Text Encoder", "VAE")
TRAINING_DATA = "Training Data"
CONFIG = "Config"
_FORMATS = ("SafeTensor", "GGUF", "Diffusers", "ONNX", "Core ML", "Other", "PickleTensor")
_PRECISIONS = ("fp16", "bf16", "fp32", "fp8", "nf4")
_BY_EXTENSION = {
    ".safetensors": "SafeTensor",
    ".sft": "SafeTensor",
    ".gguf": "GGUF",
    ".onnx": "ONNX",
    **dict.fromkeys((".ckpt", ".pt", ".pth", ".bin", ".pkl"), "PickleTensor"),
}
_FORMAT_WORDS = {"SafeTensor": "safetensors", "PickleTensor": "pickle", "Other": ""}


@dataclass(frozen=True, slots=True)
class Offer:
    """One file of a version."""

    number: int | None
    name: str
    """Legal, and no other offer of the version has it."""
    type: str
    """What the site calls it: ``Model``, ``VAE``, ``Config``."""
    qualities: Mapping[str, str]
    """``type``, ``format``, ``size``, ``fp``, ``quantType``, as far as the site says."""
    is_primary: bool
    url: str
    size_bytes: int | None
    sha256: str | None
    warning: str = ""

    @property
    def stem(self) -> str:
        """The name without the extension, under which notes lie beside it."""
        return split_extension(self.name)[0]

    @property
    def is_model(self) -> bool:
        """Whether notes about the version are about this file, not about a part it shares."""
        return self.type not in (*_PARTS, CONFIG, TRAINING_DATA)

    @property
    def words(self) -> str:
        """What tells it from the version's other files: ``safetensors fp16 pruned``."""
        kind = "" if self.type in _WEIGHTS else self.type.lower()
        if self.type == "VAE":
            kind = self.type
        format_ = self.qualities.get("format", "")
        said = (self.qualities.get(key, "") for key in ("fp", "quantType", "size"))
        return " ".join(filter(None, (kind, _FORMAT_WORDS.get(format_, format_.lower()), *said)))


def offers(version: Values, site: str) -> list[Offer]:
    """Return the files of a version, the best first.

    The site's own choice comes before other files, safe formats before pickles, models before
    what goes with them.
    """
    listed = version.get("files")
    entries = (
        [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    )
    found = sorted(filter(None, (_offer(entry, site) for entry in entries)), key=_rank)
    return list(_distinct(found))


def labels(found: Sequence[Offer]) -> list[str]:
    """Return a label for each, no two the same."""
    words = [offer.words or offer.name for offer in found]
    times = Counter(words)
    # Names are distinct, so that these are.
    return [
        label if times[label] == 1 else f"{label} {offer.name}"
        for label, offer in zip(words, found, strict=True)
    ]


def _offer(entry: Values, site: str) -> Offer | None:
    name, url = text(entry, "name"), text(entry, "downloadUrl")
    if not name or not url:
        return None
    name = legal_file_name(name)
    type_ = text(entry, "type") or "Model"
    metadata = inner(entry, "metadata")
    qualities = {key: text(metadata, key) or "" for key in ("format", "size", "fp", "quantType")}
    qualities["type"] = type_
    if not qualities["format"]:
        qualities["format"] = _BY_EXTENSION.get(split_extension(name)[1].lower(), "Other")
    number = entry.get("id")
    number = number if type(number) is int else None
    sha256 = text(inner(entry, "hashes"), "SHA256") or ""
    return Offer(
        number,
        name,
        type_,
        qualities,
        entry.get("primary") is True,
        _pinned(urljoin(site + "/", url), number if type_ in _WEIGHTS else None),
        _size_bytes(entry.get("sizeKB")),
        sha256.lower() if _SHA256.fullmatch(sha256) else None,
        _warning(entry),
    )


def _pinned(url: str, number: int | None) -> str:
    """Make a bare link mean this file: to that one, the site may answer with its user's favourite.

    Only of a version's own weights; other files may be those of another version, where the number
    means nothing.
    """
    if number is None or urlsplit(url).query:
        return url
    return f"{url}?{urlencode({'fileId': number})}"


def _size_bytes(size_kb: object) -> int | None:
    """Return the size in bytes where it is told exactly.

    The site divides by 1024, which a float does without loss: what then is no whole number of
    bytes was rounded by somebody, and a wrong size would fail the transfer.
    """
    if type(size_kb) not in (int, float) or not isinstance(size_kb, int | float):
        return None
    size = size_kb * 1024
    return int(size) if 0 < size < 1 << 53 and size == int(size) else None


def _warning(entry: Values) -> str:
    bad = [entry.get(key) for key in ("pickleScanResult", "virusScanResult")]
    return "the site's scan warns of it" if "Danger" in bad else ""


def _rank(offer: Offer) -> tuple[int, bool, bool, int, bool, int]:
    format_ = offer.qualities["format"]
    kind = 0 if offer.type in _WEIGHTS else _place(_KINDS, offer.type)
    return (
        kind,
        format_ == "PickleTensor",
        not offer.is_primary,
        _place(_FORMATS, format_),
        offer.qualities["size"] != "pruned",
        _place(_PRECISIONS, offer.qualities["fp"]),
    )


def _place(order: Sequence[str], value: str) -> int:
    return order.index(value) if value in order else len(order)


def _distinct(found: Sequence[Offer]) -> Iterator[Offer]:
    """Give those another name whose name is taken: the site often has one for all forms.

    Notes lie beside a file under its stem; those of one version are the same, so that a stem may
    be shared.
    """
    taken: set[str] = set()
    for offer in found:
        stem, extension = split_extension(offer.name)
        said = (offer.qualities[key] for key in ("fp", "quantType", "size"))
        wanted = "".join(f"-{legal_file_name(word)}" for word in said if word)
        numbers = (f"{wanted}-{n}" for n in (offer.number, *range(2, len(found) + 2)) if n)
        for suffix in ("", wanted, *numbers):
            name = shorten(stem, len((suffix + extension).encode())) + suffix + extension
            if fold(name) not in taken:
                break
        taken.add(fold(name))
        yield replace(offer, name=name)
