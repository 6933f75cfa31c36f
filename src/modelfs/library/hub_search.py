"""What the hub finds, beside what of it is here already."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from modelfs.catalog import blobs, models
from modelfs.errors import BadInput
from modelfs.fetch import hub_search
from modelfs.fetch.hub_client import Sort
from modelfs.fetch.hub_search import Hit, Offer
from modelfs.fetch.machine import Fit, Room, fits
from modelfs.fetch.web import Web
from modelfs.library.fetch_plan import room_of
from modelfs.library.library import Library

Here = Literal["all", "some", "none"]


@dataclass(frozen=True, slots=True)
class FoundVariant:
    """A form in which a model can be had."""

    label: str
    size_bytes: int
    here_bytes: int
    """What the library has of its large files already, from wherever."""
    fits: Fit


@dataclass(frozen=True, slots=True)
class Found:
    """A model of the hub."""

    hit: Hit
    variants: Sequence[FoundVariant]
    models: Sequence[str]
    """Entry names of the models here that came from it."""
    here: Here
    """``all``: every large file of every variant is here."""


def order_named(text: str) -> Sort:
    """Return the order of this name; raises BadInput."""
    if text not in get_args(Sort):
        raise BadInput(f"there is no order {text!r}", f"known: {', '.join(get_args(Sort))}")
    return cast("Sort", text)


def search(
    library: Library,
    web: Web,
    words: str,
    limit: int,
    *,
    task: str | None = None,
    sort: Sort | None = None,
) -> list[Found]:
    """Ask the hub for models, and say of each what is here; as ``fetch.hub_search.search``."""
    hits = hub_search.search(web, words, limit, task=task, sort=sort)
    digests = {digest for hit in hits for offer in hit.variants for digest in offer.sha256s}
    ours = blobs.sealed_among(library.catalog, digests)
    names = _names_by_repository(library)
    room = room_of(library)
    return [_found(hit, ours, names.get(hit.repository.casefold(), ()), room) for hit in hits]


def _found(hit: Hit, ours: Mapping[str, int], names: Sequence[str], room: Room) -> Found:
    wanted = {digest for offer in hit.variants for digest in offer.sha256s}
    here: Here = "all" if wanted and wanted <= ours.keys() else "none"
    if here == "none" and (names or wanted & ours.keys()):
        here = "some"
    return Found(hit, [_variant(offer, ours, room) for offer in hit.variants], names, here)


def _variant(offer: Offer, ours: Mapping[str, int], room: Room) -> FoundVariant:
    here_bytes = sum(ours.get(digest, 0) for digest in set(offer.sha256s))
    return FoundVariant(offer.label, offer.size_bytes, here_bytes, fits(offer.size_bytes, room))


def _names_by_repository(library: Library) -> Mapping[str, Sequence[str]]:
    """Return the names of the models that came from each repository; the hub ignores case."""
    found: dict[str, list[str]] = defaultdict(list)
    for source, name in models.names_by_source(library.catalog, "hf"):
        found[source.removeprefix("hf:").partition("@")[0].casefold()].append(name)
    return found


def documents(found: Sequence[Found]) -> list[dict[str, object]]:
    """Return what ``search --hub --json`` says."""
    return [
        {
            "repository": each.hit.repository,
            "source": f"hf:{each.hit.repository}",
            "task": each.hit.task,
            "downloads": each.hit.downloads,
            "likes": each.hit.likes,
            "license": each.hit.license,
            "gated": each.hit.gated,
            "updated_at": each.hit.updated.isoformat() if each.hit.updated else None,
            "variants": [
                {
                    "label": variant.label,
                    "size_bytes": variant.size_bytes,
                    "here_bytes": variant.here_bytes,
                    "fits": variant.fits,
                }
                for variant in each.variants
            ],
            "here": each.here,
            "models": list(each.models),
        }
        for each in found
    ]
