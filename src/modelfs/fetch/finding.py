"""Which source an address belongs to. The only place that knows them all."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every ``add`` asks whether it is given an address; few are
    from modelfs.fetch.source import Source

_ADDRESS = re.compile(
    r"(?:hf|ollama|civitai|ms|https?|urn):|(?:www\.)?(?:hf\.co|huggingface\.co)/", re.I
)


def is_address(text: str) -> bool:
    """Say whether a text looks like an address of the network, not like a path; costs nothing."""
    return _ADDRESS.match(text) is not None


def is_remote(text: str) -> bool:
    """Say whether a text is an address to fetch from, and no file of that name is here."""
    return is_address(text) and not os.path.lexists(text)


def source_of(text: str) -> Source | None:
    """Return the source that an address belongs to; None for what is no address."""
    if not is_address(text):
        return None
    return next((source for source in _sources() if source.claims(text)), None)


def _sources() -> tuple[Source, ...]:
    from modelfs.fetch.sources.address import AddressSource
    from modelfs.fetch.sources.civitai import CivitaiSource
    from modelfs.fetch.sources.hub import HubSource
    from modelfs.fetch.sources.modelscope import ModelScopeSource
    from modelfs.fetch.sources.ollama import OllamaSource

    # The last takes every address that nobody else claims.
    return HubSource(), CivitaiSource(), OllamaSource(), ModelScopeSource(), AddressSource()
