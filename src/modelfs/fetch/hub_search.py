"""Searching the hub, with the sizes of what each model offers.

The hub's list of models has no sizes whatever it is asked for (``siblings`` are names alone there),
so each hit takes one more request; they run side by side, and what comes too late is left out.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from modelfs.errors import ModelfsError
from modelfs.fetch.hub_client import HubModel, Sort, hub
from modelfs.fetch.listing import RemoteFile, Variant
from modelfs.fetch.sources.hub import license_of, remote_files
from modelfs.fetch.variants import variants_of
from modelfs.fetch.web import Web

_AT_ONCE = 8
_SIZES_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Offer:
    """A form in which a model can be had."""

    label: str
    size_bytes: int
    """Of all its files; one of unknown size counts as nothing."""
    sha256s: Sequence[str]
    """Of its large files: by these one knows what is already here."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A model that the hub found."""

    repository: str
    task: str | None
    downloads: int
    """In the last 30 days."""
    likes: int
    license: str | None
    gated: bool
    updated: datetime | None
    variants: Sequence[Offer] = ()
    """The best first; empty where its files could not be listed in time."""


def search(
    web: Web,
    words: str,
    limit: int = 20,
    *,
    task: str | None = None,
    sort: Sort | None = None,
    within_s: float = _SIZES_WITHIN_S,
) -> list[Hit]:
    """Return what the hub finds for these words, in its order or one of these.

    Takes at most ``within_s`` for the sizes after the list has come. Raises AccessDenied and
    Unreachable when there is no list; a hit whose files cannot be listed has no variants.
    """
    models = hub().search(web, words, limit, task=task, sort=sort)
    until_s = time.monotonic() + within_s
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="hub-search")
    try:
        asked = [pool.submit(_offers, web, model.repository) for model in models]
        return [
            replace(_hit(model), variants=_in_time(offers, until_s))
            for model, offers in zip(models, asked, strict=True)
        ]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _hit(model: HubModel) -> Hit:
    return Hit(
        repository=model.repository,
        task=model.task,
        downloads=model.downloads,
        likes=model.likes,
        license=license_of(model),
        gated=bool(model.gated),
        updated=model.updated,
    )


def _in_time(offers: "Future[tuple[Offer, ...]]", until_s: float) -> Sequence[Offer]:
    try:
        return offers.result(max(0.0, until_s - time.monotonic()))
    except (TimeoutError, ModelfsError):
        return ()


def _offers(web: Web, repository: str) -> tuple[Offer, ...]:
    files = remote_files(hub().model(web, repository), web.endpoints.hub)
    by_path = {file.path: file for file in files}
    return tuple(_offer(variant, by_path) for variant in variants_of(files))


def _offer(variant: Variant, by_path: dict[str, RemoteFile]) -> Offer:
    files = [by_path[path] for path in variant.paths]
    return Offer(
        label=variant.label,
        size_bytes=sum(file.size_bytes or 0 for file in files),
        sha256s=tuple(file.sha256 for file in files if file.sha256),
    )
