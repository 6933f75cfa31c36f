"""What CivitAI says of a version, as the note that other programs keep beside it, and as facts."""

import json
from datetime import UTC, datetime
from io import BytesIO

from modelfs.identify.beside.sidecars import read_sidecars
from modelfs.identify.beside.values import Values, inner, text, texts
from modelfs.types import FactValue, SourceFile

NOTE_END = ".civitai.info"
_OF_MODEL = (
    *("name", "type", "nsfw", "poi", "mode", "description", "tags"),
    *("allowNoCredit", "allowCommercialUse", "allowDerivatives", "allowDifferentLicense"),
)
_MAX_PG13 = 2
"""The site's levels are 1 for anybody, 2, 4, 8 and so on for fewer and fewer."""


def note(model: Values, version: Values, number: int) -> bytes:
    """Return the version as the site gives it, with ``model`` and ``creator``, as JSON.

    Without its counters: they would make the note another one at every update.
    """
    about = {**inner(version, "model"), **{key: model[key] for key in _OF_MODEL if key in model}}
    whole = {**version, "modelId": number, "model": about}
    if creator := inner(model, "creator"):
        whole["creator"] = creator
    whole.pop("stats", None)
    return json.dumps(whole, indent=2).encode()


def facts(model: Values, content: bytes) -> dict[str, FactValue]:
    """Return what identification will read from the note, and the licence in words."""
    file = SourceFile(f"x{NOTE_END}", len(content), lambda: BytesIO(content))
    found: dict[str, FactValue] = {}
    for said in read_sidecars({file.path: file}, "x.safetensors"):
        found |= said.details
        if said.base_model:
            found["base_model"] = said.base_model
    if licence := licence_of(model):
        found["license"] = licence
    return found


def licence_of(model: Values) -> str:
    """Return the permissions of a model in words; empty where the site tells none."""
    words = []
    if "allowCommercialUse" in model:
        uses = _uses(model["allowCommercialUse"])
        words.append(f"commercial use: {', '.join(uses)}" if uses else "no commercial use")
    for key, forbidden in (
        ("allowNoCredit", "credit required"),
        ("allowDerivatives", "no derivatives"),
        ("allowDifferentLicense", "same terms for derivatives"),
    ):
        if model.get(key) is False:
            words.append(forbidden)
    return f"CivitAI terms: {'; '.join(words)}" if words else ""


def _uses(value: object) -> list[str]:
    """Read ``["Image", "Rent"]``, or ``"{Image,Rent}"`` as older answers have it."""
    if isinstance(value, str):
        value = value.strip("{}").split(",")
    return sorted(use for use in map(str.lower, texts(value)) if use != "none")


def picture_of(version: Values) -> Values | None:
    """Return the still image that most people may see, the site's first of those."""
    listed = version.get("images")
    stills = [
        each
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict) and each.get("type", "image") == "image" and text(each, "url")
    ]
    return min(stills, key=_nsfw_level, default=None)


def _nsfw_level(image: Values) -> int:
    level = image.get("nsfwLevel")
    if type(level) is int:
        return level
    # Before there were levels it was a word, or yes and no.
    mild = {None: 1, False: 1, "None": 1, "Soft": _MAX_PG13}
    said = image.get("nsfw")
    return mild.get(said, 1 << 10) if isinstance(said, str | bool | None) else 1 << 10


def early_access_until(version: Values) -> str | None:
    """Return until when a version is for those alone who pay: a date, or ``""`` for good.

    None where it is for everybody.
    """
    paid = inner(version, "paidAccess")
    if paid.get("permanent") is True:
        return ""
    end = text(paid, "endsAt") or text(version, "earlyAccessEndsAt")
    if end is None:
        return "" if version.get("availability") == "EarlyAccess" else None
    try:
        moment = datetime.fromisoformat(end)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.date().isoformat() if moment > datetime.now(UTC) else None
